// What perpetual futures share: the margin of an account, and the insurance fund of a venue. Both are found from all
// positions that name them, whatever becomes of these in the book.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/instruments/monitoring_path.h"
#include "kernels/instruments/perp_path.h"
#include "kernels/instruments/positive_lanes.h"
#include "kernels/instruments/rows.h"
#include "kernels/publishing.h"

namespace tailcube {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
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
  void clear(std::uint8_t r, Block& block) const {
    std::fill_n(row(block, AccountRow{r}, 0), static_cast<std::size_t>(steps_ + 1) * lanes, 0.0);
  }
  // Whether all prices that members read are there, so that nobody need look.
  bool priced(const Block& block) const {
    Priced good;
    for (const FactorIndex f : prices_)
      for (int n = 0; n <= steps_; ++n) good.look(block.factors(f, n));
    return good.everywhere();
  }
  // Not a number in the lanes in which one of the prices is missing, else 0.
  static void look(std::initializer_list<FactorIndex> prices, const Block& block, int step, PerpPath::Column& missing) {
    for (const FactorIndex f : prices) {
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
  MarginAccount(const Positions& sharing, const Wiring& wiring)
      : SharedPath(sharing, wiring), step_years_(wiring.market->step_years) {
    for (const Member& m : members_) add(m);
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
    const bool all_priced = priced(block);
    for (const Group& g : groups_) add(g, &g == groups_.data(), all_priced, block);
    for (const std::uint8_t r : {std::uint8_t{account_share}, std::uint8_t{account_charge + 1}}) clear(r, block);
    bool owing = false;
    for (int n = 0; n <= steps_; ++n) owing = owing || owes(block, n);
    for (const Group& g : groups_)
      if (owing) add_gains(g, block);
    const LaneTag d;
    const auto zero = hn::Zero(d);
    alignas(64) PerpPath::Column open, bad{}, charge, counts, carries;
    open.fill(1), charge.fill(-1);
    const PerpPath& any = members_.front().path;
    const bool returned = any.returned;
    for (int n = 0; n <= steps_; ++n) {
      const double* fx = exchange(block, any.currency, n);
      double *value = row(block, account_value, n), *shortfall = row(block, account_shortfall, n),
             *share = row(block, account_share, n), *taken = row(block, account_charge, n);
      const bool looked_at = n <= any.close && (n > 0 || block.monitor_today), kept = n < any.close;
      std::uint64_t due = 0;
      for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
        const auto equity = hn::LoadU(d, value + k), was_open = hn::Load(d, open.data() + k);
        const auto priced_here = hn::Eq(hn::Sub(equity, equity), zero);  // and before
        const auto found = hn::And(hn::Gt(was_open, zero), hn::Lt(equity, hn::LoadU(d, shortfall + k)));
        auto still_open = hn::IfThenElseZero(priced_here, was_open);
        if (looked_at) due |= lane_bits(found, k), still_open = hn::IfThenZeroElse(found, still_open);
        hn::Store(still_open, d, open.data() + k);
        hn::Store(hn::IfThenElse(priced_here, hn::Load(d, charge.data() + k), hn::Set(d, no_number)), d, charge.data() + k);
        const auto left = hn::IfThenElseZero(hn::Gt(still_open, zero), hn::Mul(equity, hn::LoadU(d, fx + k)));
        hn::Store(kept ? left : zero, d, counts.data() + k);
      }
      while (due != 0) {
        const std::size_t k = take_lane(due);
        const double equity = value[k], still = std::max(equity, 0.0),
                     back = returned ? std::max(equity - taken[k], 0.0) : 0;
        charge[k] = still > 0 ? (still - back) / shortfall[k] : 0;
        bad[k] = std::max(-equity, 0.0) * fx[k];
      }
      carries.fill(1);
      for (std::size_t k = 0; owing && k < lanes; ++k) carries[k] = share_carried(value[k], share[k]);
      copy_lanes(counts.data(), value), copy_lanes(bad.data(), shortfall);
      copy_lanes(carries.data(), share), copy_lanes(charge.data(), taken);
    }
  }

 private:
  // Positions of the account that read the same: equity, requirement and fees are sums of a few of their numbers, as a
  // position's are.
  struct Group {
    FactorIndex price, coin, rate;                   // of funding; none: numbers
    double fixed = 0, units = 0, coins = 0;          // as Margin's
    double funded = 0;                               // units that pay the rate, or units x number
    double share = 0, least = 0, fees = 0;           // required = share P + least + fees P, and what `tiered` require
    std::vector<Margin> tiered = {};                 // whose least requirement depends on the price; x quantity
    std::vector<std::pair<Margin, double>> of = {};  // each, x quantity, and what it adds to `funded`
    bool reads(const PerpPath& p) const { return p.price == price && p.coin == coin && p.funding.factor == rate; }
  };

  static Margin times(double quantity, Margin m) {
    for (double* x : {&m.fixed, &m.units, &m.coins, &m.share, &m.deduction, &m.least, &m.fees}) *x *= quantity;
    return m;
  }
  void add(const Member& member) {
    const PerpPath& p = member.path;
    auto g = std::find_if(groups_.begin(), groups_.end(), [&](const Group& of) { return of.reads(p); });
    if (g == groups_.end()) g = groups_.insert(groups_.end(), Group{p.price, p.coin, p.funding.factor});
    const Margin m = times(member.quantity, p.margin);
    const double funded = !is_none(g->rate) ? m.units : p.funding.blank ? 0 : m.units * p.funding.number;
    g->fixed += m.fixed, g->units += m.units, g->coins += m.coins, g->funded += funded, g->fees += m.fees;
    g->of.emplace_back(m, funded);
    if (m.share == 0)
      g->least += std::max(-m.deduction, m.least);
    else if (-m.deduction >= m.least)
      g->share += m.share, g->least -= m.deduction;
    else
      g->tiered.push_back(m);
  }

  // Adds the rates at a step, so that what has been paid is a multiple of them.
  [[gnu::always_inline]] void pay_funding(const Group& g, const Block& block, int step,
                                          PerpPath::Column& rates) const noexcept {
    if (step == 0) return;
    const LaneTag d;
    const double *price = block.factors(g.price, step).data(),
                 *rate = is_none(g.rate) ? nullptr : block.factors(g.rate, step).data();
    for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
      auto due = hn::LoadU(d, price + k);
      if (rate != nullptr) due = hn::Mul(due, hn::LoadU(d, rate + k));
      hn::Store(hn::Add(hn::Load(d, rates.data() + k), due), d, rates.data() + k);
    }
  }

