// A token of a fund: a levered share of a pool's value, published late, redeemed through a gate.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "kernels/instruments/pledged.h"
#include "kernels/instruments/positive_lanes.h"
#include "kernels/instruments/priced_units.h"
#include "kernels/math/functions.h"
#include "kernels/publishing.h"

namespace tailcube {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

struct FundToken {
  PoolIndex assets;
  double tokens, token_price, leverage, borrow_rate, publication_lag_years, redeem_years, redemption_period_years, gate,
      management_fee, performance_fee;
};
constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Field<FundToken> fields[] = {
    {.name = "assets", .member = &FundToken::assets, .meaning = "node that holds what the fund owns, without total/"},
    {.name = "tokens", .member = &FundToken::tokens, .allowed = not_negative, .meaning = "tokens held"},
    {.name = "token_price",
     .member = &FundToken::token_price,
     .allowed = positive,
     .otherwise = 1.0,
     .meaning = "net asset value of a token today, money"},
    {.name = "leverage",
     .member = &FundToken::leverage,
     .allowed = {1, 100, "between 1 and 100"},
     .otherwise = 1.0,
     .meaning = "the fund's assets over its equity today"},
    {.name = "borrow_rate",
     .member = &FundToken::borrow_rate,
     .allowed = {-1, 10, "between -1 and 10"},
     .otherwise = 0.0,
     .meaning = "per year, continuous: the fund's debt grows by exp(borrow_rate x years)"},
    {.name = "publication_lag_years",
     .member = &FundToken::publication_lag_years,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = 0.0,
     .meaning = "age of the net asset value that is published as its price"},
    {.name = "redeem_years",
     .member = &FundToken::redeem_years,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = blank,
     .meaning = "years until the holder asks for all of it to be redeemed; blank: it is kept"},
    {.name = "redemption_period_years",
     .member = &FundToken::redemption_period_years,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = 0.0,
     .meaning = "years from one redemption date to the next, counted from today; 0: every step is one"},
    {.name = "gate",
     .member = &FundToken::gate,
     .allowed = {1e-6, 1, "positive and at most 1"},
     .otherwise = 1.0,
     .meaning = "share of what was asked for that is redeemed at a redemption date, at the published price"},
    {.name = "management_fee",
     .member = &FundToken::management_fee,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "per year, continuous, on net assets, accrued at every step"},
    {.name = "performance_fee",
     .member = &FundToken::performance_fee,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "share of what the token's price gains above its highest at the end of a year, taken at the end of each"},
};

constexpr double share_rounding = 1e-9;  // what is less of a token is nothing

// Share of a token redeemed at each step.
std::vector<double> redemptions(const FundToken& f, int steps, double step_years) {
  std::vector<double> out(static_cast<std::size_t>(steps) + 1, 0.0);
  if (!(f.redeem_years == f.redeem_years)) return out;
  const double period = f.redemption_period_years > 0 ? f.redemption_period_years / step_years : 1;  // in steps
  const double asked = redemption_step(f.redeem_years, step_years);
  double left = 1;
  for (double date = std::max(1.0, std::ceil(asked / period - date_rounding)); left > share_rounding; ++date) {
    const double step = std::ceil(date * period - date_rounding);
    if (step > steps) break;
    const double now = std::min(left, f.gate);
    out[static_cast<std::size_t>(step)] += now;
    left -= now;
  }
  return out;
}

// Whether a year from today ends at each step: the first at or after that.
std::vector<bool> ends_of_years(int steps, double step_years) {
  const auto years = [&](int step) { return std::floor((step + date_rounding) * step_years); };
  std::vector<bool> out{false};
  for (int n = 1; n <= steps; ++n) out.push_back(years(n) > years(n - 1));
  return out;
}

class FundPath final : public PricePath {
 public:
  FundPath(const FundToken& f, const Wiring& wiring) : f_(f) {
    const FactorModel& market = *wiring.market;
    const double assets_today = exchange_today(market, row_of(f.assets, pool_value));
    units_ = f.leverage / assets_today;
    lag_ = static_cast<int>(std::ceil(f.publication_lag_years / market.step_years - date_rounding));
    for (const double years : wiring.time_years) {
      debt_.push_back((f.leverage - 1) * exp(f.borrow_rate * years));
      managed_.push_back(exp(-f.management_fee * years));
    }
    year_ends_ = ends_of_years(market.steps, market.step_years);
    redeemed_ = redemptions(f, market.steps, market.step_years);
    const double most = f.token_price * f.leverage * std::max(1.0, assets_bound(market) / assets_today);
    rows[price_row] = rows[value_row] = {f.token_price, most};
    rows[cash_row] = {0, most};
    rows[credit_loss_row] = {0, 2 * most};
    rows[happening_row] = {0, most};
    asked_ = redemption_step(f.redeem_years, market.step_years);
    reads = {row_of(f.assets, pool_value), row_of(f.assets, pool_credit_loss)};
  }

