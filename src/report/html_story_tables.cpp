#include "src/report/html_story_tables.h"

#include <algorithm>
#include <cmath>

#include "src/report/figures.h"
#include "src/report/html_parts.h"

namespace tailcube::html {
namespace {

constexpr std::size_t factors_listed = 8, nodes_listed = 10, things_listed = 5;

Cell text(const std::string& name) { return {escaped(name), "text"}; }
std::string counted(std::size_t n, const std::string& one, const std::string& many) {
  return grouped(static_cast<double>(n)) + " " + (n == 1 ? one : many);
}
std::string largest_of(std::size_t listed, std::size_t all) {
  return listed < all ? "the " + std::to_string(listed) + " largest of " + grouped(static_cast<double>(all))
                      : "all " + std::to_string(all);
}
std::string with_error(const std::string& value, const std::string& error) {
  return value + " <span class=\"error\">±" + error + "</span>";
}

// Moves as they read: of prices in per cent, of drivers in standard deviations, of rates and spreads as they are.
struct MoveUnit {
  double scale;
  int decimals;  // negative: three significant digits
  const char* name;
  explicit MoveUnit(const Factor& factor)
      : scale(moves_relatively(factor) ? 100 : 1),
        decimals(moves_relatively(factor)            ? 1
                 : factor.process == Process::driver ? 2
                                                     : -1),
        name(moves_relatively(factor)            ? " %"
             : factor.process == Process::driver ? " σ"
                                                 : "") {}
  std::string number(double move) const { return decimals < 0 ? significant(move, 3) : grouped(scale * move, decimals); }
  std::string operator()(double move) const { return number(move) + name; }
  std::string usual(const Common::Factor& f) const {
    return f.usual_deviation > 0 ? number(f.usual_mean) + " (" + number(f.usual_deviation) + ")" + name : "fixed";
  }
};

// Of one story.
class Teller {
 public:
  Teller(const View& view, const Story& story, const std::vector<Common::Factor>& usual)
      : view_(view),
        story_(story),
        usual_(usual),
        h_(static_cast<std::size_t>(story.horizon)),
        parts_{1, view.money.divisor > 1 ? 0 : view.money.decimals, story.job.currency} {}
  std::string html(bool open) const;

 private:
  std::string id(const std::string& what) const {
    return "t-story-" + std::to_string(story_.cell) + "-" + std::to_string(story_.replay.scenario) + "-" + what;
  }
  std::string time(int step) const { return step == 0 ? "today" : "after " + horizon_text(step * story_.job.step_years); }
  double loss(const std::vector<Units>& units, int node) const {
    const std::size_t at = static_cast<std::size_t>(node) * story_.job.report_steps.size() + h_;
    return static_cast<double>(units[at]) * story_.replay.unit;
  }
  const std::string& position(std::uint32_t p) const {
    const ReplayedPosition& at = story_.replay.positions[p];
    return story_.job.tables[at.table].positions.id[at.place];
  }
  std::string in_words() const;
  std::string market() const;
  std::string defaults() const;
  std::string liquidations() const;
  std::string nodes() const;
  std::string positions() const;

