// What the worst scenarios have in common, as text, CSV and JSON.
#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/report/replay_common.h"
#include "src/report/replay_json.h"
#include "src/report/terminal_table.h"

namespace tailcube {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string money(double amount) { return grouped(amount, 0); }
std::string with_error(double mean, double error, bool in_money) {
  const auto text = [&](double x) { return in_money ? money(x) : significant(x, 4); };
  return text(mean) + " ±" + (std::isnan(error) ? "?" : in_money ? grouped_error(error) : significant(error, 2));
}
std::size_t listed(const Common& common, std::size_t all) { return common.most == 0 ? all : std::min(all, common.most); }

struct Names {
  const Common& common;
  const std::string& node(std::uint32_t n) const { return common.job.nodes[n].path; }
  const std::string& obligor(std::uint32_t o) const { return common.job.obligors.id[o]; }
  const std::string& position(std::uint32_t p) const {
    const auto [table, place] = common.position[p];
    return common.job.tables[table].positions.id[place];
  }
  std::string horizon() const { return horizon_text(common.cube.horizon_years[static_cast<std::size_t>(common.horizon)]); }
};

class CommonText {
 public:
  CommonText(std::ostream& out, const Common& common)
      : out_(out), c_(common), names_{common}, n_(common.scenarios.size()), mean_(common.loss.mean(n_)) {}
  void write() {
    out_ << "The worst " << n_ << " scenarios of " << names_.node(static_cast<std::uint32_t>(c_.node)) << " after "
         << names_.horizon() << ", cell \"" << c_.job.cells[static_cast<std::size_t>(c_.cell)].name << "\" of "
         << c_.job.name << ": mean loss " << with_error(mean_, c_.loss.error(n_), true) << " " << c_.job.currency
         << "\neach replayed; all equal the cube's figures, to the bit. ± is the standard error of a mean over these " << n_
         << ", as if drawn from the tail one by one\n";
    out_ << "scenarios, worst first:";
    for (const std::uint64_t s : c_.scenarios) out_ << " " << s;
    out_ << "\n";
    factors();
    gauges();
    parts("Nodes: what they carry of the mean loss, and in how many scenarios they lose", "node", c_.nodes,
          [this](std::uint32_t n) { return names_.node(n); });
    parts("Obligors in default by then: the loss of their positions here, and in how many scenarios they default", "obligor",
          c_.obligors, [this](std::uint32_t o) { return names_.obligor(o); });
    parts("Positions: and in how many scenarios they are among the " + std::to_string(Common::leading) + " largest losses",
          "position", c_.positions, [this](std::uint32_t p) { return names_.position(p); });
  }

 private:
  void factors() {
    out_ << "\nFactors: mean move from today, and how far that is from the cell's usual move in its standard deviations\n"
            "  (prices relative, rates and drivers as differences; usual: over the cell's first "
         << std::min<std::int64_t>(Common::sampled, c_.cube.scenarios) << " scenarios)\n";
    Rows rows = {{"factor", "mean move", "usual mean", "usual deviation", "distance"}};
    for (const Common::Factor& f : c_.factors) {
      const bool moves = f.usual_deviation > 0;
      rows.push_back({c_.job.factor_ids[f.factor], with_error(f.move.mean(n_), f.move.error(n_), false),
                      significant(f.usual_mean, 3), significant(f.usual_deviation, 3),
                      moves ? with_error(f.distance(n_), f.move.error(n_) / f.usual_deviation, false) : "fixed"});
    }
    write_columns(out_, rows, 1);
  }
  void gauges() {
    out_ << "\nCounts and amounts of the node, against the mean of all scenarios in the cube\n";
    Rows rows = {{"", "mean of these", "mean of all", "ratio", "unit"}};
    for (std::size_t g = 0; g < c_.gauges.size(); ++g) {
      const std::size_t at = c_.cube.at(static_cast<int>(g), c_.cell, c_.node, c_.horizon);
      const bool in_money = c_.cube.gauge_units[g] != "1";
      const double all = c_.cube.gauge_mean[at];
      if (all == 0 && c_.gauges[g].sum == 0) continue;
      rows.push_back({c_.cube.gauges[g], with_error(c_.gauges[g].mean(n_), c_.gauges[g].error(n_), in_money),
                      with_error(all, c_.cube.gauge_se[at], in_money), significant(c_.gauges[g].mean(n_) / all, 3),
                      c_.cube.gauge_units[g]});
    }
    write_columns(out_, rows, 1);
  }
  template <class Name>
  void parts(const std::string& title, const char* head, const std::vector<Common::Part>& parts, Name name) {
    if (parts.empty()) return;
    out_ << "\n" << title << "\n";
    Rows rows = {{head, "mean loss", "share", "scenarios of " + std::to_string(n_)}};
    for (std::size_t i = 0; i < listed(c_, parts.size()); ++i) {
      const MeanOfWorst& loss = parts[i].loss;
      rows.push_back({name(parts[i].place), with_error(loss.mean(n_), loss.error(n_), true),
                      significant(100 * loss.mean(n_) / mean_, 3) + " %", std::to_string(loss.count)});
    }
    write_columns(out_, rows, 1);
    if (listed(c_, parts.size()) < parts.size())
      out_ << "  the " << listed(c_, parts.size()) << " largest of " << grouped(static_cast<double>(parts.size())) << "\n";
  }

  std::ostream& out_;
  const Common& c_;
  Names names_;
  std::size_t n_;
  double mean_;
};

}  // namespace

