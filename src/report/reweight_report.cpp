#include "src/report/reweight_report.h"

#include <cmath>
#include <ostream>

#include "src/report/figures.h"
#include "src/report/replay_json.h"
#include "src/report/reverse_report.h"
#include "src/report/terminal_table.h"

namespace tailcube {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string money(double amount) { return grouped(amount, 0); }
std::string with_error(double value, double error) {
  if (std::isnan(value)) return "n/a";
  return money(value) + " ±" + (std::isnan(error) ? "?" : grouped_error(error));
}
std::string interval(double lower, double upper) {
  return std::isnan(lower) && std::isnan(upper) ? "n/a" : money(lower) + " to " + money(upper);
}
std::string change(double now, double before) {
  return std::isnan(now) || std::isnan(before) ? "n/a" : (now > before ? "+" : "") + money(now - before);
}
std::string whole(double count) { return grouped(std::floor(count), 0); }

struct Run {  // what the cube says
  const ReweightReport& r;
  std::size_t at(int node) const { return r.cube.at(0, r.cell, node, r.horizon); }
  std::size_t at(int node, std::size_t k) const { return r.cube.at(0, r.cell, node, r.horizon, static_cast<int>(k)); }
};

class ReweightText {
 public:
  ReweightText(std::ostream& out, const ReweightReport& report) : out_(out), r_(report), run_{report} {}
  void write() {
    head();
    factors();
    for (std::size_t i = 0; i < r_.nodes.size(); ++i) node(r_.nodes[i]);
    if (missing_)
      out_ << "\nn/a: fewer than " << least_effective_tail
           << " effective scenarios beyond VaR, too few for an error that can be trusted. A milder view, "
           << (r_.propagate ? "" : "--propagate, ") << "a larger --sample or a run with more scenarios helps\n";
  }

 private:
  void head() {
    const Reweighting& w = r_.weights;
    out_ << r_.job.name << ", cell \"" << r_.cube.cells[static_cast<std::size_t>(r_.cell)] << "\", after "
         << horizon_text(r_.cube.horizon_years[static_cast<std::size_t>(r_.horizon)]) << ", under another view:";
    for (std::size_t i = 0; i < r_.views.size(); ++i) out_ << (i == 0 ? " " : ", ") << r_.views[i];
    out_ << "\n  " << (r_.propagate ? "all other factors and drivers follow" : "other factors and drivers keep their law")
         << " where a view is about innovations\n  weights of the " << grouped(static_cast<double>(r_.certain))
         << " worst scenarios and of " << grouped(static_cast<double>(r_.sampled)) << " of the "
         << grouped(static_cast<double>(r_.cube.scenarios) - static_cast<double>(r_.certain)) << " others; "
         << grouped(static_cast<double>(r_.compared))
         << " losses equal the cube's, to the bit\n  effective scenarios: " << whole(w.effective()) << " of "
         << grouped(static_cast<double>(r_.certain + r_.sampled)) << " (" << significant(100 * w.effective_share(), 3)
         << " % of all weighted alike";
    if (!r_.fitted) out_ << "; exactly: " << significant(100 * r_.expected_share, 3) << " %";
    out_ << "); the heaviest has " << significant(100 * w.largest_share(), 2) << " % of the weight\n";
    if (!r_.fitted)
      out_ << "  mean weight: " << number_with_error(w.total().value, w.total().error) << ", which must be 1\n";
    out_ << "± is a standard error; intervals are 95 %. \"Run\" is the cube's own figure\n";
  }

  void factors() {
    if (r_.factors.empty()) return;
    out_ << "\nThe views, as the weights have them\n";
    Rows rows = {{"factor", "mean innovation", "its deviation", "mean move"}};
    for (const ReweightReport::Factor& f : r_.factors)
      rows.push_back({r_.job.factor_ids[f.factor], number_with_error(f.innovation.value, f.innovation.error),
                      significant(f.innovation_deviation, 4), move_text(r_.job, f.factor, f.move.value, f.move.error)});
    write_columns(out_, rows, 1);
  }

