// What perpetual futures share: the margin of an account, and the insurance fund of a venue. Both are found from all
// positions that name them, whatever becomes of these in the book.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/instruments/monitoring_path.h"
#include "kernels/instruments/perp_path.h"
#include "kernels/instruments/rows.h"
#include "kernels/publishing.h"

namespace tailcube {
namespace {

constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

// The share of what losing positions lack that an account carries, of its equity and of those positions' that gain.
double share_carried(double equity, double gained) { return equity < 0 ? gained / (gained - equity) : 1; }

struct Member {
  PerpPath path;
  double quantity;  // without its sign
};

class SharedPath : public MonitoringPath {
 public:
  SharedPath(const Positions& sharing, const Wiring& wiring)
      : steps_(wiring.market->steps), own_(static_cast<AccountIndex>(sharing.published.front())) {
    members_.reserve(sharing.size());
    for (std::size_t p = 0; p < sharing.size(); ++p) {
      const Perp t = perp_terms(sharing, p);
      prices_.push_back(t.factor), prices_.push_back(t.collateral_factor);
      members_.push_back({PerpPath(t, sharing.currency[p], wiring.time_years[1]), std::abs(sharing.quantity[p])});
      for (const FactorIndex f : {t.factor, t.collateral_factor, t.funding_rate.factor, sharing.currency[p]})
        reads.push_back(f);
    }
    prices_ = distinct(std::move(prices_));
    triggers_today = false;
  }

 protected:
  double* row(Block& block, AccountRow r, int step) const { return block.factors(row_of(own_, r), step).data(); }
  void clear(Block& block) const {
    for (std::uint8_t r = 0; r < price_rows; ++r)
      std::fill_n(row(block, AccountRow{r}, 0), static_cast<std::size_t>(steps_ + 1) * lanes, 0.0);
  }
  // Whether all prices that members read are there, so that nobody need look.
  bool priced(const Block& block) const {
    Priced good;
    for (const FactorIndex f : prices_)
      for (int n = 0; n <= steps_; ++n) good.look(block.factors(f, n));
    return good.everywhere();
  }
  // Not a number in the lanes in which a price that the member reads is missing, else 0.
  static void look(const PerpPath& path, const Block& block, int step, PerpPath::Column& missing) {
    for (const FactorIndex f : {path.price, path.coin}) {
      if (is_none(f)) continue;
      const double* price = block.factors(f, step).data();
      for (std::size_t k = 0; k < lanes; ++k)
        if (!(price[k] > 0 && price[k] < 1e300)) missing[k] = no_number;
    }
  }

  std::vector<Member> members_;
  std::vector<FactorIndex> prices_;
  int steps_;
  AccountIndex own_;
};

// The margin of an account. Rows first hold sums over its positions at each step.
class MarginAccount final : public SharedPath {
 public:
  MarginAccount(const Positions& sharing, const Wiring& wiring) : SharedPath(sharing, wiring) {
    const FactorModel& market = *wiring.market;
    double equity = 0, gained = 0, required = 0, turnover = 0, most = 0;
    const double fx = exchange_today(market, sharing.currency.front());
    for (std::size_t p = 0; p < sharing.size(); ++p) {
      const Perp t = perp_terms(sharing, p);
      const Member& m = members_[p];
      const double price = exchange_today(market, t.factor);
      const double own = m.quantity * m.path.margin.equity(price, exchange_today(market, t.collateral_factor));
      equity += own, gained += std::max(own, 0.0), required += m.quantity * m.path.margin.required(price);
      turnover += m.quantity * t.size * (price + t.entry_price);
      most += m.quantity * largest_equity(t, market, wiring.time_years.back());
    }
    most *= exchange_bound(market, sharing.currency.front(), wiring.time_years.back());
    triggers_today = due_today(equity, required, turnover);
    rows[account_value] = {std::max(equity, 0.0) * fx, most};
    rows[account_shortfall] = {0, most};
    rows[account_share] = {share_carried(equity, gained), 1};
    rows[account_charge] = {triggers_today ? 0.0 : -1.0, 1};
    reads = distinct(std::move(reads));
  }