void write_common_text(std::ostream& out, const Common& common) { CommonText(out, common).write(); }

void write_common_csv(std::ostream& out, const Common& common) {
  const std::size_t n = common.scenarios.size();
  const Names names{common};
  out << "record,item,figure,value,standard_error,unit\n";
  const auto line = [&](const char* record, const std::string& item, const char* figure, double value, double error,
                        const std::string& unit) {
    out << record << ',' << csv_cell(item) << ',' << figure << ',' << shortest(value) << ','
        << (std::isnan(error) ? "" : shortest(error)) << ',' << unit << '\n';
  };
  const double no_error = std::nan("");
  for (const std::uint64_t s : common.scenarios)
    line("scenario", std::to_string(s), "number", static_cast<double>(s), no_error, "1");
  const auto mean = [&](const char* record, const std::string& item, const char* figure, const MeanOfWorst& m,
                        const std::string& unit) { line(record, item, figure, m.mean(n), m.error(n), unit); };
  mean("node", names.node(static_cast<std::uint32_t>(common.node)), "loss", common.loss, common.job.currency);
  for (const Common::Factor& f : common.factors) {
    const std::string& id = common.job.factor_ids[f.factor];
    mean("factor", id, "move", f.move, "factor");
    line("factor", id, "usual_mean", f.usual_mean, no_error, "factor");
    line("factor", id, "usual_deviation", f.usual_deviation, no_error, "factor");
  }
  for (std::size_t g = 0; g < common.gauges.size(); ++g) {
    const std::size_t at = common.cube.at(static_cast<int>(g), common.cell, common.node, common.horizon);
    mean("gauge", common.cube.gauges[g], "mean", common.gauges[g], common.cube.gauge_units[g]);
    line("gauge", common.cube.gauges[g], "mean_of_all", common.cube.gauge_mean[at], common.cube.gauge_se[at],
         common.cube.gauge_units[g]);
  }
  const auto parts = [&](const char* record, const std::vector<Common::Part>& all, auto name) {
    for (std::size_t i = 0; i < listed(common, all.size()); ++i) {
      mean(record, name(all[i].place), "loss", all[i].loss, common.job.currency);
      line(record, name(all[i].place), "scenarios", static_cast<double>(all[i].loss.count), no_error, "1");
    }
  };
  parts("node", common.nodes, [&](std::uint32_t p) { return names.node(p); });
  parts("obligor", common.obligors, [&](std::uint32_t p) { return names.obligor(p); });
  parts("position", common.positions, [&](std::uint32_t p) { return names.position(p); });
}

std::string common_json(const Common& common) {
  const std::size_t n = common.scenarios.size();
  const Names names{common};
  const auto mean = [n](Json& json, const char* key, const MeanOfWorst& m) {
    json.add(key, Exact{m.mean(n)}).add(std::string(key) + "_se", Exact{m.error(n)});
  };
  Json out;
  out.add("format", "tailcube worst 1").add("job", common.job.name).add("job_digest", common.job.digest);
  out.add("cell", common.job.cells[static_cast<std::size_t>(common.cell)].name);
  out.add("node", names.node(static_cast<std::uint32_t>(common.node)));
  out.add("horizon_years", Exact{common.cube.horizon_years[static_cast<std::size_t>(common.horizon)]});
  out.add("currency", common.job.currency).add("scenarios", common.scenarios);
  mean(out, "mean_loss", common.loss);
  std::vector<Json> factors, gauges;
  for (const Common::Factor& f : common.factors) {
    Json json;
    json.add("id", common.job.factor_ids[f.factor]);
    mean(json, "move", f.move);
    json.add("usual_mean", Exact{f.usual_mean}).add("usual_deviation", Exact{f.usual_deviation});
    factors.push_back(json.add("distance", Exact{f.usual_deviation > 0 ? f.distance(n) : std::nan("")}));
  }
  for (std::size_t g = 0; g < common.gauges.size(); ++g) {
    const std::size_t at = common.cube.at(static_cast<int>(g), common.cell, common.node, common.horizon);
    Json json;
    json.add("id", common.cube.gauges[g]).add("unit", common.cube.gauge_units[g]);
    mean(json, "mean", common.gauges[g]);
    gauges.push_back(
        json.add("mean_of_all", Exact{common.cube.gauge_mean[at]}).add("mean_of_all_se", Exact{common.cube.gauge_se[at]}));
  }
  const auto parts = [&](const std::vector<Common::Part>& all, auto name) {
    std::vector<Json> rows;
    for (std::size_t i = 0; i < listed(common, all.size()); ++i) {
      Json json;
      json.add("id", name(all[i].place));
      mean(json, "mean_loss", all[i].loss);
      rows.push_back(json.add("share", Exact{all[i].loss.sum / common.loss.sum}).add("scenarios", all[i].loss.count));
    }
    return rows;
  };
  out.add("factors", factors).add("gauges", gauges);
  out.add("nodes", parts(common.nodes, [&](std::uint32_t p) { return names.node(p); }));
  out.add("obligors", parts(common.obligors, [&](std::uint32_t p) { return names.obligor(p); }));
  out.add("positions", parts(common.positions, [&](std::uint32_t p) { return names.position(p); }));
  out.add("sampled", std::min<std::int64_t>(Common::sampled, common.cube.scenarios));
  return out.text() + "\n";
}

}  // namespace tailcube
