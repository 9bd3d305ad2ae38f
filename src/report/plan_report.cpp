#include "src/report/plan_report.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/report/json.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

using Basis = PlannedQuantity::Basis;

class List {
 public:
  void section(std::string name) { section_ = std::move(name); }
  void counted(std::string name, double value, std::string unit = "1", std::string note = {}) {
    add(std::move(name), {value, value, value}, std::move(unit), Basis::counted, std::move(note));
  }
  void bound(std::string name, double value, std::string unit, std::string note = {}) {
    add(std::move(name), {value, 0, value}, std::move(unit), Basis::bound, std::move(note));
  }
  void measured(std::string name, Estimate value, std::string unit, std::string note = {}) {
    add(std::move(name), value, std::move(unit), Basis::measured, std::move(note));
  }
  void suggested(std::string name, double value, std::string unit, std::string note = {}) {
    add(std::move(name), {value, value, value}, std::move(unit), Basis::suggested, std::move(note));
  }
  std::vector<PlannedQuantity> all;

 private:
  void add(std::string name, Estimate amount, std::string unit, Basis basis, std::string note) {
    all.push_back({section_, std::move(name), amount, std::move(unit), basis, std::move(note)});
  }
  std::string section_;
};

Estimate certain(double value) { return {value, value, value}; }

int largest_group(const Plan& plan) {
  int cells = 0;
  for (const CellRange group : plan.groups) cells = std::max(cells, group.end - group.begin);
  return cells;
}

void add_work(List& list, const PlanReport& r) {
  list.section("work");
  list.counted("scenarios", static_cast<double>(r.job.scenarios), "1", "in each cell");
  list.counted("cells", static_cast<double>(r.job.cells.size()));
  list.counted("nodes", static_cast<double>(r.job.nodes.size()));
  list.counted("horizons", static_cast<double>(r.job.report_steps.size()));
  list.counted("groups", static_cast<double>(r.plan.groups.size()), "1", "evaluated one after the other");
  list.counted("cells_per_group", largest_group(r.plan), "1", "at most");
  list.counted("tiles", static_cast<double>(r.plan.tiles.size()), "1", "of each group");
  list.counted("scenarios_per_tile", static_cast<double>(r.plan.tile_scenarios));
}

void add_memory(List& list, const PlanReport& r) {
  const auto evaluating = static_cast<double>(r.plan.total_bytes), starting = static_cast<double>(r.start_bytes);
  list.section("memory");
  list.measured("memory_to_start", certain(starting), "byte", "each rank, to read and compile the job");
  list.bound("memory_per_rank", evaluating, "byte", "to evaluate and merge");
  if (r.plan.second_look_bytes > 0)
    list.bound("memory_second_look", static_cast<double>(r.plan.fixed_bytes + r.plan.second_look_bytes), "byte",
               "contributions by column, after the tallies");
  list.counted("memory_allowed_per_rank", static_cast<double>(r.plan.budget_bytes), "byte");
  list.bound("memory_per_node", std::max(evaluating, starting) * r.layout.ranks_per_node, "byte",
             std::to_string(r.layout.ranks_per_node) + " rank(s) a node");
}

void add_calibration(List& list, const Calibration& c, double cells) {
  list.section("calibration");
  list.counted("calibration_scenarios", static_cast<double>(c.scenarios), "1", "in each cell, from the first to the last");
  list.counted("calibration_tiles", static_cast<double>(c.seconds_per_scenario.size()));
  list.measured("cpu_per_scenario_and_cell", mean_of(c.seconds_per_scenario) * (1e6 / cells), "microsecond",
                "one thread, all cells together");
}

void add_cost(List& list, const PlanReport& r, const Forecast& f) {
  const Calibration& c = *r.calibration;
  list.section("files");
  list.measured("cube_size", f.cube_bytes, "byte");
  list.measured("tally_size", f.tally_bytes, "byte", "a checkpoint, all shards, the .tally beside the cube");
  list.bound("tally_size_bound", f.tally_bytes_bound, "byte");
  list.section("time");
  list.measured("start_cpu_time", certain(c.start_seconds), "second", "each rank: loading, reading, compiling");
  list.measured("evaluate_cpu_time", f.evaluate_seconds, "second", "all ranks");
  list.measured("second_look_cpu_time", f.second_look_seconds, "second", "all ranks: the tails again, for contributions");
  list.measured("cpu_time", f.cpu_seconds, "second", "all ranks, from start to end");
  list.measured("start_wall_time", f.start_wall, "second");
  list.measured("evaluate_wall_time", f.evaluate_wall, "second", "shared out evenly, up to one tile");
  list.measured("merge_wall_time", f.merge_wall, "second");
  list.measured("finish_wall_time", f.finish_wall, "second", "second look, then estimates and cube on rank 0");
  list.measured("wall_time", f.wall_seconds, "second");
  list.measured("energy", f.cpu_seconds * (r.watts_per_core / 3.6e6), "kWh",
                "taking " + significant(r.watts_per_core, 3) + " W a core");
  list.measured("efficiency", certain(f.efficiency), "1", "evaluate and second_look_cpu_time over wall_time and all cores");
}

