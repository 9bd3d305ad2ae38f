// Reverse stress as CSV and JSON.
#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/report/replay_json.h"
#include "src/report/reverse_report.h"

namespace tailcube {
namespace {

const double no_error = std::nan("");

std::string part_name(std::size_t cluster) { return cluster == 0 ? "tail" : "cluster " + std::to_string(cluster); }

class CsvWriter {
 public:
  CsvWriter(std::ostream& out, const ReverseReport& report) : out_(out), r_(report) {}
  void write() {
    out_ << "part,record,item,figure,value,standard_error,lower,upper,unit\n";
    line("tail", "limit", "", "loss", r_.limit, no_error, r_.limit_lower, r_.limit_upper, r_.cube.currency);
    share("tail", "limit", "", r_.probability(), "probability");
    for (std::size_t i = 0; i < r_.stress.log_criterion.size(); ++i)
      line("tail", "clusters", std::to_string(i + 1), "log_criterion", r_.stress.log_criterion[i], "1");
    part(0, r_.stress.all);
    for (std::size_t c = 0; c < r_.stress.clusters.size(); ++c) part(c + 1, r_.stress.clusters[c]);
    for (const FrequentDefault& d : r_.stress.defaults) {
      const std::string& id = r_.job.obligors.id[d.obligor];
      share("tail", "default", id, d.frequency, "frequency");
      line("tail", "default", id, "pd", d.pd, "1");
      line("tail", "default", id, "p_value", d.p_value, "1");
    }
  }

 private:
  void part(std::size_t cluster, const TailPart& p) {
    const std::string name = part_name(cluster);
    const double unit = r_.cube.unit;
    share(name, "tail", "", p.share, "share");
    line(name, "tail", "", "mean_loss", p.loss.mean * unit, p.loss.error * unit, no_error, no_error, r_.cube.currency);
    line(name, "tail", "", "distance", p.centre.distance.value, p.centre.distance.error, no_error, no_error, "sd");
    line(name, "tail", "", "distance_of_mildest", p.centre.edge.value, p.centre.edge.error, no_error, no_error, "sd");
    line(name, "most plausible", std::to_string(r_.tail.scenario[p.centre.nearest]), "distance", p.centre.nearest_distance,
         "sd");
    for (const FactorInTail& f : p.factors) {
      const std::string& id = r_.job.factor_ids[f.factor];
      line(name, "factor", id, "move", f.move.mean, f.move.error, no_error, no_error, "factor");
      line(name, "factor", id, "spread", f.move.deviation, "factor");
      line(name, "factor", id, "distance", f.distance.value, f.distance.error, no_error, no_error, "sd");
      line(name, "factor", id, "innovation", f.innovation.mean, f.innovation.error, no_error, no_error, "sd");
      line(name, "factor", id, "move_in_most_plausible", f.in_nearest, "factor");
    }
    for (const std::uint32_t s : p.scenarios)
      line(name, "scenario", std::to_string(r_.tail.scenario[s]), "loss",
           static_cast<double>(r_.tail.loss_of(s, static_cast<std::size_t>(r_.node))) * unit, r_.cube.currency);
  }
  void share(const std::string& part, const char* record, const std::string& item, const Proportion& p, const char* figure) {
    line(part, record, item, figure, p.value, no_error, p.lower, p.upper, "1");
  }
  void line(const std::string& part, const char* record, const std::string& item, const char* figure, double value,
            const std::string& unit) {
    line(part, record, item, figure, value, no_error, no_error, no_error, unit);
  }
  void line(const std::string& part, const char* record, const std::string& item, const char* figure, double value,
            double error, double lower, double upper, const std::string& unit) {
    const auto text = [](double x) { return std::isfinite(x) ? shortest(x) : ""; };
    out_ << part << ',' << record << ',' << item << ',' << figure << ',' << text(value) << ',' << text(error) << ','
         << text(lower) << ',' << text(upper) << ',' << unit << '\n';
  }

