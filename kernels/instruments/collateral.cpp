#include "kernels/instruments/collateral.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "kernels/instruments/rows.h"

namespace tailcube {
namespace {

class Secured final : public Recovery {
 public:
  Secured(const Positions& positions, const std::vector<Claim>& claims, const std::vector<Security>& securities,
          const Wiring& wiring)
      : valued_(wiring), sold_(Factor{}, 0) {
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
    const std::size_t valued = valued_.size();
    std::fill_n(value, claims.size() * valued, 0.0), std::fill_n(cash, claims.size() * valued, 0.0);
    Sales sales;
    for (std::size_t i = 0, end; i < claims.size(); i = end) {
      for (end = i + 1; end < claims.size() && claims[end].position == claims[i].position;) ++end;
      recover(lines_[claims[i].position], claims.subspan(i, end - i), block, value + i * valued, cash + i * valued, sales);
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

  // The claims of one position.
  void recover(const Line& line, std::span<const Claimed> claims, const Block& block, double* value, double* cash,
               Sales& sales) const {
    const ValuedSteps::Places places = valued_.places();
    const std::size_t valued = places.size;
    const int *const steps = valued_.step.data(), wait = line.wait;
    const SaleLaw* const laws = laws_.data() + line.laws;
    const double* const shares = line.shares == none ? nullptr : shares_.data() + line.shares;
    const DiscountIndex* const discounts = discounts_.data() + line.discounts;
    const double *const prices = block.factors(line.price, 0).data(), *const factors = block.discounts.data();
    const double* const rates = is_none(line.currency) ? nullptr : exchange(block, line.currency, 0);
    const auto at = [](const double* of, int step, std::size_t lane) {
      return of[static_cast<std::size_t>(step) * lanes + lane];
    };
    for (const auto& [d, claim, position] : claims) {
      const int step = d.step, sale = step + wait;
      const std::size_t lane = d.lane, begin = places.from(step), end = places.from(sale);
      if (begin == valued) {  // no valued step sees it
        value += valued, cash += valued;
        continue;
      }
      const double units = shares == nullptr ? line.units : line.units * shares[step];
      const double* const factor =
          begin < end ? factors + static_cast<std::size_t>(discounts[step]) * valued * lanes + lane : nullptr;
      for (std::size_t v = begin; v < end; ++v) {
        const int h = steps[v];
        const double scale = rates == nullptr ? factor[v * lanes] : at(rates, h, lane) * factor[v * lanes];
        sales.add(laws[h - step], claim, units, at(prices, h, lane), scale, value + v);
      }
      if (end < valued)
        sales.add(sold_, claim, units, at(prices, sale, lane), rates == nullptr ? 1 : at(rates, sale, lane), cash + end);
      value += valued, cash += valued;
    }
  }
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

  ValuedSteps valued_;
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
