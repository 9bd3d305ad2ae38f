#include "src/app/revisit.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <map>
#include <unordered_map>

#include "hpc/machine.h"
#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/app/replay_input.h"
#include "src/input/issues.h"
#include "src/report/build_info.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

// Years as a number, or "3 months" as the tables write it; without the blank and the plural, too.
int horizon_of(const std::string& text, const std::vector<double>& years) {
  if (text.empty()) return static_cast<int>(years.size()) - 1;
  double number = 0;
  const bool is_number = parse_number(text, number) == NumberText::number;
  std::string all;
  for (std::size_t h = 0; h < years.size(); ++h) {
    if (is_number ? std::abs(number - years[h]) < 5e-4 : text == horizon_text(years[h])) return static_cast<int>(h);
    all += (h ? ", " : "") + horizon_text(years[h]);
  }
  refuse("--horizon: the cube has no " + in_quotes(text) + "; it has " + all + " (or a number of years)");
}

}  // namespace

void add_revisit(CLI::App& app, RevisitOptions& wanted) {
  app.add_option("cube", wanted.cube, "a cube, or the folder with cube.h5")->required();
  app.add_option("--cell", wanted.cell, "stress cell (default: the first)")->type_name("NAME");
  app.add_option("--node", wanted.node, "node of the portfolio, for instance total/credit (default: total)")
      ->type_name("PATH");
  app.add_option("--horizon", wanted.horizon,
                 "time from today: years, or as the tables write it, \"3 months\" (default: the last)")
      ->type_name("TIME");
  app.add_option("--job", wanted.job, "folder of the job's files (default: this folder, or that of the cube)")
      ->type_name("FOLDER");
  app.add_option("--most", wanted.most, "rows of long lists (default 20); 0: all")->type_name("N");
  using Format = RevisitOptions::Format;
  static const std::map<std::string, Format> formats{{"text", Format::text}, {"csv", Format::csv}, {"json", Format::json}};
  app.add_option("--format", wanted.format, "text (default), csv or json")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case).description(""))
      ->type_name("FORMAT");
}

void add_threads(CLI::App& app, int& threads) {
  app.add_option("--threads", threads, "threads (default: the cores that this process may use)")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("N");
}
int threads_or_cores(int threads) { return threads != 0 ? threads : read_machine().cores_allowed(); }

int place_of(const std::string& option, const std::string& name, const std::vector<std::string>& known) {
  for (std::size_t i = 0; i < known.size(); ++i)
    if (known[i] == name) return static_cast<int>(i);
  const std::vector<std::string_view> names(known.begin(), known.end());
  refuse(option + ": the cube has no " + in_quotes(name) + Issues().suggest(name, names));
}

Revisit revisit(const RevisitOptions& wanted, CubePart part, const std::function<void(const Revisit&)>& check) {
  Revisit out;
  out.path = wanted.cube;
  if (std::filesystem::is_directory(out.path)) out.path /= "cube.h5";
  if (!std::filesystem::exists(out.path)) throw Stop{exit_code::missing, out.path.string() + ": no such file"};
  std::size_t cell = 0;
  const auto choose = [&](const std::vector<std::string>& cells) {
    return cell = wanted.cell.empty() ? 0 : static_cast<std::size_t>(place_of("--cell", wanted.cell, cells));
  };
  out.file = part == CubePart::tail
                 ? read_cube_cell(out.path, choose)
                 : read_cube_file(out.path, {"distribution", "contribution", "contribution_by", "concentration"});
  if (part == CubePart::all) out.cell = static_cast<int>(choose(out.file.cube.cells));
  out.is_first_cell = cell == 0;
  const Cube& cube = out.file.cube;
  out.node = wanted.node.empty() ? 0 : place_of("--node", wanted.node, cube.nodes);
  out.horizon = horizon_of(wanted.horizon, cube.horizon_years);
  if (check) check(out);
  out.job = read_job_of(out.path, out.file, job_folder(out.path, out.file.provenance, wanted.job));
  out.job.digest = out.file.header.job_digest;
  if (part == CubePart::tail) out.job.cells = {out.job.cells.at(cell)};
  return out;
}

int run_revisit(const std::function<void()>& command) {
  Failure failure;
  try {
    failure = attempt(command);
  } catch (const Stop& stop) {
    failure = {stop.exit_code, stop.text};
  }
  if (failure.exit_code == exit_code::io) failure.exit_code = exit_code::invalid;
  if (failure.exit_code != exit_code::ok) log_error(failure.text);
  return failure.exit_code;
}

std::size_t compare_with_tail(const Revisit& at, const ScenarioSample& sample) {
  const Cube& cube = at.file.cube;
  std::unordered_map<std::int64_t, std::size_t> place;
  for (std::size_t i = 0; i < sample.size(); ++i) place[sample.scenario[i]] = i;
  const auto ranks = static_cast<std::size_t>(cube.tail_ranks);
  std::size_t compared = 0;
  for (int node = 0; node < static_cast<int>(cube.nodes.size()); ++node) {
    const std::size_t first = cube.at(0, at.cell, node, at.horizon) * ranks;
    for (std::size_t r = first; r < first + ranks && cube.tail_valid[r] != 0; ++r) {
      const auto found = place.find(cube.tail_scenario[r]);
      if (found == place.end()) continue;
      ++compared;
      const double again = static_cast<double>(sample.loss_of(found->second, static_cast<std::size_t>(node))) * cube.unit;
      if (again == cube.tail_loss[r]) continue;
      throw Stop{exit_code::internal,
                 "scenario " + std::to_string(cube.tail_scenario[r]) + " of cell \"" +
                     cube.cells[static_cast<std::size_t>(at.cell)] +
                     "\" is not the run's: " + cube.nodes[static_cast<std::size_t>(node)] + " loses " + shortest(again) +
                     " after " + horizon_text(cube.horizon_years[static_cast<std::size_t>(at.horizon)]) + ", the cube has " +
                     shortest(cube.tail_loss[r]) + ". The cube was written by " + at.file.header.source +
                     "; this is tailcube " + program_version() + " (commit " + program_commit() + ", " + compiler() + ")"};
    }
  }
  return compared;
}

}  // namespace tailcube
