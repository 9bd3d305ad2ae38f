#include "kernels/instruments/vault_path.h"

#include <hwy/highway.h>

#include <algorithm>
#include <limits>

namespace tailcube {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

struct Below {
  double level;
  bool operator()(double x) const { return x < level; }
  template <class V>
  auto operator()(V x) const {
    return hn::Lt(x, hn::Set(hn::DFromV<V>(), level));
  }
};
struct UpTo {
  double level;
  bool operator()(double x) const { return x <= level; }
  template <class V>
  auto operator()(V x) const {
    return hn::Le(x, hn::Set(hn::DFromV<V>(), level));
  }
};

// The first of [begin, end) that is not `before`, all of which come first. Steps that double find it in the logarithm of how
// far it is, not of how many there are; the last few are looked at together, as a branch for each would be a guess.
template <class Before>
[[gnu::always_inline]] inline std::uint32_t first_not(const double* ratio, std::uint32_t begin, std::uint32_t end,
                                                      Before before) {
  constexpr std::uint32_t few = VaultTable::few;
  std::uint32_t left = end - begin;
  for (std::uint32_t stride = few; left > stride; stride *= 2) {
    if (!before(ratio[begin + stride - 1])) {
      left = stride;
      break;
    }
    begin += stride, left -= stride;
  }
  while (left > few) {
    const std::uint32_t half = left / 2;
    begin += before(ratio[begin + half - 1]) ? half : 0;
    left -= half;
  }
  const hn::FixedTag<double, few / 2> d;
  const std::size_t found = hn::CountTrue(d, before(hn::LoadU(d, ratio + begin))) +
                            hn::CountTrue(d, before(hn::LoadU(d, ratio + begin + few / 2)));
  return std::min(end, begin + static_cast<std::uint32_t>(found));
}

}  // namespace

// Looked for in the one bucket where it can be, whatever the range.
[[gnu::always_inline]] inline std::uint32_t VaultTable::View::below(std::uint32_t begin, std::uint32_t end,
                                                                    double level) const {
  const std::uint32_t b = bucket(level);
  return std::min(std::max(first_not(ratio, start[b], start[b + 1], Below{level}), begin), end);
}
[[gnu::always_inline]] inline std::uint32_t VaultTable::View::up_to(std::uint32_t begin, std::uint32_t end,
                                                                    double level) const {
  const std::uint32_t b = bucket(level);
  return std::min(std::max(first_not(ratio, start[b], start[b + 1], UpTo{level}), begin), end);
}

template <int rows>
VaultPath<rows>& VaultPath<rows>::operator=(const VaultPath& other) {
  terms_ = other.terms_, per_rest_ = other.per_rest_, table_ = other.table_;
  if (cohorts_.size() < other.count_) cohorts_.resize(other.cohorts_.size());
  std::copy_n(other.cohorts_.begin(), other.count_, cohorts_.begin());
  count_ = other.count_, calm_below_ = other.calm_below_;
  left_ = other.left_, unpaid_ = other.unpaid_, settled_ = other.settled_, repaid_ = other.repaid_;
  return *this;
}

template <int rows>
[[gnu::noinline]] void VaultPath<rows>::more_room() {
  cohorts_.resize(2 * cohorts_.size() + 16);
}

template <int rows>
void VaultPath<rows>::start(const VaultTerms& terms, const VaultTable::View& table) {
  terms_ = terms;
  per_rest_ = 1 / (1 - terms.close_factor);
  table_ = table;
  count_ = 0;
  left_ = repaid_ = Rows{};
  unpaid_ = settled_ = debt_of(0, table.alive);
  calm_below_ = std::numeric_limits<double>::infinity();
  if (table.alive == table.size) return;
  constexpr double rounding = 1 - 1e-9;  // far more than a cohort's `owed` has gathered
  const double first = table.ratio[table.alive], last = table.ratio[table.size - 1];
  another() = {{1, 0, 1, 0}, table.alive, table.size, first, last, terms.threshold * rounding};
  calm_below_ = cohorts_.front().calm_below();
}

template <int rows>
template <bool always, class Liquidate>
[[gnu::always_inline]] inline void VaultPath<rows>::each(double worth, Liquidate liquidate) {
  const std::size_t before = count_;
  for (std::size_t i = 0; i < (always ? count_ : before); ++i)
    while (!(worth < cohorts_[i].calm_below()) && liquidate(i) && always) {
    }
  double calm = std::numeric_limits<double>::infinity();
  Cohort* kept = cohorts_.data();
  for (const Cohort& c : cohorts()) {
    if (c.begin == c.end) continue;
    calm = std::min(calm, c.calm_below());
    if (kept != &c) *kept = c;
    ++kept;
  }
  calm_below_ = calm;
  count_ = static_cast<std::size_t>(kept - cohorts_.data());
}

