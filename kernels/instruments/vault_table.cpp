#include "kernels/instruments/vault_table.h"

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

void VaultTable::add(const std::vector<Vault>& vaults) {
  Place place{ratio_.size(), debt_.size(), 0, static_cast<std::uint32_t>(vaults.size())};
  Sum collateral, debt;
  collateral_.push_back(0), debt_.push_back(0);
  for (const Vault& v : vaults) {
    if (!(v.ratio() > 0)) ++place.alive;
    ratio_.push_back(v.ratio());
    collateral.add(v.quantity * v.collateral), debt.add(v.quantity * v.debt);
    collateral_.push_back(collateral.value()), debt_.push_back(debt.value());
  }
  place_.push_back(place);
}

VaultTable::View VaultTable::table(std::size_t number) const {
  const Place& p = place_[number];
  return {ratio_.data() + p.ratio, collateral_.data() + p.sums, debt_.data() + p.sums, p.alive, p.size};
}

double VaultTable::View::lowest() const { return alive < size ? ratio[alive] : std::numeric_limits<double>::infinity(); }
namespace {

// The first of [begin, end) that is not `before`, all of which come first. Steps that double find it in the logarithm of how
// far it is, not of how many there are.
template <class Before>
std::uint32_t first_not(std::uint32_t begin, std::uint32_t end, Before before) {
  std::uint32_t stride = 1;
  while (begin < end && before(begin + std::min(stride, end - begin) - 1)) {
    begin += std::min(stride, end - begin);
    stride *= 2;
  }
  if (begin == end) return end;
  end = begin + std::min(stride, end - begin) - 1;
  while (begin < end) {
    const std::uint32_t middle = begin + (end - begin) / 2;
    if (before(middle))
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

}  // namespace

std::uint32_t VaultTable::View::below(std::uint32_t begin, std::uint32_t end, double level) const {
  return first_not(begin, end, [&](std::uint32_t i) { return ratio[i] < level; });
}
std::uint32_t VaultTable::View::up_to(std::uint32_t begin, std::uint32_t end, double level) const {
  return first_not(begin, end, [&](std::uint32_t i) { return ratio[i] <= level; });
}

void VaultPath::start(const VaultTerms& terms, const VaultTable::View& table) {
  terms_ = terms;
  table_ = table;
  cohorts_.clear();
  left_ = repaid_ = 0;
  unpaid_ = settled_ = table.debt_of(0, table.alive);
  calm_below_ = std::numeric_limits<double>::infinity();
  if (table.alive == table.size) return;
  cohorts_.push_back({table.alive, table.size, 0, 1, 0});
  watch(cohorts_.front());
  calm_below_ = cohorts_.front().calm_below;
}

void VaultPath::watch(Cohort& c) const {
  constexpr double rounding = 1 - 1e-9;  // what is close is decided by `liquidate`
  c.calm_below = (table_.ratio[c.begin] - c.sold) / c.owed * terms_.threshold * rounding;
}

void VaultPath::monitor(const VaultPrices& at) {
  const double worth = at.worth();
  const std::size_t count = cohorts_.size();  // those that a liquidation adds wait for the next date
  bool ended = false;
  for (std::size_t i = 0; i < count; ++i)
    if (!(worth < cohorts_[i].calm_below)) {
      liquidate(i, at);
      ended |= cohorts_[i].begin == cohorts_[i].end;
    }
  if (ended) std::erase_if(cohorts_, [](const Cohort& c) { return c.begin == c.end; });
  calm_below_ = std::numeric_limits<double>::infinity();
  for (const Cohort& c : cohorts_) calm_below_ = std::min(calm_below_, c.calm_below);
}

// Of an amount seized the share `kept` repays debt. Where collateral does not reach for the close factor all of it goes.
void VaultPath::liquidate(std::size_t cohort, const VaultPrices& at) {
  const Cohort c = cohorts_[cohort];
  const double worth = at.worth(), level = c.level(worth / terms_.threshold);
  if (!(table_.ratio[c.begin] < level)) return;
  const std::uint32_t end = table_.below(c.begin, c.end, level);
  const std::uint32_t sold_out = table_.up_to(c.begin, end, c.level(terms_.close_factor * worth / terms_.kept));
  cohorts_[cohort].begin = end;
  if (end < c.end) watch(cohorts_[cohort]);

  const double all_debt = table_.debt_of(c.begin, sold_out);
  const double money = c.collateral(table_, c.begin, sold_out) * at.collateral * terms_.kept;
  unpaid_ += c.owed * all_debt - money / at.debt;
  settled_ += all_debt;
  repaid_ += money;

  if (sold_out == end) return;
  const double debt = table_.debt_of(sold_out, end), share = terms_.close_factor * c.owed;
  Cohort rest{sold_out, end, c.sold + share * worth / terms_.kept, c.owed * (1 - terms_.close_factor), 0};
  repaid_ += share * debt * at.debt;
  if (rest.owed > 0) {
    watch(rest);
    cohorts_.push_back(rest);
  } else {
    left_ += rest.collateral(table_, sold_out, end);
    settled_ += debt;
  }
}

// A vault under water is worth its collateral to the lender, nothing to the borrower.
VaultPath::Totals VaultPath::lender(const VaultPrices& at) const {
  Totals t{0, repaid_, settled_ * at.debt - repaid_, unpaid_ * at.debt};
  for (const Cohort& c : cohorts_) {
    const std::uint32_t good = table_.below(c.begin, c.end, c.level(at.worth()));
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
  const auto margin = [&](const Cohort& c, std::uint32_t from, std::uint32_t to) {
    return c.collateral(table_, from, to) * at.collateral - c.owed * table_.debt_of(from, to) * at.debt;
  };
  for (const Cohort& c : cohorts_) {
    const std::uint32_t good = table_.below(c.begin, c.end, c.level(at.worth()));
    t.value += margin(c, good, c.end);
    t.bad_debt -= margin(c, c.begin, good);
  }
  const Cohort untouched{table_.alive, table_.size, 0, 1, 0};
  t.credit_loss = margin(untouched, table_.below(table_.alive, table_.size, at.worth()), table_.size) - t.value;
  return t;
}

}  // namespace tailcube