  void publish(Block& block, FactorIndex) const noexcept override {
    clear(block);
    const bool all_priced = priced(block);
    for (const Member& m : members_) add(m, all_priced, block);
    alignas(64) PerpPath::Column open, bad{}, charge, left, carries;
    open.fill(1), charge.fill(-1);
    const PerpPath& any = members_.front().path;
    const bool returned = any.returned;
    for (int n = 0; n <= steps_; ++n) {
      const double* fx = exchange(block, any.currency, n);
      double *value = row(block, account_value, n), *shortfall = row(block, account_shortfall, n),
             *share = row(block, account_share, n), *taken = row(block, account_charge, n);
      const bool looked_at = n <= any.close && (n > 0 || block.monitor_today);
      const bool kept = n < any.close;
      for (std::size_t k = 0; k < lanes; ++k) {
        const double equity = value[k], gained = share[k], required = shortfall[k], fees = taken[k];
        const bool missing = !(equity - equity == 0);  // a price, here or before
        const bool due = looked_at & !missing & (open[k] > 0) & (equity < required);
        const double still = std::max(equity, 0.0), back = returned ? std::max(equity - fees, 0.0) : 0;
        const double charged = still > 0 ? (still - back) / required : 0, lacked = std::max(-equity, 0.0) * fx[k];
        charge[k] = missing ? no_number : due ? charged : charge[k];
        bad[k] = due ? lacked : bad[k];
        open[k] = (missing | due) ? 0 : open[k];
        left[k] = (kept & (open[k] > 0)) ? equity * fx[k] : 0;
        carries[k] = share_carried(equity, gained);
      }
      for (const auto& [to, from] : {std::pair{value, &left}, {shortfall, &bad}, {share, &carries}, {taken, &charge}})
        copy_lanes(from->data(), to);
    }
  }

 private:
  void add(const Member& m, bool all_priced, Block& block) const noexcept {
    const Margin margin = m.path.margin;
    const double quantity = m.quantity;
    PerpPath::State s;
    alignas(64) PerpPath::Column missing{}, own, needed, cost;
    for (int n = 0; n <= steps_; ++n) {
      m.path.find_equity(block, n, s);
      if (!all_priced) look(m.path, block, n, missing);
      const double* price = block.factors(m.path.price, n).data();
      double *equity = row(block, account_value, n), *gained = row(block, account_share, n),
             *required = row(block, account_shortfall, n), *fees = row(block, account_charge, n);
      for (std::size_t k = 0; k < lanes; ++k) {
        own[k] = quantity * s.equity[k] + missing[k];
        needed[k] = quantity * margin.required(price[k]);
        cost[k] = quantity * margin.fees * price[k];
      }
      for (std::size_t k = 0; k < lanes; ++k) equity[k] += own[k];
      for (std::size_t k = 0; k < lanes; ++k) gained[k] += std::max(own[k], 0.0);
      for (std::size_t k = 0; k < lanes; ++k) required[k] += needed[k];
      for (std::size_t k = 0; k < lanes; ++k) fees[k] += cost[k];
    }
  }
};

// The insurance fund of a venue, and what winners give up beyond it. Rows first hold the bad debt of longs and of shorts at
// each step, then the gains of those that may have to pay for it.
class VenueFund final : public SharedPath {
 public:
  VenueFund(const Positions& sharing, const Wiring& wiring)
      : SharedPath(sharing, wiring), fund_(perp_terms(sharing, 0).insurance_fund) {
    const FactorModel& market = *wiring.market;
    double most = 0;
    for (std::size_t p = 0; p < sharing.size(); ++p) {
      const Perp t = perp_terms(sharing, p);
      const Margin& margin = members_[p].path.margin;
      const double price = exchange_today(market, t.factor), years = wiring.time_years.back();
      if (is_none(t.account)) {
        triggers_today |= due_today(margin.equity(price, exchange_today(market, t.collateral_factor)),
                                    margin.required(price), t.size * (price + t.entry_price));
      } else {
        reads.push_back(row_of(t.account, account_charge));
        triggers_today |= exchange_today(market, row_of(t.account, account_charge)) >= 0;
      }
      most += members_[p].quantity * largest_equity(t, market, years) * exchange_bound(market, sharing.currency[p], years);
    }
    rows[account_value] = {fund_, fund_};
    rows[account_shortfall] = {0, most};
    rows[taken_from_longs] = rows[taken_from_shorts] = {0, 1};
    reads = distinct(std::move(reads));
  }

  void publish(Block& block, FactorIndex) const noexcept override {
    clear(block);
    const bool all_priced = priced(block);
    for (const Member& m : members_) add_bad_debt(m, all_priced, block);
    const Steps looked_at = steps_unpaid(block);
    for (const Member& m : members_)
      if (looked_at.first <= looked_at.last) add_gains(m, looked_at, block);
    PerpPath::Column debt{};
    for (int n = 0; n <= steps_; ++n) {
      double *value = row(block, account_value, n), *shortfall = row(block, account_shortfall, n),
             *longs = row(block, taken_from_longs, n), *shorts = row(block, taken_from_shorts, n);
      for (std::size_t k = 0; k < lanes; ++k) {
        const double gains_of_longs = value[k], gains_of_shorts = shortfall[k], now = longs[k] + shorts[k];
        debt[k] += now;
        const double unpaid = now > 0 ? std::min(std::max(debt[k] - fund_, 0.0), now) / now : 0;
        const double of_longs = longs[k] * unpaid, of_shorts = shorts[k] * unpaid;
        longs[k] = of_shorts > 0 && gains_of_longs > 0 ? std::min(of_shorts / gains_of_longs, 1.0) : 0;
        shorts[k] = of_longs > 0 && gains_of_shorts > 0 ? std::min(of_longs / gains_of_shorts, 1.0) : 0;
        value[k] = std::max(fund_ - debt[k], 0.0);
        shortfall[k] = std::max(debt[k] - fund_, 0.0);
      }
    }
  }