  std::ostream& out_;
  const ReverseReport& r_;
};

class JsonWriter {
 public:
  explicit JsonWriter(const ReverseReport& report) : r_(report) {}
  std::string text() const {
    Json out;
    out.add("format", "tailcube reverse 1").add("job", r_.job.name).add("job_digest", r_.job.digest);
    out.add("cell", r_.cube.cells[static_cast<std::size_t>(r_.cell)]);
    out.add("node", r_.cube.nodes[static_cast<std::size_t>(r_.node)]);
    out.add("horizon_years", Exact{r_.cube.horizon_years[static_cast<std::size_t>(r_.horizon)]});
    out.add("currency", r_.cube.currency).add("scenarios", r_.cube.scenarios).add("loss_above", Exact{r_.limit});
    out.add("quantile", Exact{r_.quantile.value_or(no_error)});
    out.add("loss_above_lower", Exact{r_.limit_lower}).add("loss_above_upper", Exact{r_.limit_upper});
    out.add("beyond", r_.tail.size()).add("probability", share(r_.probability())).add("directions", r_.stress.dimension);
    std::vector<Exact> criterion;
    for (const double x : r_.stress.log_criterion) criterion.push_back({x});
    out.add("log_criterion", criterion).add("sampled", r_.usual).add("losses_compared", r_.compared);
    out.add("tail", part(r_.stress.all));
    std::vector<Json> clusters, defaults;
    for (const TailPart& p : r_.stress.clusters) clusters.push_back(part(p));
    for (const FrequentDefault& d : r_.stress.defaults) {
      Json json;
      json.add("obligor", r_.job.obligors.id[d.obligor]).add("scenarios", d.scenarios).add("frequency", share(d.frequency));
      defaults.push_back(json.add("pd", Exact{d.pd}).add("p_value", Exact{d.p_value}));
    }
    out.add("clusters", clusters).add("obligors", r_.stress.obligors).add("frequent_defaults", defaults);
    return out.text() + "\n";
  }

 private:
  static Json share(const Proportion& p) {
    return Json().add("value", Exact{p.value}).add("lower", Exact{p.lower}).add("upper", Exact{p.upper});
  }
  static void mean(Json& json, const std::string& key, const MeanOf& m, double unit = 1) {
    json.add(key, Exact{m.mean * unit}).add(key + "_se", Exact{m.error * unit});
  }
  static void measured(Json& json, const std::string& key, const Measured& m) {
    json.add(key, Exact{m.value}).add(key + "_se", Exact{m.error});
  }
  Json part(const TailPart& p) const {
    Json out;
    out.add("share", share(p.share));
    mean(out, "mean_loss", p.loss, r_.cube.unit);
    measured(out, "distance", p.centre.distance);
    measured(out, "distance_of_mildest", p.centre.edge);
    out.add("most_plausible", r_.tail.scenario[p.centre.nearest]);
    out.add("most_plausible_distance", Exact{p.centre.nearest_distance});
    std::vector<Json> factors;
    for (const FactorInTail& f : p.factors) {
      Json json;
      json.add("id", r_.job.factor_ids[f.factor]);
      mean(json, "move", f.move);
      json.add("move_spread", Exact{f.move.deviation});
      measured(json, "distance", f.distance);
      mean(json, "innovation", f.innovation);
      factors.push_back(json.add("move_in_most_plausible", Exact{f.in_nearest}));
    }
    out.add("factors", factors);
    std::vector<std::uint32_t> scenarios;
    for (const std::uint32_t s : p.scenarios) scenarios.push_back(r_.tail.scenario[s]);
    return out.add("scenarios", scenarios);
  }

  const ReverseReport& r_;
};

}  // namespace

void write_reverse_csv(std::ostream& out, const ReverseReport& report) { CsvWriter(out, report).write(); }
std::string reverse_json(const ReverseReport& report) { return JsonWriter(report).text(); }

}  // namespace tailcube