  const View& view_;
  const Story& story_;
  const std::vector<Common::Factor>& usual_;
  std::size_t h_;
  MoneyScale parts_;  // of single positions: small beside the total
};

std::string Teller::html(bool open) const {
  const double lost = loss(story_.replay.economic, 0);
  return std::string("<details class=\"story\"") + (open ? " open" : "") + "><summary>Scenario " +
         std::to_string(story_.replay.scenario) + " loses " + view_.money(lost) + " " + escaped(view_.money.unit) +
         "</summary>\n" + in_words() + market() + defaults() + liquidations() + nodes() + positions() + "</details>\n";
}

std::string Teller::in_words() const {
  const double lost = loss(story_.replay.economic, 0), credit = loss(story_.replay.credit, 0);
  const std::string share = view_.share(lost, story_.cube.base_value[0]);
  const auto& liquidations = story_.replay.liquidations;
  double repaid = 0;
  for (const ReplayedLiquidation& l : liquidations) repaid += l.repaid;
  std::string all = "<p>The total loses " + strong(view_.money(lost) + " " + escaped(view_.money.unit)) +
                    (share.empty() ? "" : ", " + share + " of its value today") + "; " + view_.money(credit) +
                    " of that by defaults and liquidations. " + grouped(static_cast<double>(story_.replay.defaults.size())) +
                    " of " + grouped(static_cast<double>(story_.job.obligors.size())) + " obligors default";
  if (!liquidations.empty())
    all += ", " + counted(liquidations.size(), "liquidation repays ", "liquidations repay ") + parts_(repaid) + " " +
           escaped(parts_.unit);
  return all + ".</p>\n";
}

std::string Teller::market() const {
  const int step = story_.job.report_steps[h_];
  struct Move {
    const Common::Factor* f;
    double move, distance;
  };
  std::vector<Move> moves;
  for (const Common::Factor& f : usual_) {
    const double move =
        factor_move(story_.job.market.factors[f.factor], story_.replay.path[f.factor][static_cast<std::size_t>(step)]);
    moves.push_back({&f, move, f.usual_deviation > 0 ? (move - f.usual_mean) / f.usual_deviation : 0});
  }
  std::stable_sort(moves.begin(), moves.end(),
                   [](const Move& a, const Move& b) { return std::abs(a.distance) > std::abs(b.distance); });
  Table t{id("market"),
          "What the market did: " + largest_of(std::min(factors_listed, moves.size()), moves.size()) +
              " moves of factors, most unusual first",
          {"Factor", "Today", "After " + horizon_text(step * story_.job.step_years), "Move", "Usual: mean (deviation)",
           "Deviations from usual"},
          {}};
  for (std::size_t i = 0; i < std::min(factors_listed, moves.size()); ++i) {
    const Common::Factor& f = *moves[i].f;
    const MoveUnit unit(story_.job.market.factors[f.factor]);
    const std::vector<double>& path = story_.replay.path[f.factor];
    t.rows.push_back({{breakable(story_.job.factor_ids[f.factor]), ""},
                      {significant(path[0], 5), ""},
                      {significant(path[static_cast<std::size_t>(step)], 5), ""},
                      {unit(moves[i].move), ""},
                      {unit.usual(f), ""},
                      {f.usual_deviation > 0 ? grouped(moves[i].distance, 1) : "", ""}});
  }
  return moves.empty() ? "" : table(t);
}

std::string Teller::defaults() const {
  const std::vector<std::uint32_t> order = largest_defaults(story_);
  const std::size_t listed = std::min(things_listed, order.size());
  Table t{id("defaults"),
          "Who defaulted: " + largest_of(listed, order.size()) + " by loss, in " + parts_.unit,
          {"Obligor", "When", "Exposure", "Recovery", "Loss", "Loss given default"},
          {}};
  for (std::size_t i = 0; i < listed; ++i) {
    const ReplayedDefault& d = story_.replay.defaults[order[i]];
    t.rows.push_back({{breakable(story_.job.obligors.id[d.obligor]), ""},
                      {time(d.step), ""},
                      {parts_(d.exposure), ""},
                      {parts_(d.recovery), ""},
                      {parts_(d.loss), ""},
                      {grouped(100 * d.loss_given_default, 1) + " %", ""}});
  }
  return order.empty() ? "" : table(t);
}

std::string Teller::liquidations() const {
  const std::vector<std::uint32_t> order = largest_liquidations(story_);
  const std::size_t listed = std::min(things_listed, order.size());
  Table t{id("liquidations"),
          "What was liquidated: " + largest_of(listed, order.size()) + " by amount repaid, in " + parts_.unit,
          {"Position", "When", "How", "Price of the collateral", "Repaid", "Units sold"},
          {}};
  for (std::size_t i = 0; i < listed; ++i) {
    const ReplayedLiquidation& l = story_.replay.liquidations[order[i]];
    t.rows.push_back({{breakable(position(l.position)), ""},
                      {time(l.step), ""},
                      {word(l.how), ""},
                      {significant(l.price, 6), ""},
                      {parts_(l.repaid), ""},
                      {significant(l.sold, 5), ""}});
  }
  return order.empty() ? "" : table(t);
}

std::string Teller::nodes() const {
  const std::vector<int> order = largest_nodes(story_);
  const std::size_t listed = std::min(nodes_listed, order.size());
  Table t{id("nodes"),
          "Loss by node: " + largest_of(listed, order.size()) + ", in " + view_.money.unit,
          {"Node", "Value today", "Loss", "By defaults and liquidations", "Share of its value"},
          {}};
  const bool published = !story_.replay.gap.empty();
  if (published) t.head.insert(t.head.end(), {"Published loss", "Published less value"});
  for (std::size_t i = 0; i < listed; ++i) {
    const int n = order[i];
    const double base = story_.cube.base_value[static_cast<std::size_t>(n)], lost = loss(story_.replay.economic, n);
    t.rows.push_back({{breakable(n == 0 ? view_.node_name(0) : view_.name_below(n, 0)), ""},
                      {view_.money(base), ""},
                      {view_.money(lost), ""},
                      {view_.money(loss(story_.replay.credit, n)), ""},
                      {view_.share(lost, base), ""}});
    if (!published) continue;
    t.rows.back().push_back({view_.money(loss(story_.replay.published_loss, n)), ""});
    t.rows.back().push_back({view_.money(loss(story_.replay.gap, n)), ""});
  }
  return table(t);
}

std::string Teller::positions() const {
  const std::vector<std::uint32_t> order = largest_positions(story_);
  const std::size_t listed = std::min(things_listed, order.size());
  Table t{id("positions"),
          "Positions that lost most: " + largest_of(listed, order.size()) + ", in " + parts_.unit,
          {"Position", "Value today", "Loss", "By default or liquidation", "Type and node"},
          {}};
  for (std::size_t i = 0; i < listed; ++i) {
    const ReplayedPosition& p = story_.replay.positions[order[i]];
    const std::string& node = story_.job.nodes[static_cast<std::size_t>(p.leaf)].path;
    t.rows.push_back(
        {{breakable(position(order[i])), ""},
         {parts_(p.value_today), ""},
         {parts_(p.loss[h_]), ""},
         {parts_(p.credit_loss[h_]), ""},
         text(std::string(story_.job.tables[p.table].instrument->name) + ", " + node.substr(node.find('/') + 1))});
  }
  return order.empty() ? "" : table(t);
}

// Of what the worst have in common.
class AlikeTeller {
 public:
  AlikeTeller(const View& view, const Common& common)
      : view_(view),
        c_(common),
        n_(common.scenarios.size()),
        parts_{1, view.money.divisor > 1 ? 0 : view.money.decimals, common.job.currency} {}
  std::string html() const;