 private:
  static AccountRow debt_of(bool longs) { return longs ? taken_from_longs : taken_from_shorts; }
  static AccountRow gains_of(bool longs) { return longs ? account_value : account_shortfall; }

  // From the first to the last step at which the fund does not pay all in some lane; none: the last is before the first.
  struct Steps {
    int first, last;
  };
  Steps steps_unpaid(const Block& block) const noexcept {
    Steps out{steps_ + 1, 0};
    alignas(64) PerpPath::Column debt{}, beyond;
    for (int n = 0; n <= steps_; ++n) {
      const double *longs = block.factors(row_of(own_, taken_from_longs), n).data(),
                   *shorts = block.factors(row_of(own_, taken_from_shorts), n).data();
      for (std::size_t k = 0; k < lanes; ++k) {
        const double now = longs[k] + shorts[k];
        debt[k] += now;
        beyond[k] = ((now > 0) & (debt[k] > fund_)) ? 1 : 0;
      }
      if (any_positive(beyond)) out.first = std::min(out.first, n), out.last = n;
    }
    return out;
  }

  void add_bad_debt(const Member& m, bool all_priced, Block& block) const noexcept {
    PerpPath::State s;
    alignas(64) PerpPath::Column missing{}, lost;
    const double quantity = m.quantity;
    for (int n = block.monitor_today ? 0 : 1; n <= std::min(steps_, m.path.close); ++n) {
      m.path.find_equity(block, n, s);
      const bool liquidated_now = m.path.monitor(block, n, s);
      if (all_priced && is_none(m.path.account) && !liquidated_now) continue;
      if (!all_priced) look(m.path, block, n, missing);
      if (!is_none(m.path.account)) {
        const double* charge = block.factors(row_of(m.path.account, account_charge), n).data();
        for (std::size_t k = 0; k < lanes; ++k)
          if (charge[k] != charge[k]) missing[k] = no_number;
      }
      double* debt = row(block, debt_of(m.path.is_long()), n);
      for (std::size_t k = 0; k < lanes; ++k) lost[k] = (s.when[k] == n ? quantity * s.bad[k] : 0) + missing[k];
      for (std::size_t k = 0; k < lanes; ++k) debt[k] += lost[k];
    }
  }

  // Of what is open at steps at which bad debt of the other side is not paid, as far as it has gained since it last paid.
  void add_gains(const Member& m, const Steps& unpaid, Block& block) const noexcept {
    PerpPath::State s;
    alignas(64) PerpPath::Column debt{}, paid_for{}, fresh;
    const double quantity = m.quantity, units = m.path.margin.units, entry = m.path.entry_price, fund = fund_;
    for (int n = block.monitor_today ? 0 : 1; n <= std::min(unpaid.last, m.path.close); ++n) {
      m.path.find_equity(block, n, s);
      m.path.monitor(block, n, s);
      const double *price = block.factors(m.path.price, n).data(), *fx = exchange(block, m.path.currency, n),
                   *longs = row(block, taken_from_longs, n), *shorts = row(block, taken_from_shorts, n),
                   *against = row(block, debt_of(!m.path.is_long()), n);
      double* gains = row(block, gains_of(m.path.is_long()), n);
      for (std::size_t k = 0; k < lanes; ++k) debt[k] += longs[k] + shorts[k];
      if (n < unpaid.first) continue;
      for (std::size_t k = 0; k < lanes; ++k) {
        const double gained = units * (price[k] - entry) - paid_for[k];
        const double owed = debt[k];
        const bool pays = (s.open[k] > 0) & (against[k] > 0) & (owed > fund) & (gained > 0);
        paid_for[k] += pays ? gained : 0;
        fresh[k] = pays ? quantity * gained * fx[k] : 0;
      }
      for (std::size_t k = 0; k < lanes; ++k) gains[k] += fresh[k];
    }
  }

  double fund_;
};

}  // namespace

std::unique_ptr<PricePath> margin_account(const Positions& sharing, const Wiring& wiring) {
  return std::make_unique<MarginAccount>(sharing, wiring);
}
std::unique_ptr<PricePath> venue_fund(const Positions& sharing, const Wiring& wiring) {
  return std::make_unique<VenueFund>(sharing, wiring);
}

}  // namespace tailcube
