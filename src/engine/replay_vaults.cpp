#include "src/engine/replay_vaults.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/instruments/rows.h"
#include "kernels/instruments/vault_path.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

using How = ReplayedLiquidation::How;

std::size_t column(const Instrument& instrument, std::string_view name) {
  for (std::size_t c = 0; c < instrument.columns.size(); ++c)
    if (instrument.columns[c].name == name) return c;
  throw std::logic_error("a vault has no column " + std::string(name));
}

class Watch {
 public:
  Watch(const PositionTable& table, std::size_t p, const FactorModel& market, const Block& block, std::size_t lane)
      : block_(block), lane_(lane) {
    const auto number = [&](std::string_view name) {
      const std::size_t c = column(*table.instrument, name);
      const std::vector<double>& numbers = table.positions.numbers[c];
      return numbers.empty() ? *table.instrument->columns[c].otherwise : numbers[p];
    };
    const auto factor = [&](std::string_view name) {
      return FactorIndex{table.positions.references[column(*table.instrument, name)][p]};
    };
    collateral_ = factor("collateral_factor"), debt_ = factor("debt_factor");
    always_ = number("monitoring") == 1;
    const double kept = (1 - number("fee")) / (1 + number("bonus"));
    terms_ = {number("liquidation_threshold"), kept, number("close_factor"), always_};
    vault_.add({{number("collateral_quantity"), number("debt"), table.positions.quantity[p]}});
    const double once = exp(number("borrow_rate") * market.step_years);
    growth_ = {1};
    while (growth_.size() <= static_cast<std::size_t>(market.steps)) growth_.push_back(growth_.back() * once);
  }

  std::vector<ReplayedLiquidation> operator()() {
    path_.start(terms_, vault_.table(0));
    for (int n = block_.monitor_today || always_ ? 0 : 1; n < static_cast<int>(growth_.size()); ++n) {
      if (always_ && n > 0) cross(n);
      const double price = block_.factors(collateral_, n)[lane_];
      see(n, {price, growth_[static_cast<std::size_t>(n)] * exchange(block_, debt_, n)[lane_]}, How::seen);
    }
    return std::move(events_);
  }

 private:
  void see(int step, const VaultPrices& at, How how) {
    if (at.worth() < path_.calm_below()) return;
    path_.monitor(at);
    note(step, how, at.collateral);
  }
  // The order of what happens from a step to the next: down to the low, a jump, down again.
  void cross(int n) {
    const double debt = growth_[static_cast<std::size_t>(n) - 1];
    fall(n, block_.lows(collateral_, n)[lane_], debt);
    for (const Landing& l : block_.landings[static_cast<std::size_t>(collateral_)]) {
      if (l.lane != lane_ || l.step != n) continue;
      see(n, {l.value, debt}, How::after_a_jump);
      fall(n, l.low, debt);
    }
  }
  // To one trigger price after the other.
  void fall(int n, double low, double debt) {
    constexpr double just_below = 1 - 3e-9;  // VaultPath::calm_below is 1e-9 on the safe side
    while (!(debt / low < path_.calm_below())) {
      const double trigger = debt / path_.calm_below();
      const double to = std::max(low, trigger * just_below);
      path_.pass({to, debt});
      if (!note(n, How::on_the_way, std::max(low, trigger)) && to > low) {
        path_.pass({low, debt});
        note(n, How::on_the_way, low);
        return;
      }
      if (to == low) return;
    }
  }
  bool note(int step, How how, double price) {
    const double repaid = path_.lender({1, 1}).repaid;
    if (repaid == repaid_) return false;
    events_.push_back({0, step, how, price, repaid - repaid_, (repaid - repaid_) / (terms_.kept * price)});
    repaid_ = repaid;
    return true;
  }

  const Block& block_;
  std::size_t lane_;
  FactorIndex collateral_{}, debt_{};
  bool always_ = false;
  VaultTerms terms_{};
  VaultTable vault_;
  std::vector<double> growth_;
  VaultPath<1> path_;
  double repaid_ = 0;
  std::vector<ReplayedLiquidation> events_;
};

}  // namespace

std::vector<ReplayedLiquidation> liquidations(const PositionTable& table, std::size_t p, const FactorModel& market,
                                              const Block& block, std::size_t lane) {
  return Watch(table, p, market, block, lane)();
}

}  // namespace tailcube