  void publish(Block& block, FactorIndex first) const noexcept override {
    const auto row = [&](PriceRow r, int step) { return block.factors(static_cast<std::uint32_t>(first) + r, step).data(); };
    for (const PriceRow r : {price_row, value_row}) std::fill_n(row(r, 0), lanes, f_.token_price);
    for (const PriceRow r : {cash_row, credit_loss_row, happening_row}) std::fill_n(row(r, 0), lanes, 0.0);
    // Beside it the same fund without credit losses: what its holder has more is the credit loss. Of both what is seen late.
    Account now(f_.token_price), spared(f_.token_price), seen(f_.token_price), spared_seen(f_.token_price);
    const LaneTag d;
    for (std::size_t k = 0; lag_ > 0 && k < lanes; k += hn::Lanes(d)) advance(seen, spared_seen, at_step(block, 0), k);
    double left = 1;
    alignas(64) Column paid{}, spared_paid{};
    for (int n = 1; n <= static_cast<int>(debt_.size()) - 1; ++n) {
      const double redeemed = redeemed_[static_cast<std::size_t>(n)];
      left -= redeemed;
      const auto kept = hn::Set(d, left < share_rounding ? 0 : left), out = hn::Set(d, redeemed),
                 least = hn::Set(d, least_price * f_.token_price);
      const auto asked = n >= asked_ ? kept : hn::Zero(d);  // for and not yet redeemed
      const AtStep here = at_step(block, n), published = lag_ > 0 && n > lag_ ? at_step(block, n - lag_) : here;
      double *price = row(price_row, n), *value = row(value_row, n), *cash = row(cash_row, n),
             *lost = row(credit_loss_row, n), *gated = row(happening_row, n);
      for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
        const auto [net, spared_net] = advance(now, spared, here, k);
        auto shown = net, spared_shown = spared_net;
        if (lag_ > 0) {
          if (n > lag_) advance(seen, spared_seen, published, k);
          shown = hn::Load(d, seen.net.data() + k), spared_shown = hn::Load(d, spared_seen.net.data() + k);
        }
        const auto worth = hn::Mul(kept, net), received = hn::Add(hn::Load(d, paid.data() + k), hn::Mul(out, shown)),
                   spared_received = hn::Add(hn::Load(d, spared_paid.data() + k), hn::Mul(out, spared_shown));
        hn::Store(received, d, paid.data() + k), hn::Store(spared_received, d, spared_paid.data() + k);
        hn::StoreU(at_least(least, shown), d, price + k);
        hn::StoreU(worth, d, value + k), hn::StoreU(received, d, cash + k);
        const auto spared_worth = hn::Add(hn::Mul(kept, spared_net), spared_received);
        hn::StoreU(hn::Sub(spared_worth, hn::Add(worth, received)), d, lost + k);
        hn::StoreU(hn::Mul(asked, shown), d, gated + k);
      }
    }
  }

 private:
  using Column = std::array<double, lanes>;
  // What a token is worth as the fund's books have it, by scenario.
  struct Account {
    explicit Account(double price) { net.fill(price), high.fill(price), share.fill(1); }
    alignas(64) Column net, high, share;  // after all fees; high-water mark; left by performance fees until now
  };
  struct AtStep {
    const double *assets, *lost;  // [lane]
    double debt, managed;         // as debt_ and managed_
    bool year_ends;
  };
  AtStep at_step(const Block& block, int step) const {
    const auto at = static_cast<std::size_t>(step);
    return {block.factors(row_of(f_.assets, pool_value), step).data(),
            block.factors(row_of(f_.assets, pool_credit_loss), step).data(), debt_[at], managed_[at], year_ends_[at]};
  }
  // What is not a number stays so.
  static HWY_INLINE LaneVector at_least(LaneVector least, LaneVector x) {
    return hn::IfThenElse(hn::Lt(x, least), least, x);
  }
  // To a step, the next one, in lanes k to k + 3. The debt's holders bear what the assets do not cover. A fee that has
  // accrued since the last end of a year is off the price already, and comes back where the gain is lost before the next.
  HWY_INLINE LaneVector advance(Account& a, LaneVector assets, const AtStep& at, std::size_t k) const {
    const LaneTag d;
    const auto high = hn::Load(d, a.high.data() + k), share = hn::Load(d, a.share.data() + k);
    const auto equity = at_least(hn::Zero(d), hn::Sub(hn::Mul(hn::Set(d, units_), assets), hn::Set(d, at.debt)));
    const auto before = hn::Mul(hn::Mul(hn::Mul(hn::Set(d, f_.token_price), equity), hn::Set(d, at.managed)), share);
    const auto gains = hn::Gt(before, high);
    const auto fee = hn::Mul(hn::Set(d, f_.performance_fee), hn::Sub(before, high));
    const auto net = hn::Sub(before, hn::IfThenElseZero(gains, fee));
    hn::Store(net, d, a.net.data() + k);
    if (!at.year_ends) return net;
    hn::Store(hn::IfThenElse(gains, hn::Mul(share, hn::Div(net, before)), share), d, a.share.data() + k);
    hn::Store(hn::IfThenElse(gains, net, high), d, a.high.data() + k);
    return net;
  }
  struct Nets {
    LaneVector net, spared;
  };
  HWY_INLINE Nets advance(Account& a, Account& spared, const AtStep& at, std::size_t k) const {
    const LaneTag d;
    const auto assets = hn::LoadU(d, at.assets + k);
    return {advance(a, assets, at, k), advance(spared, hn::Add(assets, hn::LoadU(d, at.lost + k)), at, k)};
  }
  double assets_bound(const FactorModel& market) const {
    return exchange_bound(market, row_of(f_.assets, pool_value), market.step_years * market.steps);
  }
  FundToken f_;
  double units_ = 0;  // of the pool, for a unit of equity today
  int lag_ = 0;
  double asked_ = 0;                               // step; NaN: never
  std::vector<double> debt_, managed_, redeemed_;  // [step]: of a unit of equity today; left by management fees; of a token
  std::vector<bool> year_ends_;                    // [step]
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const FundToken f = terms(positions, fields, position);
  if (f.redeem_years == f.redeem_years || (f.redemption_period_years == 0 && f.gate == 1)) return {};
  return Complaint{"redeem_years", "blank; a redemption period or a gate needs the time when redemption is asked for"};
}

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const FundToken f = terms(positions, fields, position);
  if (f.leverage == 1 || f.borrow_rate > 0) return {};
  return Complaint{"borrow_rate", "the fund borrows for nothing"};
}

