#include "kernels/instruments/collateral.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "kernels/instruments/rows.h"

namespace tailcube {
namespace {

// Sales that are waited for, valued side by side.
class Sales {
 public:
  struct Sale {
    const SaleLaw* law;
    double claim, units, price, exchange, discount;
    double* value;
  };
  void add(const Sale& s) {
    law_[count_] = s.law, claim_[count_] = std::abs(s.claim), units_[count_] = s.units, price_[count_] = s.price;
    exchange_[count_] = s.exchange, discount_[count_] = s.claim < 0 ? -s.discount : s.discount, value_[count_] = s.value;
    if (++count_ == value_.size()) finish();
  }
  void finish() {
    std::array<double, SaleLaw::together> money;
    SaleLaw::expect({law_.data(), count_}, claim_.data(), units_.data(), price_.data(), money.data());
    for (std::size_t k = 0; k < count_; ++k) *value_[k] = money[k] * exchange_[k] * discount_[k];
    count_ = 0;
  }

 private:
  std::size_t count_ = 0;
  std::array<const SaleLaw*, SaleLaw::together> law_;
  std::array<double*, SaleLaw::together> value_;
  std::array<double, SaleLaw::together> claim_, units_, price_, exchange_, discount_;
};

class Secured final : public Recovery {
 public:
  Secured(const Positions& positions, const std::vector<Claim>& claims, const std::vector<Security>& securities,
          const Wiring& wiring)
      : valued_(wiring.valued), sold_(Factor{}, 0) {
    std::map<std::pair<FactorIndex, int>, std::uint32_t> known_laws;
    std::map<std::pair<CurveIndex, int>, std::uint32_t> known_discounts;
    std::map<std::tuple<double, std::size_t, double, double>, std::uint32_t> known_shares;
    for (std::size_t p = 0; p < claims.size(); ++p) {
      const Security& s = securities[p];
      const int wait = waiting_steps(wiring, s.foreclosure_years);
      const auto [law, new_law] = known_laws.try_emplace({s.price, wait}, static_cast<std::uint32_t>(laws_.size()));
      if (new_law) append(laws_, laws(wiring, s.price, wait));
      const auto [discount, new_discount] =
          known_discounts.try_emplace({claims[p].curve, wait}, static_cast<std::uint32_t>(discounts_.size()));
      if (new_discount) append(discounts_, waiting_discounts(wiring, claims[p].curve, wait));
      const Claim& c = claims[p];
      std::uint32_t share = none;
      if (c.prepay_cpr > 0) {
        const auto [at, fresh] =
            known_shares.try_emplace({c.prepay_cpr, c.flows.size(), c.flows.front().date_years, c.flows.back().date_years},
                                     static_cast<std::uint32_t>(shares_.size()));
        if (fresh) append(shares_, shares(wiring, c));
        share = at->second;
      }
      const double units = (1 - s.sale_cost) * s.value / exchange_today(*wiring.market, s.price);
      lines_.push_back({s.price, positions.currency[p], wait, law->second, discount->second, share, units});
    }
  }

  void recover(std::span<const Claimed> claims, const Block& block, double* value, double* cash) const noexcept override {
    Sales sales;
    for (const auto& [position, when, claim] : claims) {
      const Line& line = lines_[position];
      const Default& d = *when;
      const double units = line.shares == none ? line.units : line.units * shares_[line.shares + d.step];
      const auto price = [&](int step) { return block.factors(line.price, step)[d.lane]; };
      const auto rate = [&](int step) { return exchange(block, line.currency, step)[d.lane]; };
      const int sale = d.step + line.wait;
      for (std::size_t v = 0; v < valued_.size(); ++v) {
        const int h = valued_[v];
        value[v] = cash[v] = 0;
        if (h >= d.step && h < sale) {
          sales.add({&laws_[line.laws + static_cast<std::size_t>(h - d.step)], claim, units, price(h), rate(h),
                     block.discounts(discounts_[line.discounts + d.step], static_cast<int>(v))[d.lane], value + v});
        } else if (h >= sale && (v == 0 || valued_[v - 1] < sale)) {
          const double money = sold_(std::abs(claim), units, price(sale)) * rate(sale);
          cash[v] = claim < 0 ? -money : money;
        }
      }
      value += valued_.size(), cash += valued_.size();
    }
    sales.finish();
  }
  int wait(std::uint32_t position) const noexcept override { return lines_[position].wait; }

 private:
  struct Line {
    FactorIndex price, currency;
    int wait;                               // steps from default to sale
    std::uint32_t laws, discounts, shares;  // where they begin
    double units;                           // of the index, costs taken off
  };

  template <class T>
  static void append(std::vector<T>& to, const std::vector<T>& more) {
    to.insert(to.end(), more.begin(), more.end());
  }
  // By steps since the default.
  static std::vector<SaleLaw> laws(const Wiring& wiring, FactorIndex price, int wait) {
    std::vector<SaleLaw> out;
    const int count = std::min(wait, wiring.valued.back());
    out.reserve(static_cast<std::size_t>(count));
    for (int since = 0; since < count; ++since)
      out.emplace_back(wiring.market->factors[static_cast<std::size_t>(price)], (wait - since) * wiring.time_years[1]);
    return out;
  }
  // Still there after the last payment made, by the step of default.
  static std::vector<double> shares(const Wiring& wiring, const Claim& claim) {
    std::vector<double> out = {1};
    std::size_t paid = 0;
    for (int n = 1; n <= wiring.valued.back(); ++n) {
      while (paid < claim.flows.size() && claim.flows[paid].date_years <= wiring.time_years[static_cast<std::size_t>(n - 1)])
        ++paid;
      out.push_back(paid == 0 ? 1 : still_there(claim.prepay_cpr, claim.flows[paid - 1].date_years));
    }
    return out;
  }

  std::vector<int> valued_;
  SaleLaw sold_;
  std::vector<Line> lines_;
  std::vector<SaleLaw> laws_;
  std::vector<DiscountIndex> discounts_;
  std::vector<double> shares_;
};

}  // namespace

std::unique_ptr<Recovery> secured_recovery(const Positions& positions, const std::vector<Claim>& claims,
                                           const std::vector<Security>& securities, const Wiring& wiring) {
  return std::make_unique<Secured>(positions, claims, securities, wiring);
}

}  // namespace tailcube
