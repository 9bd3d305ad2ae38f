#include "src/app/run_record.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <span>
#include <sstream>

#include "hpc/cube_file.h"
#include "hpc/file_output.h"
#include "hpc/machine.h"
#include "src/app/agreement.h"
#include "src/report/build_info.h"
#include "src/report/json.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

double wall_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string packed(const RankCost& cost) {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out.precision(17);
  const double joules = std::isnan(cost.node_joules) ? -1 : cost.node_joules;  // streams do not read "nan"
  out << cost.cpu_seconds << ' ' << cost.peak_bytes << ' ' << cost.host << ' ' << joules;
  for (const StageTime& s : cost.stages) out << ' ' << s.name << ' ' << s.wall_seconds << ' ' << s.cpu_seconds;
  return out.str();
}

RankCost unpacked(const std::string& text) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  RankCost cost;
  in >> cost.cpu_seconds >> cost.peak_bytes >> cost.host >> cost.node_joules;
  if (cost.node_joules < 0) cost.node_joules = std::numeric_limits<double>::quiet_NaN();
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

// In all cells of the job, by this process and not by one it goes on with.
double scenario_cells_evaluated(const RunRecord& r) {
  return static_cast<double>(r.scenario_cells_done - r.scenario_cells_resumed);
}

// Per million and per 1 % are null where there is nothing to divide.
Json energy_json(const RunRecord& r) {
  constexpr double joules_per_kwh = 3.6e6, nothing = std::numeric_limits<double>::quiet_NaN();
  const Energy energy = energy_of(r);
  const double kwh = energy.joules / joules_per_kwh, evaluated = scenario_cells_evaluated(r);
  const double each = evaluated > 0 ? kwh / evaluated : nothing, cells = static_cast<double>(r.cells);
  const bool known = r.shortfall.cell >= 0;
  Json json;
  json.add("kwh", kwh).add("basis", energy.measured ? "measured" : "estimated");
  json.add("source",
           energy.measured ? "RAPL: all processors of the nodes, whoever used them" : "CPU seconds x watts_per_core");
  json.add("watts_per_core", energy.measured ? nothing : r.watts_per_core);
  json.add("nodes", energy.nodes).add("nodes_read", energy.nodes_read);
  json.add("kwh_per_million_scenario_cells", 1e6 * each).add("kwh_per_million_scenarios", 1e6 * each * cells);
  json.add("es_relative_error", known ? r.shortfall.relative : nothing).add("es_cell", r.shortfall_cell);
  json.add("es_confidence", known ? r.shortfall.confidence : nothing);
  json.add("kwh_for_es_error_of_1_percent",
           known ? cost_of_one_percent(each * cells * static_cast<double>(r.scenarios), r.shortfall.relative) : nothing);
  return json;
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
  const double scenario_cells = scenario_cells_evaluated(r);
  json.add("wall_seconds", wall).add("cpu_seconds", cpu).add("stages", stages_json(r.costs));
  const auto rate = [&](double things) { return cpu > 0 && scenario_cells > 0 ? things * scenario_cells / cpu : 0; };
  json.add("obligor_scenarios_per_cpu_second", rate(static_cast<double>(r.obligors)));
  json.add("revaluations_per_cpu_second", rate(static_cast<double>(r.positions) * static_cast<double>(r.steps_valued)));
  json.add("cpu_seconds_per_rank", cpu_of_rank).add("peak_memory_bytes_per_rank", peak);
}

