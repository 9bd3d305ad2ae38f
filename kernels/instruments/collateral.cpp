#include "kernels/instruments/collateral.h"

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "kernels/instruments/rows.h"
#include "kernels/math/functions.h"
#include "kernels/math/lanes-inl.h"

namespace tailcube {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
namespace lane_functions = HWY_NAMESPACE;
using Tag = hn::FixedTag<double, SaleLaw::together>;

}  // namespace

SaleLaw::SaleLaw(const Factor& f, double years) {
  const bool reverting = f.process == Process::log_ou;
  if (f.process != Process::lognormal && !reverting) {
    jumps_.push_back({1, 1, 0});
    return;
  }
  const Transition t = transition(f, years);
  decay_ = t.decay;
  const double shift = reverting ? (1 - t.decay) * f.level : t.shift, variance = t.deviation * t.deviation;
  for (std::size_t k = 0; k <= t.jump_tail.size(); ++k) {
    const double more = k < t.jump_tail.size() ? t.jump_tail[k] : 0, probability = (k == 0 ? 1 : t.jump_tail[k - 1]) - more;
    const auto jumps = static_cast<double>(k);
    const double jump_variance = jumps * f.jump_volatility * f.jump_volatility;
    if (probability > 0)
      jumps_.push_back({probability, exp(shift + jumps * f.jump_mean + (variance + jump_variance) / 2),
                        std::sqrt(variance + jump_variance)});
  }
}

// Black (1976): E[min(K, X)] = F Phi(-d1) + K Phi(d2) for lognormal X with mean F, d1 = ln(F / K) / v + v / 2, d2 = d1 - v;
// given the number of jumps the price is lognormal (Merton 1976, equation 19).
double SaleLaw::operator()(double claim, double units, double price) const {
  if (!(price > 0 && price < 1e300)) return std::numeric_limits<double>::quiet_NaN();
  if (claim == 0) return 0;
  const double base = units * (decay_ == 1 ? price : exp(decay_ * log(price)));
  double sum = 0;
  for (const auto& [probability, growth, v] : jumps_) {
    const double forward = base * growth;
    if (v == 0 || !(forward < 1e300)) {
      sum += probability * std::min(claim, forward);
      continue;
    }
    const double d1 = log(forward / claim) / v + v / 2;
    sum += probability * (forward * normal_cdf(-d1) + claim * normal_cdf(d1 - v));
  }
  return sum;
}