  void node(const ReweightReport::Node& n) {
    const Cube& cube = r_.cube;
    out_ << "\n" << cube.nodes[static_cast<std::size_t>(n.node)] << ", loss in " << cube.currency << "\n";
    Rows rows = {{"", "run", "under the view", "95 % interval", "change", "effective beyond"}};
    rows.push_back({"mean", with_error(cube.expected_loss[run_.at(n.node)], cube.expected_loss_se[run_.at(n.node)]),
                    with_error(n.mean.value, n.mean.error),
                    interval(n.mean.value - normal_95 * n.mean.error, n.mean.value + normal_95 * n.mean.error),
                    change(n.mean.value, cube.expected_loss[run_.at(n.node)]), ""});
    for (std::size_t k = 0; k < n.tail.size(); ++k) {
      const TailUnderView& t = n.tail[k];
      const std::size_t at = run_.at(n.node, k);
      const std::string level = percent(cube.confidence[k].value());
      missing_ |= std::isnan(t.value_at_risk);
      rows.push_back({"VaR " + level, money(cube.value_at_risk[at]),
                      std::isnan(t.value_at_risk) ? "n/a" : money(t.value_at_risk),
                      interval(t.value_at_risk_lower, t.value_at_risk_upper),
                      change(t.value_at_risk, cube.value_at_risk[at]), whole(t.effective)});
      rows.push_back({"ES " + level, with_error(cube.expected_shortfall[at], cube.expected_shortfall_se[at]),
                      with_error(t.expected_shortfall, t.expected_shortfall_se),
                      interval(t.expected_shortfall_lower, t.expected_shortfall_upper),
                      change(t.expected_shortfall, cube.expected_shortfall[at]), whole(t.effective)});
    }
    write_columns(out_, rows, 1);
  }

  std::ostream& out_;
  const ReweightReport& r_;
  Run run_;
  bool missing_ = false;
};

}  // namespace

void write_reweight_text(std::ostream& out, const ReweightReport& report) { ReweightText(out, report).write(); }

void write_reweight_csv(std::ostream& out, const ReweightReport& r) {
  const Run run{r};
  out << "record,item,figure,confidence,run,run_standard_error,value,standard_error,lower,upper,effective,unit\n";
  const auto line = [&](const char* record, const std::string& item, const char* figure, const std::string& confidence,
                        const std::vector<double>& numbers, const std::string& unit) {
    out << record << ',' << item << ',' << figure << ',' << confidence;
    for (const double x : numbers) out << ',' << (std::isfinite(x) ? shortest(x) : "");
    out << ',' << unit << '\n';
  };
  const double absent = std::nan("");
  const Reweighting& w = r.weights;
  line("weights", "", "effective", "", {absent, absent, w.effective(), absent, absent, absent, absent}, "1");
  line("weights", "", "effective_share", "", {absent, absent, w.effective_share(), absent, absent, absent, absent}, "1");
  line("weights", "", "largest_share", "", {absent, absent, w.largest_share(), absent, absent, absent, absent}, "1");
  line("weights", "", "mean", "", {absent, absent, w.total().value, w.total().error, absent, absent, absent}, "1");
  for (const ReweightReport::Factor& f : r.factors) {
    const std::string& id = r.job.factor_ids[f.factor];
    line("factor", id, "innovation", "", {0, absent, f.innovation.value, f.innovation.error, absent, absent, absent}, "sd");
    line("factor", id, "innovation_deviation", "", {1, absent, f.innovation_deviation, absent, absent, absent, absent},
         "sd");
    line("factor", id, "move", "", {absent, absent, f.move.value, f.move.error, absent, absent, absent}, "factor");
  }
  for (const ReweightReport::Node& n : r.nodes) {
    const std::string& path = r.cube.nodes[static_cast<std::size_t>(n.node)];
    const double half = normal_95 * n.mean.error;
    line("node", path, "mean", "",
         {r.cube.expected_loss[run.at(n.node)], r.cube.expected_loss_se[run.at(n.node)], n.mean.value, n.mean.error,
          n.mean.value - half, n.mean.value + half, w.effective()},
         r.cube.currency);
    for (std::size_t k = 0; k < n.tail.size(); ++k) {
      const TailUnderView& t = n.tail[k];
      const std::size_t at = run.at(n.node, k);
      const std::string level = shortest(r.cube.confidence[k].value());
      line("node", path, "value_at_risk", level,
           {r.cube.value_at_risk[at], absent, t.value_at_risk, absent, t.value_at_risk_lower, t.value_at_risk_upper,
            t.effective},
           r.cube.currency);
      line("node", path, "expected_shortfall", level,
           {r.cube.expected_shortfall[at], r.cube.expected_shortfall_se[at], t.expected_shortfall, t.expected_shortfall_se,
            t.expected_shortfall_lower, t.expected_shortfall_upper, t.effective},
           r.cube.currency);
    }
  }
}

