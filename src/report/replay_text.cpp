// A story as text.
#include <algorithm>
#include <cmath>
#include <ostream>
#include <set>

#include "src/report/money.h"
#include "src/report/replay_story.h"
#include "src/report/terminal_table.h"

namespace tailcube {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string count(std::size_t n, const char* thing) {
  return grouped(static_cast<double>(n)) + " " + thing + (n == 1 ? "" : "s");
}

class StoryText {
 public:
  StoryText(std::ostream& out, const Story& story)
      : out_(out), story_(story), job_(story.job), replay_(story.replay), horizons_(job_.report_steps.size()) {}
  void write() {
    head();
    factors();
    chain();
    defaults();
    liquidations();
    gauges();
    cash();
    nodes();
    published();
    positions();
  }

 private:
  std::string time(int step) const { return step == 0 ? "today" : horizon_text(step * job_.step_years); }
  static std::string money(double amount) { return grouped(amount, 2); }
  std::size_t listed(std::size_t all) const { return story_.most == 0 ? all : std::min(all, story_.most); }
  double loss(const std::vector<Units>& units, int node, std::size_t h) const {
    return static_cast<double>(units[static_cast<std::size_t>(node) * horizons_ + h]) * replay_.unit;
  }
  const std::string& node_name(int node) const { return job_.nodes[static_cast<std::size_t>(node)].path; }
  const std::string& position_id(std::uint32_t p) const {
    const ReplayedPosition& at = replay_.positions[p];
    return job_.tables[at.table].positions.id[at.place];
  }
  std::string kind(std::uint32_t p) const { return std::string(job_.tables[replay_.positions[p].table].instrument->name); }

  void head() {
    const auto h = static_cast<std::size_t>(story_.horizon);
    const int rank = story_.check.rank[static_cast<std::size_t>(story_.node) * horizons_ + h];
    out_ << "Scenario " << replay_.scenario << " of cell \"" << job_.cells[static_cast<std::size_t>(story_.cell)].name
         << "\" of " << job_.name << " (seed " << job_.seed << ", " << grouped(static_cast<double>(job_.scenarios))
         << " scenarios)\n";
    out_ << "Loss of " << node_name(story_.node) << " after " << time(job_.report_steps[h]) << ": "
         << money(loss(replay_.economic, story_.node, h)) << " " << job_.currency;
    if (rank > 0)
      out_ << ", rank " << rank << " of the worst " << grouped(story_.cube.tail_ranks);
    else
      out_ << ", not among the worst " << grouped(story_.cube.tail_ranks);
    out_ << " of this node\n";
    if (!story_.check.differences.empty()) return;
    if (story_.check.listed > 0)
      out_ << "equals the cube's figure, to the bit: at all " << count(story_.check.listed, "place")
           << " (node and horizon) where /tail lists the scenario";
    if (story_.check.beyond > 0)
      out_ << (story_.check.listed > 0 ? "; " : "") << "not worse than what /tail lists at the other "
           << grouped(static_cast<double>(story_.check.beyond));
    out_ << "\n";
  }

  void factors() {
    out_ << "\nFactors: their values, drivers in standard deviations; 0 is just after today\n";
    paths(replay_.path, [this](std::size_t f) { return job_.factor_ids[f]; });
  }
  template <class Name>
  void paths(const std::vector<std::vector<double>>& all, const Name& name) {
    constexpr std::size_t abreast = 7;
    const std::size_t steps = all.empty() ? 0 : all.front().size();
    for (std::size_t first = 0; first < steps; first += abreast) {
      Rows rows = {{"step"}};
      for (std::size_t n = first; n < std::min(steps, first + abreast); ++n)
        rows[0].push_back(std::to_string(n) + (n == 0 ? "" : " (" + time(static_cast<int>(n)) + ")"));
      for (std::size_t i = 0; i < all.size(); ++i) {
        rows.push_back({name(i)});
        for (std::size_t n = first; n < std::min(steps, first + abreast); ++n)
          rows.back().push_back(significant(all[i][n], 6));
      }
      write_columns(out_, rows, 1);
      if (first + abreast < steps) out_ << "\n";
    }
  }