// Takes those below a level out of a cohort; returns their end.
template <int rows>
[[gnu::always_inline]] inline std::uint32_t VaultPath<rows>::take(Cohort& c, double level) {
  if (c.last < level) return c.begin = c.end;
  c.begin = table_.below(c.begin, c.end, level);
  c.first = table_.ratio[c.begin];
  return c.begin;
}

// Vaults that owed `debt` on the first day are done.
template <int rows>
void VaultPath<rows>::settle(const Past& c, const Rows& debt) {
  settled_ += debt;
  repaid_ += c.paid * debt;
}

// Share of the debt that one liquidation repays. Monitored always, the last 1e-15 of a debt goes at once: this bounds how
// often a vault can be liquidated.
template <int rows>
template <bool always>
double VaultPath<rows>::share(const Past& c) const {
  return always && c.owed * (1 - terms_.close_factor) < 1e-15 ? 1 : terms_.close_factor;
}

// Out of the cohort `from`, in its place where nobody else is left of it.
template <int rows>
[[gnu::always_inline]] inline bool VaultPath<rows>::put(const Past& c, std::uint32_t begin, std::uint32_t end,
                                                        std::size_t from) {
  if (!(c.owed > 0)) {
    left_ += collateral_of(c, begin, end);
    settle(c, debt_of(begin, end));
    return false;
  }
  const bool alone = cohorts_[from].begin == cohorts_[from].end;
  const double calm_per_ratio = cohorts_[from].calm_per_ratio * per_rest_;  // with nothing to repay nobody is here
  Cohort& to = alone ? cohorts_[from] : another();
  to.held = c.held, to.sold = c.sold, to.owed = c.owed, to.paid = c.paid;
  to.begin = begin, to.end = end;
  to.first = table_.ratio[begin], to.last = table_.ratio[end - 1];
  to.calm_per_ratio = calm_per_ratio;
  return alone;
}

// Of an amount seized the share `kept` repays debt. Where collateral does not reach for what is to be repaid all of it goes:
// the close factor at a date, the whole debt if liquidations follow one another until the vault is healthy.
template <int rows>
template <bool always>
[[gnu::always_inline]] inline bool VaultPath<rows>::liquidate(std::size_t cohort, const VaultPrices& at, const Seen& seen) {
  Cohort& of = cohorts_[cohort];
  const Past c = of.past();
  const double unhealthy = c.template level<always>(seen.unhealthy), poor = c.template level<always>(seen.sold_out);
  const double first = of.first, part = share<always>(c), repaid = part * c.owed;
  const Past after{c.held, c.sold + repaid * seen.sold, c.owed * (1 - part), c.paid + repaid * at.debt};
  if (of.last < unhealthy && !(first <= poor) && after.owed > 0) {  // all of them alike
    of.sold = after.sold, of.owed = after.owed, of.paid = after.paid;
    of.calm_per_ratio *= per_rest_;
    return true;
  }
  std::uint32_t begin = of.begin;
  const std::uint32_t end = take(of, unhealthy);
  if (end == begin) return false;
  if (first <= poor) {
    const std::uint32_t sold_out = table_.up_to(begin, end, poor);
    const Rows debt = debt_of(begin, sold_out), money = collateral_of(c, begin, sold_out) * at.collateral * terms_.kept;
    unpaid_ += c.owed * debt - money * seen.per_debt;
    repaid_ += money;
    settle(c, debt);
    begin = sold_out;
    if (begin == end) return false;
  }
  return put(after, begin, end, cohort);
}

// At its trigger price a vault's collateral is worth debt / threshold: each sells the same share of what it holds. Where
// that does not heal, nothing but selling all ends it.
template <int rows>
bool VaultPath<rows>::liquidate_on_the_way(std::size_t cohort, const VaultPrices& lowest, double unhealthy) {
  const Past c = cohorts_[cohort].past();
  const std::uint32_t begin = cohorts_[cohort].begin, end = take(cohorts_[cohort], c.template level<true>(unhealthy));
  if (end == begin) return false;
  const double covered = terms_.kept / terms_.threshold;
  if (covered <= 1) {
    const Rows debt = debt_of(begin, end);
    unpaid_ += c.owed * debt * (1 - covered);
    repaid_ += c.owed * debt * covered * lowest.debt;
    settle(c, debt);
    return false;
  }
  const double part = share<true>(c), left = 1 - part / covered;
  const Past after{c.held * left, c.sold * left, c.owed * (1 - part), c.paid + part * c.owed * lowest.debt};
  return put(after, begin, end, cohort);
}