// Written as the one above, so that the bits are the same.
void SaleLaw::expect(std::span<const SaleLaw* const, together> laws, const double* claims, const double* units,
                     const double* prices, double* out) {
  const Tag d;
  alignas(32) double x[together], y[together], z[together];
  const auto claim = hn::LoadU(d, claims), price = hn::LoadU(d, prices);
  auto base = price;
  const auto reverts = [](const SaleLaw* law) { return law->decay_ != 1; };
  if (std::any_of(laws.begin(), laws.end(), reverts)) {
    for (std::size_t k = 0; k < together; ++k) x[k] = laws[k]->decay_;
    const auto decay = hn::Load(d, x);
    const auto moved = lane_functions::Exp(d, hn::Mul(decay, lane_functions::Log(d, price)));
    base = hn::IfThenElse(hn::Eq(decay, hn::Set(d, 1.0)), price, moved);
  }
  base = hn::Mul(hn::LoadU(d, units), base);
  std::size_t terms = 0;
  for (const SaleLaw* law : laws) terms = std::max(terms, law->jumps_.size());
  auto sum = hn::Zero(d);
  for (std::size_t j = 0; j < terms; ++j) {
    for (std::size_t k = 0; k < together; ++k) {
      const Jumps jumps = j < laws[k]->jumps_.size() ? laws[k]->jumps_[j] : Jumps{0, 0, 0};
      x[k] = jumps.probability, y[k] = jumps.growth, z[k] = jumps.deviation;
    }
    const auto v = hn::Load(d, z), forward = hn::Mul(base, hn::Load(d, y));
    auto brought = hn::IfThenElse(hn::Lt(forward, claim), forward, claim);
    const auto uncertain = hn::And(hn::Ne(v, hn::Zero(d)), hn::Lt(forward, hn::Set(d, 1e300)));
    if (!hn::AllFalse(d, uncertain)) {
      const auto d1 = hn::Add(hn::Div(lane_functions::Log(d, hn::Div(forward, claim)), v), hn::Mul(v, hn::Set(d, 0.5)));
      const auto sold = hn::Mul(forward, lane_functions::NormalCdf(d, hn::Neg(d1)));
      const auto repaid = hn::Mul(claim, lane_functions::NormalCdf(d, hn::Sub(d1, v)));
      brought = hn::IfThenElse(uncertain, hn::Add(sold, repaid), brought);
    }
    sum = hn::Add(sum, hn::Mul(hn::Load(d, x), brought));
  }
  sum = hn::IfThenZeroElse(hn::Eq(claim, hn::Zero(d)), sum);
  const auto good = hn::And(hn::Gt(price, hn::Zero(d)), hn::Lt(price, hn::Set(d, 1e300)));
  hn::StoreU(hn::IfThenElse(good, sum, hn::Set(d, std::numeric_limits<double>::quiet_NaN())), d, out);
}

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
    laws_[count_] = s.law, claim_[count_] = s.claim, units_[count_] = s.units, price_[count_] = s.price;
    exchange_[count_] = s.exchange, discount_[count_] = s.discount, value_[count_] = s.value;
    if (++count_ == value_.size()) finish();
  }
  void finish() {
    if (count_ == 0) return;
    for (std::size_t k = count_; k < value_.size(); ++k) laws_[k] = laws_[0], claim_[k] = units_[k] = price_[k] = 1;
    std::array<double, SaleLaw::together> owed, money;
    for (std::size_t k = 0; k < owed.size(); ++k) owed[k] = std::abs(claim_[k]);
    SaleLaw::expect(laws_, owed.data(), units_.data(), price_.data(), money.data());
    for (std::size_t k = 0; k < count_; ++k) {
      const double brought = money[k] * exchange_[k];
      *value_[k] = (claim_[k] < 0 ? -brought : brought) * discount_[k];
    }
    count_ = 0;
  }

 private:
  std::size_t count_ = 0;
  std::array<const SaleLaw*, SaleLaw::together> laws_;
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
      if (new_law) laws_.push_back(laws(wiring, s.price, wait));
      const auto [discount, new_discount] =
          known_discounts.try_emplace({claims[p].curve, wait}, static_cast<std::uint32_t>(discounts_.size()));
      if (new_discount) discounts_.push_back(waiting_discounts(wiring, claims[p].curve, wait));
      const Claim& c = claims[p];
      std::uint32_t share = none;
      if (c.prepay_cpr > 0) {
        const auto [at, fresh] =
            known_shares.try_emplace({c.prepay_cpr, c.flows.size(), c.flows.front().date_years, c.flows.back().date_years},
                                     static_cast<std::uint32_t>(shares_.size()));
        if (fresh) shares_.push_back(shares(wiring, c));
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
      const double units = line.shares == none ? line.units : line.units * shares_[line.shares][d.step];
      const auto price = [&](int step) { return block.factors(line.price, step)[d.lane]; };
      const auto rate = [&](int step) { return exchange(block, line.currency, step)[d.lane]; };
      const int sale = d.step + line.wait;
      double proceeds = 0;
      if (sale <= valued_.back()) {
        const double money = sold_(std::abs(claim), units, price(sale)) * rate(sale);
        proceeds = claim < 0 ? -money : money;
      }
      for (std::size_t v = 0; v < valued_.size(); ++v) {
        const int h = valued_[v];
        if (h >= sale)
          cash[v] = proceeds;
        else if (h >= d.step)
          sales.add({&laws_[line.laws][static_cast<std::size_t>(h - d.step)], claim, units, price(h), rate(h),
                     block.discounts(discounts_[line.discounts][d.step], static_cast<int>(v))[d.lane], value + v});
      }
      value += valued_.size(), cash += valued_.size();
    }
    sales.finish();
  }

 private:
  struct Line {
    FactorIndex price, currency;
    int wait;  // steps from default to sale
    std::uint32_t laws, discounts, shares;
    double units;  // of the index, costs taken off
  };

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
  std::vector<std::vector<SaleLaw>> laws_;
  std::vector<std::vector<DiscountIndex>> discounts_;
  std::vector<std::vector<double>> shares_;
};

}  // namespace

std::unique_ptr<Recovery> secured_recovery(const Positions& positions, const std::vector<Claim>& claims,
                                           const std::vector<Security>& securities, const Wiring& wiring) {
  return std::make_unique<Secured>(positions, claims, securities, wiring);
}

}  // namespace tailcube