  // What the book refers to of itself, each after what it depends on.
  void chain() {
    if (replay_.published.empty()) return;
    const std::vector<ChainLink>& links = job_.chain->links;
    out_ << "\nPools, value and cash received, accounts and prices of positions, each below what it follows from, "
         << job_.currency << "\n";
    std::vector<std::vector<double>> all;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < links.size(); ++i) {
      all.push_back(replay_.published[i].value);
      const ChainLink::Kind kind = links[i].kind;
      names.push_back((kind == ChainLink::Kind::price ? "" : kind_of(links[i]) + std::string(" ")) + links[i].name);
      if (kind == ChainLink::Kind::price) continue;
      all.push_back(replay_.published[i].credit_loss);
      names.emplace_back(kind == ChainLink::Kind::pool ? "  lost by credit" : "  claimed and not met");
    }
    paths(all, [&](std::size_t i) { return names[i]; });
    for (const ChainLink& link : links) {
      if (link.kind != ChainLink::Kind::pool) continue;
      std::set<std::uint32_t> debtors;
      for (const PositionTable& table : link.tables)
        for (const ObligorIndex o : table.positions.obligor)
          if (!is_none(o)) debtors.insert(static_cast<std::uint32_t>(o));
      const auto in_pool = [&](const ReplayedDefault& d) { return debtors.contains(d.obligor); };
      const auto defaults = std::count_if(replay_.defaults.begin(), replay_.defaults.end(), in_pool);
      if (!debtors.empty())
        out_ << "  pool " << link.name << ": " << defaults << " of " << count(debtors.size(), "obligor") << " default\n";
    }
  }

  void defaults() {
    const std::vector<std::uint32_t> order = largest_defaults(story_);
    double exposure = 0, recovery = 0, lost = 0;
    for (const std::uint32_t d : order)
      exposure += replay_.defaults[d].exposure, recovery += replay_.defaults[d].recovery, lost += replay_.defaults[d].loss;
    out_ << "\nDefaults: " << grouped(static_cast<double>(order.size())) << " of " << count(job_.obligors.size(), "obligor")
         << "\n";
    if (order.empty()) return;
    Rows rows = {{"obligor", "when", "exposure", "recovery", "loss", "LGD drawn", "positions"}};
    for (std::size_t i = 0; i < listed(order.size()); ++i) {
      const ReplayedDefault& d = replay_.defaults[order[i]];
      std::string positions;
      for (const std::uint32_t p : d.positions) positions += (positions.empty() ? "" : " ") + position_id(p);
      rows.push_back({job_.obligors.id[d.obligor], time(d.step), money(d.exposure), money(d.recovery), money(d.loss),
                      percent(std::round(d.loss_given_default * 1e4) / 1e4),
                      left(positions, std::min<std::size_t>(width(positions), 40))});
    }
    rows.push_back({"all", "", money(exposure), money(recovery), money(lost)});
    write_columns(out_, rows, 2);
    rest(order.size(), "default");
    out_ << "  exposure: the claim at default; recovery: cash since then and what is still to come, loss: what the default "
            "has cost, "
            "both after "
         << time(job_.steps) << "; " << job_.currency << "\n";
    if (!replay_.published.empty())
      out_ << "  of positions in the total; what defaults cost a pool outside it is lost by credit there\n";
  }
  void rest(std::size_t all, const char* thing) {
    if (listed(all) < all) out_ << "  the " << listed(all) << " largest of " << count(all, thing) << "\n";
  }

  void liquidations() {
    const std::vector<std::uint32_t> order = largest_liquidations(story_);
    if (order.empty()) return;
    double repaid = 0;
    for (const std::uint32_t l : order) repaid += replay_.liquidations[l].repaid;
    out_ << "\nLiquidations: " << grouped(static_cast<double>(order.size())) << ", " << money(repaid) << " " << job_.currency
         << " repaid\n";
    Rows rows = {{"position", "when", "how", "price", "repaid", "collateral sold"}};
    for (std::size_t i = 0; i < listed(order.size()); ++i) {
      const ReplayedLiquidation& l = replay_.liquidations[order[i]];
      rows.push_back({position_id(l.position), time(l.step), word(l.how), significant(l.price, 7), money(l.repaid),
                      significant(l.sold, 6)});
    }
    write_columns(out_, rows, 3);
    rest(order.size(), "liquidation");
  }

  // What the run counts on the way, of the node.
  void gauges() {
    const std::vector<ToldGauge> told = told_gauges(story_, story_.node);
    if (told.empty()) return;
    Rows rows = {{"on the way"}};
    for (const int step : job_.report_steps) rows[0].push_back("by " + time(step));
    rows[0].emplace_back("unit");
    for (const ToldGauge& g : told) {
      rows.push_back({g.name});
      for (const double v : g.value) rows.back().push_back(g.unit == "1" ? grouped(v) : money(v));
      rows.back().push_back(g.unit);
    }
    out_ << "\nCounts and amounts of " << node_name(story_.node) << "\n";
    write_columns(out_, rows, 1);
  }

