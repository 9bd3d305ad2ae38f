#include "src/report/compare_report.h"

#include <algorithm>
#include <cmath>
#include <ostream>

namespace tailcube {
namespace {

constexpr std::size_t listed_differences = 30, listed_names = 8, listed_settings = 30;

std::string counted(std::size_t n, const std::string& what) {
  return grouped(static_cast<double>(n)) + " " + what + (n == 1 ? "" : "s");
}

std::string names(const std::vector<std::string>& all) {
  std::string text;
  for (std::size_t i = 0; i < std::min(all.size(), listed_names); ++i) text += (i ? ", " : "") + all[i];
  return all.size() > listed_names ? text + " and " + std::to_string(all.size() - listed_names) + " more" : text;
}

std::string setting(const std::string& value, int line) {
  if (value.empty()) return "(not there)";
  std::string shown = value.size() > 60 ? value.substr(0, 57) + "..." : value;
  return shown + " (line " + std::to_string(line) + ")";
}

std::string position_counts(const Causes::Counts& counts) {
  std::string text;
  const auto add = [&](int n, const char* sign) {
    if (n > 0) text += (text.empty() ? "" : " ") + std::string(sign) + std::to_string(n);
  };
  add(counts.added, "+");
  add(counts.removed, "-");
  add(counts.changed, "~");
  return text;
}

void write_input(std::ostream& out, const InputChange& input) {
  out << "  " << input.role << ": " << (input.before.empty() ? input.after : input.before);
  if (input.before.empty()) out << " is new";
  if (input.after.empty()) out << " is gone";
  if (!input.before.empty() && !input.after.empty() && input.before != input.after) out << " -> " << input.after;
  if (!input.unread.empty()) {
    out << (input.before.empty() || input.after.empty() ? "" : " has other contents, not looked at: " + input.unread)
        << "\n";
    return;
  }
  std::vector<std::string> added, removed, changed, columns;
  for (const RowChange& row : input.table.rows) {
    (row.kind == RowChange::Kind::added     ? added
     : row.kind == RowChange::Kind::removed ? removed
                                            : changed)
        .push_back(row.id);
    for (const std::string& column : row.columns)
      if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
  }
  if (!input.table.by_id || input.table.rows.empty()) {
    out << ": " << counted(input.table.lines, "line") << (input.table.lines == 1 ? " differs\n" : " differ\n");
    return;
  }
  const auto part = [&](const std::vector<std::string>& ids, const std::string& what) {
    if (!ids.empty()) out << "\n    " << ids.size() << " " << what << ": " << names(ids);
  };
  part(added, "added");
  part(removed, "removed");
  part(changed, "changed in " + names(columns));
  out << "\n";
}

class CompareText {
 public:
  CompareText(std::ostream& out, const CompareReport& report, const Terminal& terminal)
      : out_(out), report_(report), terminal_(terminal) {}
  void write() {
    out_ << "a: " << report_.name_a << "\nb: " << report_.name_b << "\n";
    causes();
    axes();
    differences();
    verdict();
  }

 private:
  void causes() {
    const Causes& causes = report_.causes;
    out_ << "\n" << terminal_.strong("What was changed from a to b") << "\n";
    if (causes.same_job) out_ << "  nothing: job and inputs are the same to the last byte\n";
    if (causes.program_before != causes.program_after)
      out_ << "  program: " << causes.program_before << "\n        -> " << causes.program_after << "\n";
    for (std::size_t i = 0; i < std::min(causes.settings.size(), listed_settings); ++i) {
      const JobChange& change = causes.settings[i];
      out_ << "  " << change.key << ": " << setting(change.before, change.line_before) << " -> "
           << setting(change.after, change.line_after) << "\n";
    }
    if (causes.settings.size() > listed_settings)
      out_ << "  and " << causes.settings.size() - listed_settings << " more settings; all of them with --format json\n";
    for (const InputChange& input : causes.inputs) write_input(out_, input);
  }

  void axes() {
    for (const AxisDifference& axis : report_.comparison.axes) {
      if (!axis.only_a.empty()) out_ << "  " << axis.axis << " only in a: " << names(axis.only_a) << "\n";
      if (!axis.only_b.empty()) out_ << "  " << axis.axis << " only in b: " << names(axis.only_b) << "\n";
    }
  }

  std::string where(const Difference& d) const {
    const Cube& cube = report_.a;
    const auto at = [](int place) { return static_cast<std::size_t>(place); };
    const std::string node = cube.nodes[at(d.a.node)];
    if (d.figure == nullptr) return node + ": value today";
    const std::string& of = d.a.edge >= 0 ? cube.edges[at(d.a.edge)] : d.a.part >= 0 ? cube.parts[at(d.a.part)] : node;
    return of + " | " + cube.cells[at(d.a.cell)] + " | " + horizon_text(cube.horizon_years[at(d.a.horizon)]) + " | " +
           cube.quantities[at(d.a.quantity)] + " " + d.figure->title +
           (d.figure->by_confidence ? " " + percent(cube.confidence[at(d.a.confidence)].value()) : "");
  }