  // Equity, requirement and fees of a group at each step, of the first set and not added.
  void add(const Group& g, bool first, bool all_priced, Block& block) const noexcept {
    alignas(64) PerpPath::Column missing{}, rates{};
    const LaneTag d;
    const auto fixed = hn::Set(d, g.fixed), units = hn::Set(d, g.units), coins = hn::Set(d, g.coins),
               funded = hn::Set(d, g.funded * step_years_), share = hn::Set(d, g.share + g.fees),
               least = hn::Set(d, g.least), fee = hn::Set(d, g.fees);
    for (int n = 0; n <= steps_; ++n) {
      pay_funding(g, block, n, rates);
      if (!all_priced) look({g.price, g.coin}, block, n, missing);
      const double *price = block.factors(g.price, n).data(),
                   *coin = is_none(g.coin) ? nullptr : block.factors(g.coin, n).data();
      double *equity = row(block, account_value, n), *required = row(block, account_shortfall, n),
             *fees = row(block, account_charge, n);
      for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
        const auto mark = hn::LoadU(d, price + k);
        auto own = hn::Sub(hn::Add(fixed, hn::Mul(units, mark)), hn::Mul(funded, hn::Load(d, rates.data() + k)));
        if (coin != nullptr) own = hn::Add(own, hn::Mul(coins, hn::LoadU(d, coin + k)));
        if (!all_priced) own = hn::Add(own, hn::Load(d, missing.data() + k));
        auto needed = hn::Add(hn::Mul(share, mark), least), cost = hn::Mul(fee, mark);
        for (const Margin& m : g.tiered) {
          const auto tier = hn::Sub(hn::Mul(hn::Set(d, m.share), mark), hn::Set(d, m.deduction));
          needed = hn::Add(needed, hn::Max(tier, hn::Set(d, m.least)));
        }
        if (!first) {
          own = hn::Add(own, hn::LoadU(d, equity + k)), cost = hn::Add(cost, hn::LoadU(d, fees + k));
          needed = hn::Add(needed, hn::LoadU(d, required + k));
        }
        hn::StoreU(own, d, equity + k), hn::StoreU(needed, d, required + k), hn::StoreU(cost, d, fees + k);
      }
    }
  }

  // What the positions of a group gain that do, at steps at which the account owes.
  void add_gains(const Group& g, Block& block) const noexcept {
    alignas(64) PerpPath::Column rates{};
    const LaneTag d;
    for (int n = 0; n <= steps_; ++n) {
      pay_funding(g, block, n, rates);
      if (!owes(block, n)) continue;
      const double *price = block.factors(g.price, n).data(),
                   *coin = is_none(g.coin) ? nullptr : block.factors(g.coin, n).data();
      double* gained = row(block, account_share, n);
      for (const auto& [m, paid] : g.of)
        for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
          auto own = hn::Add(hn::Set(d, m.fixed), hn::Mul(hn::Set(d, m.units), hn::LoadU(d, price + k)));
          own = hn::Sub(own, hn::Mul(hn::Set(d, paid * step_years_), hn::Load(d, rates.data() + k)));
          if (coin != nullptr) own = hn::Add(own, hn::Mul(hn::Set(d, m.coins), hn::LoadU(d, coin + k)));
          hn::StoreU(hn::Add(hn::LoadU(d, gained + k), hn::Max(own, hn::Zero(d))), d, gained + k);
        }
    }
  }
  // While account_value has the sums of equity.
  bool owes(const Block& block, int step) const noexcept {
    const double* equity = block.factors(row_of(own_, account_value), step).data();
    alignas(64) PerpPath::Column owed;
    for (std::size_t k = 0; k < lanes; ++k) owed[k] = -equity[k];
    return positive_lanes(owed.data()) != 0;
  }

  std::vector<Group> groups_;
  double step_years_;
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
    for (std::uint8_t r = 0; r < price_rows; ++r) clear(r, block);
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
      if (positive_lanes(beyond.data()) != 0) out.first = std::min(out.first, n), out.last = n;
    }
    return out;
  }

  void add_bad_debt(const Member& m, bool all_priced, Block& block) const noexcept {
    PerpPath::State s;
    alignas(64) PerpPath::Column missing{};
    const double quantity = m.quantity;
    const bool sure = all_priced && is_none(m.path.account);  // that no price is missing
    for (int n = block.monitor_today ? 0 : 1; n <= std::min(steps_, m.path.close); ++n) {
      const std::size_t gone_before = s.gone_count;
      if (!m.path.monitor(block, n, s) && sure) continue;
      double* debt = row(block, debt_of(m.path.is_long()), n);
      for (std::size_t i = gone_before; i < s.gone_count; ++i) debt[s.gone[i]] += quantity * s.bad[s.gone[i]];
      if (sure) continue;
      look({m.path.price, m.path.coin}, block, n, missing);
      if (!is_none(m.path.account)) {
        const double* charge = m.path.of_account(block, account_charge, n);
        for (std::size_t k = 0; k < lanes; ++k)
          if (charge[k] != charge[k]) missing[k] = no_number;
      }
      for (std::size_t k = 0; k < lanes; ++k) debt[k] += missing[k];
    }
  }

  // Of what is open at steps at which bad debt of the other side is not paid, as far as it has gained since it last paid.
  void add_gains(const Member& m, const Steps& unpaid, Block& block) const noexcept {
    PerpPath::State s;
    alignas(64) PerpPath::Column debt{}, paid_for{};
    const LaneTag d;
    const auto zero = hn::Zero(d), quantity = hn::Set(d, m.quantity), units = hn::Set(d, m.path.margin.units),
               entry = hn::Set(d, m.path.entry_price), fund = hn::Set(d, fund_);
    for (int n = block.monitor_today ? 0 : 1; n <= std::min(unpaid.last, m.path.close); ++n) {
      m.path.monitor(block, n, s);
      const double *price = block.factors(m.path.price, n).data(), *fx = exchange(block, m.path.currency, n),
                   *longs = row(block, taken_from_longs, n), *shorts = row(block, taken_from_shorts, n),
                   *against = row(block, debt_of(!m.path.is_long()), n);
      double* gains = row(block, gains_of(m.path.is_long()), n);
      for (std::size_t k = 0; k < lanes; k += hn::Lanes(d)) {
        const auto owed = hn::Add(hn::Load(d, debt.data() + k), hn::Add(hn::LoadU(d, longs + k), hn::LoadU(d, shorts + k)));
        hn::Store(owed, d, debt.data() + k);
        if (n < unpaid.first) continue;
        const auto before = hn::Load(d, paid_for.data() + k);
        const auto gained = hn::Sub(hn::Mul(units, hn::Sub(hn::LoadU(d, price + k), entry)), before);
        const auto pays = hn::And(hn::And(hn::Gt(hn::Load(d, s.open.data() + k), zero), hn::Gt(gained, zero)),
                                  hn::And(hn::Gt(hn::LoadU(d, against + k), zero), hn::Gt(owed, fund)));
        hn::Store(hn::Add(before, hn::IfThenElseZero(pays, gained)), d, paid_for.data() + k);
        const auto fresh = hn::IfThenElseZero(pays, hn::Mul(hn::Mul(quantity, gained), hn::LoadU(d, fx + k)));
        hn::StoreU(hn::Add(hn::LoadU(d, gains + k), fresh), d, gains + k);
      }
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
