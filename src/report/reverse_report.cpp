// Reverse stress as text.
#include "src/report/reverse_report.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/report/figures.h"
#include "src/report/terminal_table.h"

namespace tailcube {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string interval(const Proportion& p) {
  return significant(100 * p.value, 3) + " % (" + significant(100 * p.lower, 3) + " to " + significant(100 * p.upper, 3) +
         " %)";
}
std::string measured(const Measured& m) { return std::isnan(m.value) ? "n/a" : number_with_error(m.value, m.error); }

class ReverseText {
 public:
  ReverseText(std::ostream& out, const ReverseReport& report) : out_(out), r_(report), s_(report.stress) {}
  void write() {
    head();
    clusters();
    if (s_.clusters.size() == 1) return factors(s_.all, "all " + count(s_.all)), defaults();
    factors(s_.all, "the whole tail, " + count(s_.all));
    for (std::size_t c = 0; c < s_.clusters.size(); ++c)
      factors(s_.clusters[c], "cluster " + std::to_string(c + 1) + ", " + count(s_.clusters[c]));
    defaults();
  }

 private:
  std::string money(double units) const { return grouped(units * r_.cube.unit, 0); }
  std::string loss(const MeanOf& m) const {
    return money(m.mean) + " ±" + (std::isnan(m.error) ? "?" : grouped_error(m.error * r_.cube.unit));
  }
  static std::string count(const TailPart& part) {
    return grouped(static_cast<double>(part.scenarios.size())) + " scenarios";
  }
  std::string number(std::size_t place) const { return std::to_string(r_.tail.scenario[place]); }

  void head() {
    const std::string& currency = r_.cube.currency;
    out_ << "What goes with a loss of " << r_.cube.nodes[static_cast<std::size_t>(r_.node)] << " above "
         << grouped(r_.limit, 0) << " " << currency << " after "
         << horizon_text(r_.cube.horizon_years[static_cast<std::size_t>(r_.horizon)]) << ", cell \""
         << r_.cube.cells[static_cast<std::size_t>(r_.cell)] << "\" of " << r_.job.name << "\n";
    if (r_.quantile) {
      out_ << "  which is the VaR at " << percent(*r_.quantile);
      if (!std::isnan(r_.limit_lower) && !std::isnan(r_.limit_upper))
        out_ << " (95 % interval " << grouped(r_.limit_lower, 0) << " to " << grouped(r_.limit_upper, 0) << ")";
      out_ << "\n";
    }
    out_ << "  " << grouped(static_cast<double>(r_.tail.size())) << " of " << grouped(static_cast<double>(r_.cube.scenarios))
         << " scenarios lose more: probability " << interval(r_.probability()) << ", mean loss " << loss(s_.all.loss) << " "
         << currency << "\n  evaluated again: " << grouped(static_cast<double>(r_.compared))
         << " losses equal the cube's, to the bit. ± is a standard error, (a to b) a 95 % interval\n\n";
    out_ << "Distance: the length of the innovations of all factors and drivers, accumulated to the horizon, in standard\n"
            "deviations and with their correlation (Mahalanobis). "
         << s_.dimension << " independent directions: any scenario lies at about "
         << significant(std::sqrt(static_cast<double>(s_.dimension)), 3)
         << ",\nthe mean of all at 0. Jumps and defaults by bad luck have no part in it; a cell's shocks neither.\n";
    const Centre& c = s_.all.centre;
    out_ << "  mean scenario of the tail: at " << measured(c.distance) << "; its mildest scenarios in that direction at "
         << measured(c.edge) << "\n  most plausible single scenario: " << number(c.nearest) << ", at "
         << significant(c.nearest_distance, 3) << ", loss "
         << money(static_cast<double>(r_.tail.loss_of(c.nearest, static_cast<std::size_t>(r_.node)))) << "\n    "
         << r_.replay << " --scenario " << number(c.nearest);
    if (r_.node != 0) out_ << " --node " << r_.cube.nodes[static_cast<std::size_t>(r_.node)];
    out_ << "\n";
  }