  void differences() {
    const Comparison& found = report_.comparison;
    if (found.beyond.empty()) return;
    double largest = 0;
    for (const Difference& d : found.beyond)
      if (d.figure == nullptr || d.figure->money)
        for (const double value : {d.before, d.after})
          if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    const MoneyScale money = money_scale(largest, report_.a.currency);
    out_ << "\n" << terminal_.strong("What differs, in " + money.unit + ", ± is half a 95 % interval of b - a") << "\n";
    const bool counts = !report_.causes.by_node.empty();
    std::vector<std::string> heads{"a", "b", "b - a", "errors"};
    if (counts) heads.insert(heads.begin(), "positions");
    TerminalTable table(heads);
    for (std::size_t i = 0; i < std::min(found.beyond.size(), listed_differences); ++i) {
      const Difference& d = found.beyond[i];
      const bool share = d.figure != nullptr && !d.figure->money;
      const auto text = [&](double value) { return share ? significant(100 * value, 4) + " %" : money(value); };
      const auto error_text = [&](double value) { return share ? text(value) : money.error(value); };
      const std::string error = d.errors == Errors::exact ? ""
                                : std::isnan(d.se)        ? " ±?"
                                                          : " ±" + error_text(normal_95 * d.se);
      std::vector<std::string> cells{text(d.before), text(d.after), text(d.difference()) + error, to_string(d.errors)};
      if (counts) {
        const auto found_counts = report_.causes.by_node.find(report_.a.nodes[static_cast<std::size_t>(d.a.node)]);
        cells.insert(cells.begin(),
                     found_counts == report_.causes.by_node.end() ? "none" : position_counts(found_counts->second));
      }
      table.add(where(d), cells);
    }
    table.write(out_, terminal_);
    if (found.beyond.size() > listed_differences)
      out_ << "  and " << grouped(static_cast<double>(found.beyond.size() - listed_differences))
           << " more, each fewer multiples of its error; all of them with --format json\n";
    if (counts) out_ << "  positions: + added, - removed, ~ changed at the node or below\n";
  }

  void verdict() {
    const Comparison& found = report_.comparison;
    out_ << "\n"
         << counted(found.compared, "figure") << " compared: " << grouped(static_cast<double>(found.equal))
         << " equal to the last bit, " << grouped(static_cast<double>(found.within)) << " within tolerance or noise, "
         << grouped(static_cast<double>(found.beyond.size())) << " beyond.\n";
    const std::size_t noisy = found.paired + found.independent;
    if (noisy > 0)
      out_ << "Noise: up to " << significant(found.sigma, 3) << " standard errors of the difference"
           << (report_.request.sigma ? "" : ", which noise alone exceeds anywhere with a probability of 5 % at most")
           << ".\n"
           << "  paired errors for " << grouped(static_cast<double>(found.paired))
           << " figures: the same scenarios in both, correlated through those listed in /tail\n"
           << "  independent errors for " << grouped(static_cast<double>(found.independent))
           << (report_.request.same_scenarios
                   ? ": the same scenarios, but /tail does not have what it takes; more than the true error, as a rule\n"
                   : ": seed, sampler or number of scenarios differ\n");
    if (found.without_error > 0)
      out_ << "  no error for " << grouped(static_cast<double>(found.without_error)) << ": judged by the tolerances alone\n";
    if (report_.causes.same_job && report_.causes.program_before == report_.causes.program_after &&
        found.equal != found.compared)
      out_ << "One job and one program must give one cube: this is an error of the program or of a machine.\n";
    unexplained();
  }

  void unexplained() {
    const Causes& causes = report_.causes;
    if (causes.by_node.empty() || !causes.positions_known) return;
    std::vector<std::string> nodes;
    for (const Difference& d : report_.comparison.beyond) {
      const std::string& node = report_.a.nodes[static_cast<std::size_t>(d.a.node)];
      if (!causes.by_node.contains(node) && std::find(nodes.begin(), nodes.end(), node) == nodes.end())
        nodes.push_back(node);
    }
    if (nodes.empty())
      out_ << "Every node that differs holds a position that was added, removed or changed.\n";
    else
      out_ << "No position was added, removed or changed in " << names(nodes) << ", which differ"
           << (nodes.size() == 1 ? "s" : "") << ": look at settings, market and obligors.\n";
  }

  std::ostream& out_;
  const CompareReport& report_;
  const Terminal& terminal_;
};

}  // namespace

void count_positions(Causes& causes) {
  for (const InputChange& input : causes.inputs) {
    if (!input.role.starts_with("positions.")) continue;
    if (!input.unread.empty() || !input.table.by_id) causes.positions_known = false;
    for (const RowChange& row : input.table.rows)
      for (std::size_t end = 0; end != std::string::npos;) {
        end = row.node.find('/', end == 0 ? 0 : end + 1);
        Causes::Counts& counts = causes.by_node[row.node.substr(0, end)];
        (row.kind == RowChange::Kind::added     ? counts.added
         : row.kind == RowChange::Kind::removed ? counts.removed
                                                : counts.changed)++;
      }
  }
}

void write_comparison(std::ostream& out, const CompareReport& report, const Terminal& terminal) {
  CompareText(out, report, terminal).write();
}

}  // namespace tailcube
