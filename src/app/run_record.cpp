#include "src/app/run_record.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <sstream>

#include "hpc/cube_file.h"
#include "hpc/machine.h"
#include "src/app/agreement.h"
#include "src/report/build_info.h"
#include "src/report/json.h"

namespace tailcube {
namespace {

double wall_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string packed(const RankCost& cost) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out.precision(17);
  out << cost.cpu_seconds << ' ' << cost.peak_bytes;
  for (const StageTime& s : cost.stages) out << ' ' << s.name << ' ' << s.wall_seconds << ' ' << s.cpu_seconds;
  return out.str();
}

RankCost unpacked(const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  RankCost cost;
  in >> cost.cpu_seconds >> cost.peak_bytes;
  for (StageTime s; in >> s.name >> s.wall_seconds >> s.cpu_seconds;) cost.stages.push_back(s);
  return cost;
}

// Wall time as rank 0 saw it, CPU time of all ranks.
Json stages_json(const std::vector<RankCost>& costs) {
  Json stages;
  if (costs.empty()) return stages;
  for (const StageTime& first : costs[0].stages) {
    double cpu = 0;
    for (const RankCost& rank : costs)
      for (const StageTime& s : rank.stages)
        if (s.name == first.name) cpu += s.cpu_seconds;
    stages.add(first.name, Json().add("wall_seconds", first.wall_seconds).add("cpu_seconds", cpu));
  }
  return stages;
}

void add_costs(Json& json, const RunRecord& r) {
  double wall = 0, cpu = 0;
  std::vector<std::size_t> peak;
  std::vector<double> cpu_of_rank;
  for (const RankCost& cost : r.costs) {
    cpu += cost.cpu_seconds;
    peak.push_back(cost.peak_bytes);
    cpu_of_rank.push_back(cost.cpu_seconds);
  }
  if (!r.costs.empty())
    for (const StageTime& s : r.costs[0].stages) wall += s.wall_seconds;
  const double scenario_cells = r.status == "complete" ? static_cast<double>(r.scenarios) * static_cast<double>(r.cells) : 0;
  json.add("wall_seconds", wall).add("cpu_seconds", cpu).add("stages", stages_json(r.costs));
  const auto rate = [&](double things) { return cpu > 0 && scenario_cells > 0 ? things * scenario_cells / cpu : 0; };
  json.add("obligor_scenarios_per_cpu_second", rate(static_cast<double>(r.obligors)));
  json.add("revaluations_per_cpu_second", rate(static_cast<double>(r.positions) * static_cast<double>(r.steps_valued)));
  json.add("cpu_seconds_per_rank", cpu_of_rank).add("peak_memory_bytes_per_rank", peak);
}

[[noreturn]] void fail(const std::filesystem::path& part, const std::filesystem::path& path) {
  const std::string cause = std::strerror(errno);
  std::error_code ignored;
  std::filesystem::remove(part, ignored);
  throw FileError(path.string() + ": " + cause);
}

void write_all(int file, const std::string& text, const std::filesystem::path& part, const std::filesystem::path& path) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(file, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      const int cause = errno;
      ::close(file);
      errno = cause;
      fail(part, path);
    }
    done += static_cast<std::size_t>(n);
  }
}

}  // namespace

void StageClock::start(const std::string& name) {
  stop();
  stages_.push_back({name, 0, 0});
  wall_ = wall_seconds();
  cpu_ = cpu_seconds();
  running_ = true;
}

void StageClock::stop() {
  if (!running_) return;
  stages_.back().wall_seconds = wall_seconds() - wall_;
  stages_.back().cpu_seconds = cpu_seconds() - cpu_;
  running_ = false;
}

std::vector<RankCost> gather_costs(Communicator& world, const StageClock& clock) {
  std::vector<RankCost> costs;
  for (const std::string& text : gather(world, packed({clock.stages(), cpu_seconds(), peak_bytes()})))
    costs.push_back(unpacked(text));
  return costs;
}

std::string to_json(const RunRecord& r) {
  Json json;
  json.add("status", r.status).add("exit_code", r.exit_code).add("message", r.message);
  json.add("job", r.job).add("job_digest", r.digest).add("started", r.started);
  json.add("version", program_version()).add("commit", program_commit()).add("compiler", compiler());
  json.add("mpi", mpi_version()).add("hdf5", hdf5_version()).add("simd", r.simd);
  json.add("seed", r.seed).add("scenarios", r.scenarios).add("cells", r.cells).add("sampler", r.sampler);
  json.add("obligors", r.obligors).add("positions", r.positions).add("steps_valued", r.steps_valued);
  json.add("ranks", r.threads.size()).add("threads_per_rank", r.threads).add("tiles_per_rank", r.tiles);
  json.add("memory_budget_bytes", r.memory_budget_bytes).add("planned_memory_bytes", r.planned_bytes);
  add_costs(json, r);
  json.add("loss_unit", r.loss_unit).add("cube_bytes", r.cube_bytes);
  return json.text() + "\n";
}

void write_run_record(const std::filesystem::path& path, const RunRecord& record) {
  const std::filesystem::path part = path.string() + ".part";
  const int file = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail(part, path);
  write_all(file, to_json(record), part, path);
  const bool synced = ::fsync(file) == 0;
  if (::close(file) != 0 || !synced || ::rename(part.c_str(), path.c_str()) != 0) fail(part, path);
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace tailcube
