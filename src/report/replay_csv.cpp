// A story as one long table: a number in each line.
#include <algorithm>
#include <ostream>

#include "src/report/money.h"
#include "src/report/replay_story.h"

namespace tailcube {
namespace {

class StoryCsv {
 public:
  StoryCsv(std::ostream& out, const Story& story) : out_(out), story_(story), job_(story.job) {}
  void write() {
    out_ << "record,item,step,time_years,figure,value,unit\n";
    const Replay& r = story_.replay;
    const std::string& currency = job_.currency;
    line("scenario", job_.cells[static_cast<std::size_t>(story_.cell)].name, 0, "number", static_cast<double>(r.scenario),
         "1");
    for (std::size_t f = 0; f < r.path.size(); ++f)
      for (std::size_t n = 0; n < r.path[f].size(); ++n)
        line("factor", job_.factor_ids[f], static_cast<int>(n), "value", r.path[f][n], "factor");
    for (std::size_t i = 0; i < r.published.size(); ++i) {
      const ChainLink& link = job_.chain->links[i];
      for (std::size_t n = 0; n < r.published[i].value.size(); ++n) {
        line(kind_of(link), link.name, static_cast<int>(n), "value", r.published[i].value[n], currency);
        line(kind_of(link), link.name, static_cast<int>(n), "credit_loss", r.published[i].credit_loss[n], currency);
      }
    }
    const std::vector<std::uint32_t> defaults = largest_defaults(story_);
    for (std::size_t i = 0; i < listed(defaults.size()); ++i) {
      const ReplayedDefault& d = r.defaults[defaults[i]];
      const std::string& id = job_.obligors.id[d.obligor];
      line("default", id, d.step, "loss_given_default", d.loss_given_default, "1");
      line("default", id, d.step, "exposure", d.exposure, currency);
      line("default", id, d.step, "recovery", d.recovery, currency);
      line("default", id, d.step, "loss", d.loss, currency);
    }
    const std::vector<std::uint32_t> sales = largest_liquidations(story_);
    for (std::size_t i = 0; i < listed(sales.size()); ++i) {
      const ReplayedLiquidation& l = r.liquidations[sales[i]];
      const std::string& id = position_id(l.position);
      line("liquidation", id, l.step, "price", l.price, currency);
      line("liquidation", id, l.step, "repaid", l.repaid, currency);
      line("liquidation", id, l.step, "collateral_sold", l.sold, "units");
    }
    const std::size_t horizons = job_.report_steps.size();
    for (const int n : largest_nodes(story_)) {
      const std::string& path = job_.nodes[static_cast<std::size_t>(n)].path;
      for (int step = 1; step <= job_.steps; ++step)
        line("node", path, step, "cash", r.cash[static_cast<std::size_t>(n * job_.steps + step - 1)], currency);
      for (std::size_t h = 0; h < horizons; ++h) {
        const std::size_t at = static_cast<std::size_t>(n) * horizons + h;
        line("node", path, job_.report_steps[h], "loss", static_cast<double>(r.economic[at]) * r.unit, currency);
        line("node", path, job_.report_steps[h], "credit_loss", static_cast<double>(r.credit[at]) * r.unit, currency);
        if (!r.gap.empty()) {
          line("node", path, job_.report_steps[h], "published_loss", static_cast<double>(r.published_loss[at]) * r.unit,
               currency);
          line("node", path, job_.report_steps[h], "gap", static_cast<double>(r.gap[at]) * r.unit, currency);
        }
        if (story_.check.rank[at] > 0) line("node", path, job_.report_steps[h], "rank", story_.check.rank[at], "1");
        for (const ToldGauge& g : told_gauges(story_, n))
          line("node", path, job_.report_steps[h], g.name.c_str(), g.value[h], g.unit);
      }
    }
    const std::vector<std::uint32_t> positions = largest_positions(story_);
    for (std::size_t i = 0; i < listed(positions.size()); ++i) {
      const ReplayedPosition& p = r.positions[positions[i]];
      for (std::size_t h = 0; h < horizons; ++h) {
        line("position", position_id(positions[i]), job_.report_steps[h], "loss", p.loss[h], currency);
        line("position", position_id(positions[i]), job_.report_steps[h], "credit_loss", p.credit_loss[h], currency);
      }
    }
  }

 private:
  std::size_t listed(std::size_t all) const { return story_.most == 0 ? all : std::min(all, story_.most); }
  const std::string& position_id(std::uint32_t p) const {
    const ReplayedPosition& at = story_.replay.positions[p];
    return job_.tables[at.table].positions.id[at.place];
  }
  void line(const char* record, const std::string& item, int step, const char* figure, double value,
            const std::string& unit) {
    out_ << record << ',' << csv_cell(item) << ',' << step << ',' << shortest(step * job_.step_years) << ',' << figure << ','
         << shortest(value) << ',' << csv_cell(unit) << '\n';
  }

  std::ostream& out_;
  const Story& story_;
  const Job& job_;
};

}  // namespace

void write_story_csv(std::ostream& out, const Story& story) { StoryCsv(out, story).write(); }

}  // namespace tailcube
