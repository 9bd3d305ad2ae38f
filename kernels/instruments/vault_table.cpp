#include "kernels/instruments/vault_table.h"

#include <hwy/highway.h>

#include <algorithm>
#include <limits>

namespace tailcube {
namespace {

// Sums with the rounding errors carried along (Neumaier 1974), so that a long table's ends are as exact as its beginning.
struct Sum {
  double total = 0, lost = 0;
  void add(double x) {
    const double t = total + x;
    lost += (total < 0 ? -total : total) >= (x < 0 ? -x : x) ? (total - t) + x : (x - t) + total;
    total = t;
  }
  double value() const { return total + lost; }
};

}  // namespace

double VaultTable::Vault::ratio() const { return debt > 0 ? collateral / debt : std::numeric_limits<double>::infinity(); }

inline std::uint32_t VaultTable::View::bucket(double level) const {
  const double place = (level - origin) * per_unit, last = buckets - 1.0;
  return static_cast<std::uint32_t>(place > 0 ? std::min(place, last) : 0);
}

void VaultTable::add(const std::vector<Vault>& vaults) {
  Place place{ratio_.size(), debt_.size(), start_.size(), 0, 0, 0, static_cast<std::uint32_t>(vaults.size()), 0};
  Sum collateral, debt;
  collateral_.push_back(0), debt_.push_back(0);
  for (const Vault& v : vaults) {
    if (!(v.ratio() > 0)) ++place.alive;
    ratio_.push_back(v.ratio());
    collateral.add(v.quantity * v.collateral), debt.add(v.quantity * v.debt);
    collateral_.push_back(collateral.value()), debt_.push_back(debt.value());
  }
  ratio_.resize(ratio_.size() + few, std::numeric_limits<double>::infinity());
  add_buckets(place);
  place_.push_back(place);
}

// As many buckets as vaults, of equal width; those with the most collateral share the last.
void VaultTable::add_buckets(Place& p) {
  const double* const ratio = ratio_.data() + p.ratio;
  p.buckets = std::max(p.size, 1u);
  if (p.alive < p.size) {
    p.origin = ratio[p.alive];
    const double width = ratio[p.alive + static_cast<std::uint32_t>(0.95 * (p.size - p.alive - 1))] - p.origin;
    if (width > 0 && width < 1e300 && p.buckets / width < 1e300) p.per_unit = p.buckets / width;
  }
  place_.push_back(p);
  const View view = table(place_.size() - 1);
  place_.pop_back();
  std::uint32_t i = 0;
  for (std::uint32_t b = 0; b < p.buckets; ++b) {
    while (i < p.size && view.bucket(ratio[i]) < b) ++i;
    start_.push_back(i);
  }
  start_.push_back(p.size);
}

VaultTable::View VaultTable::table(std::size_t number) const {
  const Place& p = place_[number];
  return {ratio_.data() + p.ratio,
          collateral_.data() + p.sums,
          debt_.data() + p.sums,
          start_.data() + p.start,
          p.origin,
          p.per_unit,
          p.alive,
          p.size,
          p.buckets};
}

double VaultTable::View::lowest() const { return alive < size ? ratio[alive] : std::numeric_limits<double>::infinity(); }
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

void VaultPath::start(const VaultTerms& terms, const VaultTable::View& table) {
  terms_ = terms;
  per_rest_ = 1 / (1 - terms.close_factor);
  table_ = table;
  cohorts_.clear();
  left_ = repaid_ = 0;
  unpaid_ = settled_ = table.debt_of(0, table.alive);
  calm_below_ = std::numeric_limits<double>::infinity();
  if (table.alive == table.size) return;
  constexpr double rounding = 1 - 1e-9;  // far more than a cohort's `owed` has gathered
  cohorts_.push_back({{1, 0, 1}, table.alive, table.size, terms.threshold * rounding, 0});
  watch(cohorts_.front());
  calm_below_ = cohorts_.front().calm_below;
}

// Of the first `count` cohorts those that may be unhealthy; cohorts may be added meanwhile.
template <class Liquidate>
void VaultPath::each(double worth, std::size_t count, Liquidate liquidate) {
  for (std::size_t i = 0; i < std::min(count, cohorts_.size()); ++i)
    if (!(worth < cohorts_[i].calm_below)) liquidate(i);
  double calm = std::numeric_limits<double>::infinity();
  Cohort* kept = cohorts_.data();
  for (const Cohort& c : cohorts_) {
    if (c.begin == c.end) continue;
    calm = std::min(calm, c.calm_below);
    if (kept != &c) *kept = c;
    ++kept;
  }
  calm_below_ = calm;
  cohorts_.resize(static_cast<std::size_t>(kept - cohorts_.data()));
}

// Takes the unhealthy out of a cohort; returns their end.
[[gnu::always_inline]] inline std::uint32_t VaultPath::take(std::size_t cohort, double unhealthy) {
  Cohort& c = cohorts_[cohort];
  const double level = c.level(unhealthy);
  const std::uint32_t end = table_.ratio[c.end - 1] < level ? c.end : table_.below(c.begin, c.end, level);
  c.begin = end;
  if (c.begin < c.end) watch(c);
  return end;
}

// Vaults that sell the last of their collateral for `money` and leave `unpaid` of the debt they began with.
void VaultPath::sell_out(double debt, double unpaid, double money) {
  settled_ += debt;
  unpaid_ += unpaid;
  repaid_ += money;
}

// Share of the debt that one liquidation repays. Monitored always, the last 1e-15 of a debt goes at once: this bounds how
// often a vault can be liquidated.
double VaultPath::share(const Past& c) const {
  return terms_.always && c.owed * (1 - terms_.close_factor) < 1e-15 ? 1 : terms_.close_factor;
}

// Out of the cohort `from`, in its place where nobody else is left of it. Written where it stays, number by number: a copy
// of it as a whole would wait until all of them have arrived in memory.
inline void VaultPath::add(const Past& c, std::uint32_t begin, std::uint32_t end, std::size_t from) {
  if (c.owed > 0) {
    const double calm_per_ratio = cohorts_[from].calm_per_ratio * per_rest_;          // with nothing to repay nobody is here
    const bool alone = !terms_.always && cohorts_[from].begin == cohorts_[from].end;  // and not looked at again
    Cohort& to = alone ? cohorts_[from] : cohorts_.emplace_back();
    to.held = c.held, to.sold = c.sold, to.owed = c.owed;
    to.begin = begin, to.end = end;
    to.calm_per_ratio = calm_per_ratio;
    watch(to);
  } else {
    left_ += c.collateral(table_, begin, end);
    settled_ += table_.debt_of(begin, end);
  }
}

// Of an amount seized the share `kept` repays debt. Where collateral does not reach for what is to be repaid all of it goes:
// the close factor at a date, the whole debt if liquidations follow one another until the vault is healthy.
[[gnu::always_inline]] inline void VaultPath::liquidate(std::size_t cohort, const VaultPrices& at, const Seen& seen) {
  const Past c = cohorts_[cohort].past();
  const std::uint32_t begin = cohorts_[cohort].begin, end = take(cohort, seen.unhealthy);
  if (end == begin) return;
  std::uint32_t sold_out = begin;
  const double level = c.level(seen.sold_out);
  if (table_.ratio[begin] <= level) {  // most often nobody is
    sold_out = table_.up_to(begin, end, level);
    const double debt = table_.debt_of(begin, sold_out);
    const double money = c.collateral(table_, begin, sold_out) * at.collateral * terms_.kept;
    sell_out(debt, c.owed * debt - money * seen.per_debt, money);
    if (sold_out == end) return;
  }
  const double repaid = share(c) * c.owed, rest = c.owed * (1 - share(c));
  repaid_ += repaid * table_.debt_of(sold_out, end) * at.debt;
  add({c.held, c.sold + repaid * seen.sold, rest}, sold_out, end, cohort);
}

// At its trigger price a vault's collateral is worth debt / threshold: each sells the same share of what it holds. Where
// that does not heal, nothing but selling all ends it.
void VaultPath::liquidate_on_the_way(std::size_t cohort, const VaultPrices& lowest, double unhealthy) {
  const Past c = cohorts_[cohort].past();
  const std::uint32_t begin = cohorts_[cohort].begin, end = take(cohort, unhealthy);
  if (end == begin) return;
  const double debt = table_.debt_of(begin, end), covered = terms_.kept / terms_.threshold;
  if (covered <= 1) {
    sell_out(debt, c.owed * debt * (1 - covered), c.owed * debt * covered * lowest.debt);
    return;
  }
  const double left = 1 - share(c) / covered, rest = c.owed * (1 - share(c));
  repaid_ += share(c) * c.owed * debt * lowest.debt;
  add({c.held * left, c.sold * left, rest}, begin, end, cohort);
}

void VaultPath::monitor(const VaultPrices& at) {
  constexpr std::size_t again = ~std::size_t{0};  // those just liquidated are looked at again; else at the next date
  const double worth = at.worth(), reach = terms_.always ? 1 : terms_.close_factor, sold = worth / terms_.kept;
  const Seen seen{worth / terms_.threshold, reach * sold, sold, 1 / at.debt};
  each(worth, terms_.always ? again : cohorts_.size(), [&](std::size_t i) { liquidate(i, at, seen); });
}
void VaultPath::pass(const VaultPrices& lowest) {
  const double worth = lowest.worth(), unhealthy = worth / terms_.threshold;
  each(worth, ~std::size_t{0}, [&](std::size_t i) { liquidate_on_the_way(i, lowest, unhealthy); });
}

// A vault under water is worth its collateral to the lender, nothing to the borrower.
VaultPath::Totals VaultPath::lender(const VaultPrices& at) const {
  Totals t{0, repaid_, settled_ * at.debt - repaid_, unpaid_ * at.debt};
  const double worth = at.worth();
  for (const Cohort& c : cohorts_) {
    const double level = c.level(worth);
    if (table_.ratio[c.begin] >= level) {  // nobody is under water
      const double debt = table_.debt_of(c.begin, c.end);
      t.value += c.owed * debt * at.debt;
      t.credit_loss += (1 - c.owed) * debt * at.debt;
      continue;
    }
    const std::uint32_t good = table_.below(c.begin, c.end, level);
    const double debt = table_.debt_of(good, c.end), under_water = table_.debt_of(c.begin, good);
    const double collateral = c.collateral(table_, c.begin, good) * at.collateral;
    t.value += c.owed * debt * at.debt + collateral;
    t.credit_loss += (1 - c.owed) * debt * at.debt + (under_water * at.debt - collateral);
    t.bad_debt += c.owed * under_water * at.debt - collateral;
  }
  return t;
}

VaultPath::Totals VaultPath::borrower(const VaultPrices& at) const {
  Totals t{left_ * at.collateral, repaid_, 0, unpaid_ * at.debt};
  const auto margin = [&](const Past& c, std::uint32_t from, std::uint32_t to) {
    return c.collateral(table_, from, to) * at.collateral - c.owed * table_.debt_of(from, to) * at.debt;
  };
  for (const Cohort& c : cohorts_) {
    const std::uint32_t good = table_.below(c.begin, c.end, c.level(at.worth()));
    t.value += margin(c, good, c.end);
    t.bad_debt -= margin(c, c.begin, good);
  }
  const Past untouched{1, 0, 1};
  t.credit_loss = margin(untouched, table_.below(table_.alive, table_.size, at.worth()), table_.size) - t.value;
  return t;
}

VaultHealth VaultPath::health(const VaultPrices& at) const {
  VaultHealth out{left_ * at.collateral, unpaid_ * at.debt, {}};
  for (const Cohort& c : cohorts_) {
    out.collateral += c.collateral(table_, c.begin, c.end) * at.collateral;
    out.debt += c.owed * table_.debt_of(c.begin, c.end) * at.debt;
    std::uint32_t from = c.begin;
    for (std::size_t band = 0; band < health_levels.size(); ++band) {
      const std::uint32_t to = table_.below(from, c.end, c.level(health_levels[band] * at.worth() / terms_.threshold));
      out.vaults[band] += to - from;
      from = to;
    }
    out.vaults.back() += c.end - from;
  }
  return out;
}

}  // namespace tailcube