void add_answer(List& list, const PlanReport& r, const Forecast& f) {
  const Estimate error = shortfall_error(r.job, *r.calibration);
  if (!(error.value > 0)) return;
  const auto times = [](double relative) { return relative / 0.01 * relative / 0.01; };
  const Estimate more{times(error.value), times(error.low), times(error.high)};
  list.section("answer");
  list.measured("es_relative_error", error, "1",
                "standard error of the total's ES " + percent(r.job.confidence.back().value()) + ", worst cell");
  list.measured("scenarios_for_es_error_of_1_percent", more * static_cast<double>(r.job.scenarios), "1");
  list.measured("energy_for_es_error_of_1_percent", more * (f.cpu_seconds.value * r.watts_per_core / 3.6e6), "kWh");
}

void add_suggestions(List& list, const PlanReport& r, const Forecast& given) {
  Layout layout = r.layout;
  layout.ranks = suggested_ranks(r.job, r.book, r.plan, *r.calibration, layout);
  const Forecast best = forecast(r.job, r.book, r.plan, *r.calibration, layout);
  list.section("suggested");
  list.suggested("suggested_ranks", layout.ranks, "1", "the most that stay 90 % efficient");
  list.measured("suggested_ranks_wall_time", best.wall_seconds, "second");
  list.suggested("wall_limit", suggested_wall_limit(given), "second", "to ask a batch system for, for the ranks given");
  list.suggested("checkpoint_interval", suggested_checkpoint_interval(given), "second",
                 "one takes " + significant(given.checkpoint_seconds, 2) + " s");
}

const char* words(Basis basis) {
  switch (basis) {
    case Basis::counted:
      return "counted";
    case Basis::bound:
      return "bound";
    case Basis::measured:
      return "measured";
    case Basis::suggested:
      return "suggested";
  }
  return "";
}

std::string amount_text(double value, const std::string& unit) {
  if (std::isinf(value)) return "unknown";
  if (unit == "byte") return bytes_text(value);
  if (unit == "second") return value < 9.95 ? significant(value, 2) + " s" : duration_text(value);
  if (unit == "kWh") return significant(value, 2) + " kWh";
  if (unit == "microsecond") return significant(value, 3) + " us";
  return value == std::floor(value) || value > 1000 ? grouped(value) : significant(value, 2);
}

std::string spread_text(const PlannedQuantity& q) {
  if (q.basis == Basis::bound) return "at most";
  if (q.amount.low == q.amount.high) return "";
  return amount_text(q.amount.low, q.unit) + " to " + amount_text(q.amount.high, q.unit);
}

std::vector<std::string> assumptions(const PlanReport& r) {
  std::vector<std::string> all;
  if (r.calibration != nullptr) {
    all.emplace_back(
        "Ranges of times are 95 % intervals of the tiles' mean on this machine at this moment; another machine has another "
        "speed.");
    all.emplace_back(
        "Wall time takes a core for each thread and nothing else on it; starting mpirun or srun is not in it. Merging and");
    all.emplace_back("checkpoints are measured where they compute, with " + bytes_text(network_bytes_per_second) +
                     " a second of network and " + bytes_text(storage_bytes_per_second) + " a second of storage assumed.");
  }
  for (const std::string& note : r.notes) all.push_back(note);
  return all;
}

}  // namespace

std::vector<PlannedQuantity> plan_quantities(const PlanReport& r) {
  List list;
  add_work(list, r);
  list.section("layout");
  list.counted("ranks", r.layout.ranks);
  list.counted("threads_per_rank", r.layout.threads);
  list.counted("nodes_of_machine", r.layout.nodes());
  add_memory(list, r);
  if (r.calibration == nullptr) return std::move(list.all);
  const Forecast f = forecast(r.job, r.book, r.plan, *r.calibration, r.layout);
  add_calibration(list, *r.calibration, static_cast<double>(r.job.cells.size()));
  add_cost(list, r, f);
  add_answer(list, r, f);
  add_suggestions(list, r, f);
  return std::move(list.all);
}

void write_plan(std::ostream& out, const PlanReport& r) {
  out << "Plan of " << r.job.name << ", digest " << r.job.digest.substr(0, 12) << "\n";
  std::string section;
  for (const PlannedQuantity& q : plan_quantities(r)) {
    if (q.section != section) out << "\n" << q.section << "\n";
    section = q.section;
    std::string line = "  " + left(q.name, 37) + right(amount_text(q.amount.value, q.unit), 13) + "  " +
                       left(spread_text(q), 28) + left(words(q.basis), 11) + q.note;
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  }
  const std::vector<std::string> lines = assumptions(r);
  if (!lines.empty()) out << "\n";
  for (const std::string& line : lines) out << line << "\n";
}

std::string plan_json(const PlanReport& r) {
  Json json, named;
  for (const PlannedQuantity& q : plan_quantities(r))
    named.add(q.name, Json()
                          .add("value", q.amount.value)
                          .add("low", q.amount.low)
                          .add("high", q.amount.high)
                          .add("unit", q.unit)
                          .add("basis", words(q.basis)));
  json.add("job", r.job.name).add("job_digest", r.job.digest).add("quantities", named);
  json.add("notes", assumptions(r));
  return json.text() + "\n";
}

}  // namespace tailcube
