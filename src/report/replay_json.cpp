// A story as JSON (docs/replay.md).
#include "src/report/replay_json.h"

#include <algorithm>

#include "src/report/replay_story.h"

namespace tailcube {
namespace {

class StoryJson {
 public:
  explicit StoryJson(const Story& story) : story_(story), job_(story.job), replay_(story.replay) {}
  std::string text() const {
    const auto h = static_cast<std::size_t>(story_.horizon);
    std::vector<double> times, horizons;
    for (int n = 0; n <= job_.steps; ++n) times.push_back(n * job_.step_years);
    for (const int step : job_.report_steps) horizons.push_back(step * job_.step_years);
    Json json;
    json.add("format", "tailcube story 1").add("job", job_.name).add("job_digest", job_.digest).add("seed", job_.seed);
    json.add("scenarios", job_.scenarios).add("scenario", replay_.scenario);
    json.add("cell", job_.cells[static_cast<std::size_t>(story_.cell)].name);
    json.add("node", job_.nodes[static_cast<std::size_t>(story_.node)].path);
    json.add("currency", job_.currency).add("loss_unit", Exact{replay_.unit});
    json.add("step_years", exact(times)).add("horizon_years", exact(horizons)).add("horizon", h);
    json.add("equals_cube", story_.check.differences.empty());
    json.add("places_in_tail", story_.check.listed).add("places_not_in_tail", story_.check.beyond);
    json.add("factors", factors())
        .add("published", published())
        .add("defaults", defaults())
        .add("liquidations", liquidations());
    json.add("nodes", nodes()).add("positions", positions());
    json.add("default_count", largest_defaults(story_).size()).add("liquidation_count", largest_liquidations(story_).size());
    json.add("position_count", largest_positions(story_).size());
    json.add("largest_rounding", Exact{replay_.largest_rounding * replay_.unit});
    json.add("largest_difference_units", Exact{replay_.largest_difference});
    return json.text() + "\n";
  }

 private:
  std::size_t listed(std::size_t all) const { return story_.most == 0 ? all : std::min(all, story_.most); }
  const std::string& position_id(std::uint32_t p) const {
    const ReplayedPosition& at = replay_.positions[p];
    return job_.tables[at.table].positions.id[at.place];
  }
  std::vector<Json> factors() const {
    static const char* const kinds[] = {"lognormal", "normal", "ou", "log_ou", "driver"};  // the order of Process
    std::vector<Json> out;
    for (std::size_t f = 0; f < replay_.path.size(); ++f) {
      const auto kind = static_cast<std::size_t>(job_.market.factors[f].process);
      out.push_back(Json().add("id", job_.factor_ids[f]).add("kind", kinds[kind]).add("value", exact(replay_.path[f])));
    }
    return out;
  }
  std::vector<Json> published() const {
    std::vector<Json> out;
    for (std::size_t i = 0; i < replay_.published.size(); ++i) {
      const ChainLink& link = job_.chain->links[i];
      Json json;
      json.add("id", link.name).add("kind", kind_of(link)).add("value", exact(replay_.published[i].value));
      out.push_back(json.add("credit_loss", exact(replay_.published[i].credit_loss)));
    }
    return out;
  }
  std::vector<Json> defaults() const {
    std::vector<Json> out;
    const std::vector<std::uint32_t> order = largest_defaults(story_);
    for (std::size_t i = 0; i < listed(order.size()); ++i) {
      const ReplayedDefault& d = replay_.defaults[order[i]];
      std::vector<std::string> positions;
      for (const std::uint32_t p : d.positions) positions.push_back(position_id(p));
      Json json;
      json.add("obligor", job_.obligors.id[d.obligor])
          .add("step", d.step)
          .add("loss_given_default", Exact{d.loss_given_default});
      json.add("exposure", Exact{d.exposure}).add("recovery", Exact{d.recovery}).add("loss", Exact{d.loss});
      out.push_back(json.add("positions", positions));
    }
    return out;
  }
  std::vector<Json> liquidations() const {
    std::vector<Json> out;
    const std::vector<std::uint32_t> order = largest_liquidations(story_);
    for (std::size_t i = 0; i < listed(order.size()); ++i) {
      const ReplayedLiquidation& l = replay_.liquidations[order[i]];
      Json json;
      json.add("position", position_id(l.position)).add("step", l.step).add("how", word(l.how)).add("price", Exact{l.price});
      out.push_back(json.add("repaid", Exact{l.repaid}).add("collateral_sold", Exact{l.sold}));
    }
    return out;
  }
  std::vector<Json> nodes() const {
    const std::size_t horizons = job_.report_steps.size();
    std::vector<Json> out;
    for (const int n : largest_nodes(story_)) {
      std::vector<Exact> loss, credit, published, gap;
      std::vector<int> rank;
      for (std::size_t h = 0; h < horizons; ++h) {
        const std::size_t at = static_cast<std::size_t>(n) * horizons + h;
        loss.push_back({static_cast<double>(replay_.economic[at]) * replay_.unit});
        credit.push_back({static_cast<double>(replay_.credit[at]) * replay_.unit});
        rank.push_back(story_.check.rank[at]);
        if (replay_.gap.empty()) continue;
        published.push_back({static_cast<double>(replay_.published_loss[at]) * replay_.unit});
        gap.push_back({static_cast<double>(replay_.gap[at]) * replay_.unit});
      }
      const auto cash = replay_.cash.begin() + static_cast<std::ptrdiff_t>(n) * job_.steps;
      Json json;
      json.add("path", job_.nodes[static_cast<std::size_t>(n)].path);
      json.add("value_today", Exact{story_.cube.base_value[static_cast<std::size_t>(n)]});
      json.add("loss", loss).add("credit_loss", credit).add("rank", rank);
      if (!gap.empty()) json.add("published_loss", published).add("gap", gap);
      std::vector<Json> gauges;
      for (const ToldGauge& g : told_gauges(story_, n))
        gauges.push_back(Json().add("id", g.name).add("unit", g.unit).add("value", exact(g.value)));
      out.push_back(json.add("gauges", gauges).add("cash", exact({cash, cash + job_.steps})));
    }
    return out;
  }
  std::vector<Json> positions() const {
    std::vector<Json> out;
    const std::vector<std::uint32_t> order = largest_positions(story_);
    for (std::size_t i = 0; i < listed(order.size()); ++i) {
      const ReplayedPosition& p = replay_.positions[order[i]];
      Json json;
      json.add("id", position_id(order[i])).add("instrument", job_.tables[p.table].instrument->name);
      json.add("node", job_.nodes[static_cast<std::size_t>(p.leaf)].path).add("value_today", Exact{p.value_today});
      out.push_back(json.add("loss", exact(p.loss)).add("credit_loss", exact(p.credit_loss)));
    }
    return out;
  }

  const Story& story_;
  const Job& job_;
  const Replay& replay_;
};

}  // namespace

std::string story_json(const Story& story) { return StoryJson(story).text(); }

}  // namespace tailcube