  void clusters() {
    if (s_.clusters.size() == 1) {
      out_ << "\nOne cluster: the tail is one cloud";
      if (s_.log_criterion.size() > 1 && std::isfinite(s_.log_criterion[1]))
        out_ << "; two would be worse by " << significant(-s_.log_criterion[1], 3)
             << " in log criterion (likelihood less half a log n per number)";
      else if (s_.log_criterion.size() > 1)
        out_ << "; of two, one would have fewer than " << least_in_cluster << " scenarios";
      out_ << "\n";
      return;
    }
    out_ << "\n"
         << s_.clusters.size() << " clusters: better than one by "
         << significant(s_.log_criterion[s_.clusters.size() - 1], 3)
         << " in log criterion (likelihood less half a log n per number). Shares and errors take the clusters as given\n";
    Rows rows = {
        {"cluster", "share of the tail", "mean loss", "distance of mean", "of mildest", "most plausible", "at", "its loss"}};
    for (std::size_t c = 0; c < s_.clusters.size(); ++c) {
      const TailPart& part = s_.clusters[c];
      const double own = static_cast<double>(r_.tail.loss_of(part.centre.nearest, static_cast<std::size_t>(r_.node)));
      rows.push_back({std::to_string(c + 1), interval(part.share), loss(part.loss), measured(part.centre.distance),
                      measured(part.centre.edge), number(part.centre.nearest), significant(part.centre.nearest_distance, 3),
                      money(own)});
    }
    write_columns(out_, rows, 1);
  }

  void factors(const TailPart& part, const std::string& whose) {
    const std::size_t shown = r_.most == 0 ? part.factors.size() : std::min(r_.most, part.factors.size());
    out_ << "\nFactors in " << whose << ": mean move from today and its spread; how far the mean lies from that of "
         << grouped(static_cast<double>(r_.usual)) << "\n  scenarios of the cell, in their standard deviations (prices: in"
         << " logarithms); the mean innovation (usual: 0, spread 1)\n";
    Rows rows = {{"factor", "mean move", "spread", "distance", "innovation", "in " + number(part.centre.nearest)}};
    for (std::size_t i = 0; i < shown; ++i) {
      const FactorInTail& f = part.factors[i];
      rows.push_back({r_.job.factor_ids[f.factor], move_text(r_.job, f.factor, f.move.mean, f.move.error), spread(f),
                      std::isnan(f.distance.value) ? "fixed" : measured(f.distance),
                      number_with_error(f.innovation.mean, f.innovation.error),
                      move_text(r_.job, f.factor, f.in_nearest, 0)});
    }
    write_columns(out_, rows, 1);
    if (shown < part.factors.size())
      out_ << "  the " << shown << " farthest of " << part.factors.size() << " factors and drivers (--most 0: all)\n";
  }
  std::string spread(const FactorInTail& f) const {
    const std::string unit = unit_of_moves(r_.job, f.factor);
    const double scale = unit == "%" || unit == "points" ? 100 : 1;
    return std::isnan(f.move.deviation) ? "n/a" : significant(scale * f.move.deviation, 3);
  }

  void defaults() {
    if (s_.obligors == 0) return;
    out_ << "\nDefaults by then, more frequent in this tail than the obligor's PD says: " << s_.defaults.size() << " of "
         << grouped(static_cast<double>(s_.obligors)) << " obligors\n  (exact binomial test, "
         << percent(ReverseStress::level) << " for all of them together)\n";
    if (s_.defaults.empty()) return;
    const std::size_t shown = r_.most == 0 ? s_.defaults.size() : std::min(r_.most, s_.defaults.size());
    Rows rows = {{"obligor", "scenarios", "frequency in the tail", "PD", "ratio", "p-value"}};
    for (std::size_t i = 0; i < shown; ++i) {
      const FrequentDefault& d = s_.defaults[i];
      rows.push_back({r_.job.obligors.id[d.obligor], std::to_string(d.scenarios), interval(d.frequency),
                      significant(100 * d.pd, 3) + " %", significant(d.frequency.value / d.pd, 3),
                      significant(d.p_value, 2)});
    }
    write_columns(out_, rows, 1);
    if (shown < s_.defaults.size())
      out_ << "  the " << shown << " clearest of " << s_.defaults.size() << " (--most 0: all)\n";
  }

  std::ostream& out_;
  const ReverseReport& r_;
  const ReverseStress& s_;
};

}  // namespace

std::string unit_of_moves(const Job& job, std::uint32_t factor) {
  const Factor& f = job.market.factors[factor];
  if (f.process == Process::driver) return "sd";
  if (is_relative(f)) return "%";
  for (const auto& curve : job.market.curves)
    for (const Pillar& pillar : curve)
      if (static_cast<std::uint32_t>(pillar.zero_rate) == factor) return "points";
  return "";
}

std::string move_text(const Job& job, std::uint32_t factor, double move, double error) {
  const std::string unit = unit_of_moves(job, factor);
  const double scale = unit == "%" || unit == "points" ? 100 : 1;
  const std::string number = error > 0 ? number_with_error(scale * move, scale * error) : significant(scale * move, 3);
  return (move > 0 ? "+" : "") + number + (unit.empty() ? "" : " " + unit);
}

void write_reverse_text(std::ostream& out, const ReverseReport& report) { ReverseText(out, report).write(); }

}  // namespace tailcube
