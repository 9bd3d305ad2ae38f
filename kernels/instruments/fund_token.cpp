// A token of a fund: a levered share of a pool's value, published late, redeemed through a gate.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "kernels/instruments/priced_units.h"
#include "kernels/math/functions.h"
#include "kernels/publishing.h"

namespace tailcube {
namespace {

struct FundToken {
  PoolIndex assets;
  double tokens, token_price, leverage, borrow_rate, publication_lag_years, redeem_years, redemption_period_years, gate;
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

class FundPath final : public PricePath {
 public:
  FundPath(const FundToken& f, const Wiring& wiring) : f_(f) {
    const FactorModel& market = *wiring.market;
    assets_today_ = exchange_today(market, row_of(f.assets, pool_value));
    lag_ = static_cast<int>(std::ceil(f.publication_lag_years / market.step_years - date_rounding));
    for (const double years : wiring.time_years) debt_.push_back((f.leverage - 1) * exp(f.borrow_rate * years));
    redeemed_ = redemptions(f, market.steps, market.step_years);
    const double most = f.token_price * f.leverage * std::max(1.0, assets_bound(market) / assets_today_);
    rows[price_row] = rows[value_row] = {f.token_price, most};
    rows[cash_row] = {0, most};
    rows[credit_loss_row] = {0, 2 * most};
    reads = {row_of(f.assets, pool_value), row_of(f.assets, pool_credit_loss)};
  }

  void publish(Block& block, FactorIndex first) const noexcept override {
    const auto row = [&](PriceRow r, int step) { return block.factors(static_cast<std::uint32_t>(first) + r, step).data(); };
    for (const PriceRow r : {price_row, value_row}) std::fill_n(row(r, 0), lanes, f_.token_price);
    for (const PriceRow r : {cash_row, credit_loss_row}) std::fill_n(row(r, 0), lanes, 0.0);
    // Beside it the same fund without credit losses: what its holder has more is the credit loss.
    double left = 1;
    std::array<double, lanes> cash;
    cash.fill(0);
    for (int n = 1; n <= static_cast<int>(debt_.size()) - 1; ++n) {
      const int seen = std::max(0, n - lag_);
      const double redeemed = redeemed_[static_cast<std::size_t>(n)];
      left -= redeemed;
      const double kept = left < share_rounding ? 0 : left;
      double *price = row(price_row, n), *value = row(value_row, n), *paid = row(cash_row, n),
             *lost = row(credit_loss_row, n);
      const double* paid_before = row(cash_row, n - 1);
      for (std::size_t k = 0; k < lanes; ++k) {
        const double net_asset_value = net(block, seen, k, false);
        price[k] = std::max(net_asset_value, least_price * f_.token_price);
        value[k] = kept * net(block, n, k, false);
        paid[k] = paid_before[k] + redeemed * net_asset_value;
        cash[k] += redeemed * net(block, seen, k, true);
        lost[k] = (kept * net(block, n, k, true) + cash[k]) - (value[k] + paid[k]);
      }
    }
  }

 private:
  // Net asset value of a token; the debt's holders bear what the assets do not cover.
  double net(const Block& block, int step, std::size_t lane, bool without_credit_losses) const {
    const double worth = block.factors(row_of(f_.assets, pool_value), step)[lane] +
                         (without_credit_losses ? block.factors(row_of(f_.assets, pool_credit_loss), step)[lane] : 0);
    return f_.token_price * std::max(f_.leverage * (worth / assets_today_) - debt_[static_cast<std::size_t>(step)], 0.0);
  }
  double assets_bound(const FactorModel& market) const {
    return exchange_bound(market, row_of(f_.assets, pool_value), market.step_years * market.steps);
  }
  FundToken f_;
  double assets_today_ = 0;
  int lag_ = 0;
  std::vector<double> debt_, redeemed_;  // [step]: of a unit of equity today; of a token
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
  return priced_units(positions, wiring, units, std::move(kept));
}

std::unique_ptr<PricePath> publish(const Positions& positions, std::size_t position, const Wiring& wiring) {
  return std::make_unique<FundPath>(terms(positions, fields, position), wiring);
}

}  // namespace

extern const Instrument fund_token;
const Instrument fund_token{.name = "fund_token",
                            .columns = columns(fields),
                            .foreign_currency = false,
                            .check = check,
                            .warn = warn,
                            .compile = compile,
                            .publish = publish};

}  // namespace tailcube