// The fund's assets and its debt, of the tokens held that are not yet redeemed, before fees.
Pledges pledges(const Positions& positions, const Wiring& wiring) {
  Pledges out(wiring, 1);
  for (std::size_t p = 0; p < positions.size(); ++p) {
    const FundToken f = terms(positions, fields, p);
    const std::uint32_t row = static_cast<std::uint32_t>(wiring.row[p]) - static_cast<std::uint32_t>(wiring.first_row);
    const FactorIndex pool = row_of(f.assets, pool_value), currency{none};
    const double equity = positions.quantity[p] * f.tokens * f.token_price;
    const double units = f.leverage / exchange_today(*wiring.market, pool);
    out.add_today(row, Pledges::collateral, equity * f.leverage);
    out.add_today(row, Pledges::debt, equity * (f.leverage - 1));
    const std::vector<double> redeemed = redemptions(f, wiring.market->steps, wiring.market->step_years);
    for (std::uint32_t v = 0; v < wiring.valued.size(); ++v) {
      const auto step = static_cast<std::size_t>(wiring.valued[v]);
      const double kept = 1 - std::accumulate(redeemed.begin(), redeemed.begin() + wiring.valued[v] + 1, 0.0);
      if (kept < share_rounding) continue;
      out.add(p, row, Pledges::collateral, v, pool, currency, equity * kept * units);
      out.add(p, row, Pledges::debt, v, currency, currency,
              equity * kept * (f.leverage - 1) * exp(f.borrow_rate * wiring.time_years[step]));
    }
  }
  out.seal(positions.obligor);
  return out;
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  std::vector<double> units, kept;
  units.reserve(positions.size());
  for (std::size_t p = 0; p < positions.size(); ++p) {
    const FundToken f = terms(positions, fields, p);
    units.push_back(positions.quantity[p] * f.tokens);
    if (!wiring.published_values) continue;
    const std::vector<double> redeemed = redemptions(f, wiring.market->steps, wiring.market->step_years);
    for (const int step : wiring.valued)
      kept.push_back(1 - std::accumulate(redeemed.begin(), redeemed.begin() + step + 1, 0.0));
  }
  auto batch = priced_units(positions, wiring, units, std::move(kept));
  if (wiring.ratio_gauges == 0) return batch;
  for (std::size_t p = 0; p < positions.size(); ++p)
    batch->reads.push_back(row_of(terms(positions, fields, p).assets, pool_value));
  batch->reads = distinct(std::move(batch->reads));
  return with_pledges(std::move(batch), pledges(positions, wiring));
}

std::unique_ptr<PricePath> publish(const Positions& positions, std::size_t position, const Wiring& wiring) {
  return std::make_unique<FundPath>(terms(positions, fields, position), wiring);
}

}  // namespace

extern const Instrument fund_token;
const Instrument fund_token{.name = "fund_token",
                            .columns = columns(fields),
                            .gauges = {{"gated", "money"}},
                            .ratio_gauges = pledge_gauges(),
                            .foreign_currency = false,
                            .check = check,
                            .warn = warn,
                            .compile = compile,
                            .publish = publish};

}  // namespace tailcube