std::vector<Json> quarantined_json(const std::vector<QuarantinedRecord>& positions) {
  std::vector<Json> all;
  all.reserve(positions.size());
  for (const QuarantinedRecord& p : positions)
    all.push_back(Json()
                      .add("instrument", p.instrument)
                      .add("id", p.id)
                      .add("node", p.node)
                      .add("reason", p.reason)
                      .add("cell", p.cell)
                      .add("scenario", p.scenario)
                      .add("share", p.share));
  return all;
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

std::vector<RankCost> gather_costs(Communicator& world, const StageClock& clock, EnergyMeter& meter) {
  std::vector<RankCost> costs;
  for (const std::string& text :
       gather(world, packed({clock.stages(), cpu_seconds(), peak_bytes(), host_name(), meter.joules()})))
    costs.push_back(unpacked(text));
  return costs;
}

Energy energy_of(const RunRecord& r) {
  std::vector<RankEnergy> ranks;
  for (const RankCost& cost : r.costs) ranks.push_back({cost.host, cost.node_joules, cost.cpu_seconds});
  return total_energy(ranks, r.watts_per_core);
}

std::string cost_line(const RunRecord& r) {
  double cpu = 0;
  std::size_t peak = 0;
  for (const RankCost& cost : r.costs) cpu += cost.cpu_seconds, peak = std::max(peak, cost.peak_bytes);
  const Energy energy = energy_of(r);
  return significant(cpu, 3) + " CPU seconds, at most " + bytes_text(static_cast<double>(peak)) + " a rank, " +
         significant(energy.joules / 3600, 2) + " Wh (" +
         (energy.measured ? "measured, all that runs on the nodes)"
                          : "estimated, " + significant(r.watts_per_core, 3) + " W a core)");
}

void record_job(RunRecord& record, const Job& job, const std::filesystem::path& file) {
  record.job_file = std::filesystem::absolute(file).lexically_normal().string();
  record.job = job.name;
  record.digest = job.digest;
  record.sampler = job.credit.sampler == Sampler::sparse ? "sparse" : "per_obligor";
  record.seed = job.seed;
  record.scenarios = job.scenarios;
  record.cells = job.cells.size();
  record.obligors = job.obligors.size();
  for (const PositionTable& table : job.tables) record.positions += table.positions.size();
  record.steps_valued = job.report_steps.size();
}

std::string to_json(const RunRecord& r) {
  Json json;
  json.add("status", r.status).add("exit_code", r.exit_code).add("message", r.message);
  json.add("job", r.job).add("job_file", r.job_file).add("job_digest", r.digest).add("started", r.started);
  json.add("version", program_version()).add("commit", program_commit()).add("compiler", compiler());
  json.add("mpi", mpi_version()).add("hdf5", hdf5_version()).add("simd", r.simd);
  json.add("seed", r.seed).add("scenarios", r.scenarios).add("cells", r.cells).add("sampler", r.sampler);
  json.add("obligors", r.obligors).add("positions", r.positions).add("steps_valued", r.steps_valued);
  json.add("ranks", r.threads.size()).add("threads_per_rank", r.threads).add("tiles_per_rank", r.tiles);
  json.add("memory_budget_bytes", r.memory_budget_bytes).add("planned_memory_bytes", r.planned_bytes);
  if (!r.shard.empty()) json.add("shard", r.shard);
  if (!r.scenarios_wanted.empty()) json.add("scenarios_wanted", r.scenarios_wanted);
  json.add("quarantine_rounds", r.quarantine_rounds).add("quarantined_share", r.quarantined_share);
  json.add("quarantined", quarantined_json(r.quarantined));
  add_costs(json, r);
  json.add("energy", energy_json(r));
  json.add("scenario_cells_done", r.scenario_cells_done).add("scenario_cells_resumed", r.scenario_cells_resumed);
  json.add("checkpoints", Json()
                              .add("written", r.checkpoints.written)
                              .add("failed", r.checkpoints.failed)
                              .add("wall_seconds", r.checkpoints.seconds)
                              .add("bytes", r.checkpoints.bytes));
  json.add("loss_unit", r.loss_unit).add("cube_bytes", r.cube_bytes);
  return json.text() + "\n";
}

void write_run_record(const std::filesystem::path& path, const RunRecord& record) {
  const std::string text = to_json(record);
  write_whole_file(path, {std::as_bytes(std::span(text))});
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