  void cash() {
    out_ << "\nCash received in each step, " << job_.currency << "\n";
    Rows rows = {{"step"}};
    std::vector<int> shown = {story_.node};
    for (int n = story_.node + 1; n < static_cast<int>(job_.nodes.size()); ++n)
      if (static_cast<int>(job_.nodes[static_cast<std::size_t>(n)].parent) == story_.node) shown.push_back(n);
    for (const int n : shown) rows[0].push_back(node_name(n));
    std::vector<double> sum(shown.size());
    for (int step = 1; step <= job_.steps; ++step) {
      rows.push_back({time(step)});
      for (std::size_t i = 0; i < shown.size(); ++i) {
        const double received = replay_.cash[static_cast<std::size_t>(shown[i] * job_.steps + step - 1)];
        sum[i] += received;
        rows.back().push_back(money(received));
      }
    }
    rows.push_back({"all"});
    for (const double s : sum) rows.back().push_back(money(s));
    write_columns(out_, rows, 1);
  }

  void nodes() {
    out_ << "\nLoss by node, largest first, " << job_.currency << "\n";
    Rows rows = {{"node", "value today"}};
    for (const int step : job_.report_steps) rows[0].push_back("after " + time(step));
    rows[0].emplace_back("by defaults and liquidations");
    rows[0].emplace_back("rank in /tail");
    const auto last = static_cast<std::size_t>(story_.horizon);
    for (const int n : largest_nodes(story_)) {
      rows.push_back({node_name(n), money(story_.cube.base_value[static_cast<std::size_t>(n)])});
      for (std::size_t h = 0; h < horizons_; ++h) rows.back().push_back(money(loss(replay_.economic, n, h)));
      rows.back().push_back(money(loss(replay_.credit, n, last)));
      const int rank = story_.check.rank[static_cast<std::size_t>(n) * horizons_ + last];
      rows.back().push_back(rank > 0 ? std::to_string(rank) : "-");
    }
    write_columns(out_, rows, 1);
    out_ << "  the last two columns after " << time(job_.report_steps[last]) << "\n";
  }

  // By the contracts' own accounting.
  void published() {
    if (replay_.gap.empty()) return;
    out_ << "\nPublished loss by node, by the contracts' own accounting, and gap, published value less value, "
         << job_.currency << "\n";
    Rows rows = {{"node", "published today"}};
    for (const int step : job_.report_steps) rows[0].push_back("after " + time(step));
    for (const int step : job_.report_steps) rows[0].push_back("gap after " + time(step));
    for (const int n : largest_nodes(story_)) {
      rows.push_back({node_name(n), money(story_.cube.base_published_value[static_cast<std::size_t>(n)])});
      for (std::size_t h = 0; h < horizons_; ++h) rows.back().push_back(money(loss(replay_.published_loss, n, h)));
      for (std::size_t h = 0; h < horizons_; ++h) rows.back().push_back(money(loss(replay_.gap, n, h)));
    }
    write_columns(out_, rows, 1);
  }

  void positions() {
    const std::vector<std::uint32_t> order = largest_positions(story_);
    const auto h = static_cast<std::size_t>(story_.horizon);
    out_ << "\nLoss by position after " << time(job_.report_steps[h]) << ", largest first, " << job_.currency << "\n";
    Rows rows = {{"position", "type", "node", "value today", "loss", "by default or liquidation"}};
    double shown = 0, all = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      const ReplayedPosition& p = replay_.positions[order[i]];
      all += p.loss[h];
      if (i >= listed(order.size())) continue;
      shown += p.loss[h];
      rows.push_back({position_id(order[i]), kind(order[i]), node_name(static_cast<int>(p.leaf)), money(p.value_today),
                      money(p.loss[h]), money(p.credit_loss[h])});
    }
    if (rows.size() - 1 < order.size())
      rows.push_back(
          {"the other " + grouped(static_cast<double>(order.size() - rows.size() + 1)), "", "", "", money(all - shown)});
    rows.push_back({"all", "", "", "", money(all)});
    write_columns(out_, rows, 3);
    out_ << "  rounded to " << significant(replay_.unit, 6) << " " << job_.currency
         << " each; a leaf is rounded once: the node less its positions is "
         << significant(loss(replay_.economic, story_.node, h) - all, 3) << ", at most "
         << significant(replay_.largest_rounding * replay_.unit, 3)
         << " in a leaf's row\n  (before rounding they agree within " << significant(replay_.largest_difference, 3)
         << " units of " << significant(replay_.unit, 6) << ")\n";
  }

  std::ostream& out_;
  const Story& story_;
  const Job& job_;
  const Replay& replay_;
  std::size_t horizons_;
};

}  // namespace

void write_story_text(std::ostream& out, const Story& story) { StoryText(out, story).write(); }

}  // namespace tailcube