std::string reweight_json(const ReweightReport& r) {
  const Run run{r};
  const Reweighting& w = r.weights;
  Json out;
  out.add("format", "tailcube reweight 1").add("job", r.job.name).add("job_digest", r.job.digest);
  out.add("cell", r.cube.cells[static_cast<std::size_t>(r.cell)]);
  out.add("horizon_years", Exact{r.cube.horizon_years[static_cast<std::size_t>(r.horizon)]});
  out.add("currency", r.cube.currency).add("scenarios", r.cube.scenarios).add("views", r.views);
  out.add("propagate", r.propagate).add("certain", r.certain).add("sampled", r.sampled).add("losses_compared", r.compared);
  out.add("effective", Exact{w.effective()}).add("effective_share", Exact{w.effective_share()});
  out.add("expected_share", Exact{r.fitted ? std::nan("") : r.expected_share});
  out.add("largest_share", Exact{w.largest_share()});
  out.add("mean_weight", Exact{w.total().value}).add("mean_weight_se", Exact{w.total().error});
  std::vector<Json> factors, nodes;
  for (const ReweightReport::Factor& f : r.factors) {
    Json json;
    json.add("id", r.job.factor_ids[f.factor]);
    json.add("innovation", Exact{f.innovation.value}).add("innovation_se", Exact{f.innovation.error});
    json.add("innovation_deviation", Exact{f.innovation_deviation});
    factors.push_back(json.add("move", Exact{f.move.value}).add("move_se", Exact{f.move.error}));
  }
  for (const ReweightReport::Node& n : r.nodes) {
    Json json;
    json.add("path", r.cube.nodes[static_cast<std::size_t>(n.node)]);
    json.add("run_mean", Exact{r.cube.expected_loss[run.at(n.node)]});
    json.add("mean", Exact{n.mean.value}).add("mean_se", Exact{n.mean.error});
    std::vector<Json> tails;
    for (std::size_t k = 0; k < n.tail.size(); ++k) {
      const TailUnderView& t = n.tail[k];
      const std::size_t at = run.at(n.node, k);
      Json tail;
      tail.add("confidence", Exact{r.cube.confidence[k].value()}).add("effective", Exact{t.effective});
      tail.add("run_value_at_risk", Exact{r.cube.value_at_risk[at]}).add("value_at_risk", Exact{t.value_at_risk});
      tail.add("value_at_risk_lower", Exact{t.value_at_risk_lower}).add("value_at_risk_upper", Exact{t.value_at_risk_upper});
      tail.add("run_expected_shortfall", Exact{r.cube.expected_shortfall[at]});
      tail.add("run_expected_shortfall_se", Exact{r.cube.expected_shortfall_se[at]});
      tail.add("expected_shortfall", Exact{t.expected_shortfall})
          .add("expected_shortfall_se", Exact{t.expected_shortfall_se});
      tail.add("expected_shortfall_lower", Exact{t.expected_shortfall_lower});
      tails.push_back(tail.add("expected_shortfall_upper", Exact{t.expected_shortfall_upper}));
    }
    nodes.push_back(json.add("tail", tails));
  }
  return out.add("factors", factors).add("nodes", nodes).text() + "\n";
}

}  // namespace tailcube