template <int rows>
template <bool always>
void VaultPath<rows>::see(const VaultPrices& at) {
  const double worth = at.worth(), reach = always ? 1 : terms_.close_factor, sold = worth / terms_.kept;
  const Seen seen{worth / terms_.threshold, reach * sold, sold, 1 / at.debt};
  each<always>(
      worth, [&](std::size_t i) __attribute__((always_inline)) { return liquidate<always>(i, at, seen); });
}
template <int rows>
void VaultPath<rows>::monitor(const VaultPrices& at) {
  terms_.always ? see<true>(at) : see<false>(at);
}
template <int rows>
void VaultPath<rows>::pass(const VaultPrices& lowest) {
  const double worth = lowest.worth(), unhealthy = worth / terms_.threshold;
  each<true>(worth, [&](std::size_t i) { return liquidate_on_the_way(i, lowest, unhealthy); });
}

// A vault under water is worth its collateral to the lender, nothing to the borrower.
template <int rows>
typename VaultPath<rows>::Totals VaultPath<rows>::lender(const VaultPrices& at) const {
  Totals t{Rows{}, repaid_, settled_ * at.debt - repaid_, unpaid_ * at.debt};
  const double worth = at.worth();
  for (const Cohort& c : cohorts()) {
    const double level = terms_.always ? c.template level<true>(worth) : c.template level<false>(worth);
    const Rows all = debt_of(c.begin, c.end), paid = c.paid * all;
    t.repaid += paid;
    t.credit_loss -= paid;
    if (c.first >= level) {  // nobody is under water
      t.value += c.owed * all * at.debt;
      t.credit_loss += (1 - c.owed) * all * at.debt;
      continue;
    }
    const std::uint32_t good = table_.below(c.begin, c.end, level);
    const Rows debt = debt_of(good, c.end), under_water = debt_of(c.begin, good);
    const Rows collateral = collateral_of(c, c.begin, good) * at.collateral;
    t.value += c.owed * debt * at.debt + collateral;
    t.credit_loss += (1 - c.owed) * debt * at.debt + (under_water * at.debt - collateral);
    t.bad_debt += c.owed * under_water * at.debt - collateral;
  }
  return t;
}

template <int rows>
typename VaultPath<rows>::Totals VaultPath<rows>::borrower(const VaultPrices& at) const {
  Totals t{left_ * at.collateral, repaid_, Rows{}, unpaid_ * at.debt};
  const auto margin = [&](const Past& c, std::uint32_t from, std::uint32_t to) -> Rows {
    return collateral_of(c, from, to) * at.collateral - c.owed * debt_of(from, to) * at.debt;
  };
  for (const Cohort& c : cohorts()) {
    const std::uint32_t good = table_.below(c.begin, c.end, c.template level<true>(at.worth()));
    t.value += margin(c, good, c.end);
    t.bad_debt -= margin(c, c.begin, good);
    t.repaid += c.paid * debt_of(c.begin, c.end);
  }
  const Past untouched{1, 0, 1, 0};
  t.credit_loss = margin(untouched, table_.below(table_.alive, table_.size, at.worth()), table_.size) - t.value;
  return t;
}

template <int rows>
template <int of_rows>
VaultHealth VaultPath<rows>::health(const VaultPrices& at) const requires(of_rows == 1) {
  VaultHealth out{left_ * at.collateral, unpaid_ * at.debt, {}};
  for (const Cohort& c : cohorts()) {
    out.collateral += collateral_of(c, c.begin, c.end) * at.collateral;
    out.debt += c.owed * debt_of(c.begin, c.end) * at.debt;
    std::uint32_t from = c.begin;
    for (std::size_t band = 0; band < health_levels.size(); ++band) {
      const std::uint32_t to =
          table_.below(from, c.end, c.template level<true>(health_levels[band] * at.worth() / terms_.threshold));
      out.vaults[band] += to - from;
      from = to;
    }
    out.vaults.back() += c.end - from;
  }
  return out;
}

template class VaultPath<1>;
template class VaultPath<4>;
template VaultHealth VaultPath<1>::health<1>(const VaultPrices&) const;

}  // namespace tailcube