 private:
  std::string id(const std::string& what) const { return "t-alike-" + std::to_string(c_.cell) + "-" + what; }
  std::string error(const MeanOfWorst& mean, const auto& number) const {
    const double half = normal_95 * mean.error(n_);
    return std::isnan(half) ? "?" : number(half);
  }
  std::string amount(const MeanOfWorst& mean, const MoneyScale& money) const {
    return with_error(money(mean.mean(n_)), error(mean, [&](double half) { return money.error(half); }));
  }
  std::string share(const MeanOfWorst& mean) const {
    return c_.loss.sum > 0 ? grouped(100 * mean.sum / c_.loss.sum, 1) + " %" : "";
  }
  std::string of_all(std::size_t count) const { return std::to_string(count) + " of " + std::to_string(n_); }
  std::string market() const;
  std::string happenings() const;
  std::string parts(const std::string& what, const std::string& caption, const std::string& head,
                    const std::string& count_head, const std::vector<Common::Part>& all, std::size_t listed,
                    const MoneyScale& money, const auto& name) const;

  const View& view_;
  const Common& c_;
  std::size_t n_;
  MoneyScale parts_;
};

std::string AlikeTeller::html() const {
  const std::string worst = "the worst " + std::to_string(n_);
  const auto position = [this](std::uint32_t p) {
    const auto [table, place] = c_.position[p];
    return c_.job.tables[table].positions.id[place];
  };
  return "<details class=\"story\" open><summary>What " + worst + " have in common</summary>\n<p>They lose " +
         strong(amount(c_.loss, view_.money) + " " + escaped(view_.money.unit)) +
         " on average. ± is 95 % of a mean over them, as if they had been drawn from the tail one by one: it says how alike "
         "they "
         "are.</p>\n" +
         market() + happenings() +
         parts("nodes", "Where " + worst + " lose, in " + view_.money.unit, "Node", "Loses in", c_.nodes, nodes_listed,
               view_.money, [this](std::uint32_t n) { return view_.name_below(static_cast<int>(n), 0); }) +
         parts("obligors", "Who defaults in " + worst + ": the largest mean losses, in " + parts_.unit, "Obligor",
               "Defaults in", c_.obligors, things_listed, parts_,
               [this](std::uint32_t o) { return c_.job.obligors.id[o]; }) +
         parts("positions", "Positions that lose most in " + worst + ", in " + parts_.unit, "Position",
               "Among the " + std::to_string(Common::leading) + " largest in", c_.positions, things_listed, parts_,
               position) +
         "</details>\n";
}

std::string AlikeTeller::market() const {
  const std::size_t listed = std::min(factors_listed, c_.factors.size());
  Table t{id("market"),
          "How the market moves in them: " + largest_of(listed, c_.factors.size()) +
              " mean moves of factors, most unusual first",
          {"Factor", "Mean move", "Usual: mean (deviation)", "Deviations from usual"},
          {}};
  for (std::size_t i = 0; i < listed; ++i) {
    const Common::Factor& f = c_.factors[i];
    const MoveUnit move(c_.job.market.factors[f.factor]);
    t.rows.push_back(
        {{breakable(c_.job.factor_ids[f.factor]), ""},
         {with_error(move(f.move.mean(n_)), error(f.move, move)), ""},
         {move.usual(f), ""},
         {f.usual_deviation > 0 ? with_error(grouped(f.distance(n_), 1),
                                             error(f.move, [&](double x) { return grouped(x / f.usual_deviation, 1); }))
                                : "",
          ""}});
  }
  return c_.factors.empty() ? "" : table(t);
}

std::string AlikeTeller::happenings() const {
  Table t{id("happenings"),
          "What happens in them, beside the mean over all scenarios",
          {"What", "Mean of these", "Mean of all", "Unit"},
          {}};
  for (std::size_t g = 0; g < c_.gauges.size(); ++g) {
    const std::size_t at = c_.cube.at(static_cast<int>(g), c_.cell, c_.node, c_.horizon);
    if (!(c_.cube.gauge_mean[at] != 0) && c_.gauges[g].sum == 0) continue;
    const bool money = c_.cube.gauge_units[g] != "1";
    const auto cell = [&](double mean, double se) {
      const double half = normal_95 * se;
      return Cell{money ? view_.amount(give_or_take(mean, half)) : plain_number(mean, half), ""};
    };
    std::string name = c_.cube.gauges[g];
    std::replace(name.begin(), name.end(), '_', ' ');
    t.rows.push_back({{escaped(name), ""},
                      cell(c_.gauges[g].mean(n_), c_.gauges[g].error(n_)),
                      cell(c_.cube.gauge_mean[at], c_.cube.gauge_se[at]),
                      {money ? escaped(view_.money.unit) : "number", ""}});
  }
  return t.rows.empty() ? "" : table(t);
}

std::string AlikeTeller::parts(const std::string& what, const std::string& caption, const std::string& head,
                               const std::string& count_head, const std::vector<Common::Part>& all, std::size_t listed,
                               const MoneyScale& money, const auto& name) const {
  Table t{id(what), caption, {head, "Mean loss", "Share of the loss", count_head}, {}};
  for (std::size_t i = 0; i < std::min(listed, all.size()); ++i)
    t.rows.push_back({{breakable(name(all[i].place)), ""},
                      {amount(all[i].loss, money), ""},
                      {share(all[i].loss), ""},
                      {of_all(all[i].loss.count), ""}});
  return t.rows.empty() ? "" : table(t);
}

}  // namespace

std::string story_html(const View& view, const Story& story, const std::vector<Common::Factor>& usual, bool open) {
  return Teller(view, story, usual).html(open);
}

std::string alike_html(const View& view, const Common& common) { return AlikeTeller(view, common).html(); }

}  // namespace tailcube::html
