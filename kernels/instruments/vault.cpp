// An over-collateralised loan on a ledger: liquidated in part whenever it is found unhealthy, at dates or at any time.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "kernels/instruments/rows.h"
#include "kernels/instruments/vault_groups.h"
#include "kernels/instruments/vault_health.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

struct Vault {
  FactorIndex collateral_factor;
  double collateral_quantity, debt;
  FactorIndex debt_factor;
  double borrow_rate, liquidation_threshold, bonus, fee, close_factor;
  int side, monitoring;
};
constexpr Range share{1e-6, 1, "positive and at most 1"};
constexpr Field<Vault> fields[] = {
    {.name = "collateral_factor",
     .member = &Vault::collateral_factor,
     .meaning = "price of one unit of collateral, in the job's currency",
     .or_published = true},
    {.name = "collateral_quantity",
     .member = &Vault::collateral_quantity,
     .allowed = not_negative,
     .meaning = "units of collateral"},
    {.name = "debt", .member = &Vault::debt, .allowed = not_negative, .meaning = "owed today, in units of debt_factor"},
    {.name = "debt_factor",
     .member = &Vault::debt_factor,
     .otherwise = 0.0,
     .meaning = "price of one unit of debt in the job's currency; blank = the debt is in the job's currency",
     .or_published = true},
    {.name = "borrow_rate",
     .member = &Vault::borrow_rate,
     .allowed = {-1, 10, "between -1 and 10"},
     .otherwise = 0.0,
     .meaning = "per year, continuous: the debt grows by exp(borrow_rate x years)"},
    {.name = "liquidation_threshold",
     .member = &Vault::liquidation_threshold,
     .allowed = share,
     .meaning = "unhealthy when quantity x price x threshold < debt"},
    {.name = "bonus",
     .member = &Vault::bonus,
     .allowed = fraction,
     .otherwise = 0.05,
     .meaning = "what a liquidator gains, as a share of what it repays"},
    {.name = "fee",
     .member = &Vault::fee,
     .allowed = {0, 0.99, "between 0 and 0.99"},
     .otherwise = 0.0,
     .meaning = "share of the seized collateral that is lost to lender and borrower, before the liquidator is paid"},
    {.name = "close_factor",
     .member = &Vault::close_factor,
     .allowed = share,
     .otherwise = 0.5,
     .meaning = "share of the debt repaid by one liquidation"},
    {.name = "side",
     .member = &Vault::side,
     .otherwise = 0.0,
     .words = "lender|borrower",
     .meaning = "whose position it is"},
    {.name = "monitoring",
     .member = &Vault::monitoring,
     .otherwise = 0.0,
     .words = "step|bridge",
     .meaning = "step: at every step, once, at the price seen there; bridge: at all times, at the trigger price or, after a "
                "jump or a shock, at the price seen then"},
};
enum : std::size_t { liquidated, bad_debt, gauge_count };

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
bool lends(const Vault& v) { return v.side == 0; }
bool always_monitored(const Vault& v) { return v.monitoring == 1; }

class Vaults final : public Batch {
 public:
  Vaults(const Positions& positions, const Wiring& wiring) : rows_(wiring, gauge_count) {
    const FactorModel& market = *wiring.market;
    const double years = wiring.time_years.back();
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    gauges_today.assign(ratios() ? rows_.count * rows_.gauges : 0, 0.0);
    std::vector<VaultGroups::Entry> entries;
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const Vault v = terms(positions, fields, p);
      const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
      const double worth = v.collateral_quantity * exchange_today(market, v.collateral_factor);
      const double owed = v.debt * exchange_today(market, v.debt_factor), quantity = positions.quantity[p];
      value_today[row] += quantity * (lends(v) ? std::min(owed, worth) : std::max(worth - owed, 0.0));
      const double largest =
          lends(v) ? v.debt * exp(std::max(0.0, v.borrow_rate) * years) * exchange_bound(market, v.debt_factor, years)
                   : v.collateral_quantity * exchange_bound(market, v.collateral_factor, years);
      gross[row] += std::abs(quantity) * largest;
      if (ratios())
        add_health(vault_health(worth, owed, v.liquidation_threshold, quantity),
                   [&](std::size_t k) -> double& { return gauges_today[row * rows_.gauges + gauge_count + k]; });
      reads.push_back(v.collateral_factor);
      reads.push_back(v.debt_factor);
      if (always_monitored(v)) reads_lows.push_back(v.collateral_factor);
      const VaultPair pair{v.collateral_factor, v.debt_factor, v.borrow_rate, always_monitored(v)};
      const double kept = (1 - v.fee) / (1 + v.bonus);
      entries.push_back({pair,
                         lends(v),
                         {v.liquidation_threshold, kept, v.close_factor, pair.always},
                         row,
                         {v.collateral_quantity, v.debt, quantity}});
      lines_.push_back({row, v.collateral_factor, v.debt_factor});
    }
    reads = distinct(std::move(reads));
    reads_lows = distinct(std::move(reads_lows));
    checks_triggers = true;
    vaults_ = VaultGroups(std::move(entries), ratios());  // how healthy vaults are is counted row by row
    for (OfPair& b : vaults_.pairs) b.growth = growth(b.pair.rate, wiring.time_years[1]);
    triggers_today = unhealthy_today(market);
    bytes_per_thread = scratch_size() * sizeof(double);
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    report_prices(block, faults);
    ledger.scratch.resize(scratch_size());
    Paths<1> alone;
    Paths<VaultGroups::most_rows> abreast;
    for (const OfPair& b : vaults_.pairs) {
      const double* highest = exchange_rates(b, block, ledger.scratch.data());
      for (std::size_t g = b.begin; g < b.end; ++g)
        if (vaults_.groups[g].rows.size() == 1)
          run(g, b, highest, alone, block, ledger);
        else
          run(g, b, highest, abreast, block, ledger);
    }
  }

 private:
  using OfPair = VaultGroups::OfPair;
  using Group = VaultGroups::Group;
  struct Line {
    std::uint32_t row;
    FactorIndex collateral, debt;
  };
  // A scenario's, and what those begin with that see the same prices just after today.
  template <int rows>
  struct Paths {
    VaultPath<rows> opened, path;
  };
  // For each row and valued step, [quantity][lane].
  enum Total : std::size_t { value, cash, credit_loss, bad, total_count };

  std::size_t steps() const { return static_cast<std::size_t>(rows_.valued.back()) + 1; }
  std::size_t totals_size() const { return rows_.valued.size() * total_count * lanes; }  // of a row
  std::size_t scratch_size() const { return (steps() + 1) * lanes + VaultGroups::most_rows * totals_size(); }

  std::vector<double> growth(double rate, double step_years) const {
    std::vector<double> out = {1};
    const double once = exp(rate * step_years);
    while (out.size() < steps()) out.push_back(out.back() * once);
    return out;
  }

  // Whether monitoring at today's prices may liquidate somebody.
  bool unhealthy_today(const FactorModel& market) const {
    constexpr double rounding = 1 + 1e-9;
    for (const OfPair& b : vaults_.pairs) {
      const double worth = exchange_today(market, b.pair.debt) / exchange_today(market, b.pair.collateral);
      for (std::size_t g = b.begin; g < b.end; ++g)
        if (!(worth * rounding / vaults_.groups[g].terms.threshold < vaults_.tables.table(g).lowest())) return true;
    }
    return false;
  }

  static VaultPrices prices(const OfPair& b, const Block& block, int step, std::size_t lane) {
    return {block.factors(b.pair.collateral, step)[lane],
            b.growth[static_cast<std::size_t>(step)] * exchange(block, b.pair.debt, step)[lane]};
  }
  // VaultPrices::worth() as [step][lane], and what is returned: its maximum over what is monitored.
  const double* exchange_rates(const OfPair& b, const Block& block, double* worth) const {
    double* const highest = worth + steps() * lanes;
    std::fill_n(highest, lanes, 0.0);
    for (std::size_t n = 0; n < steps(); ++n, worth += lanes) {
      const int step = static_cast<int>(n);
      const double *p = block.factors(b.pair.collateral, step).data(), *debt = exchange(block, b.pair.debt, step);
      for (std::size_t k = 0; k < lanes; ++k) worth[k] = b.growth[n] * debt[k] / p[k];
      if (n == 0 && !block.monitor_today && !b.pair.always) continue;
      for (std::size_t k = 0; k < lanes; ++k) highest[k] = worth[k] > highest[k] ? worth[k] : highest[k];
    }
    if (b.pair.always) look_inside(b, block, highest);
    return highest;
  }
  // Inside a step the debt is that of its beginning: interest is due at its end.
  double debt_inside(const OfPair& b, int step) const { return b.growth[static_cast<std::size_t>(step) - 1]; }
  void look_inside(const OfPair& b, const Block& block, double* highest) const {
    for (int n = 1; n <= rows_.valued.back(); ++n) {
      const double *low = block.lows(b.pair.collateral, n).data(), debt = debt_inside(b, n);
      for (std::size_t k = 0; k < lanes; ++k) highest[k] = debt / low[k] > highest[k] ? debt / low[k] : highest[k];
    }
    for (const Landing& l : block.landings[static_cast<std::size_t>(b.pair.collateral)])
      if (l.step <= rows_.valued.back())
        highest[l.lane] = std::max(highest[l.lane], debt_inside(b, l.step) / std::min(l.value, l.low));
  }

  template <int rows>
  void run(std::size_t g, const OfPair& b, const double* highest, Paths<rows>& paths, const Block& block,
           Ledger& ledger) const noexcept {
    const Group& group = vaults_.groups[g];
    const VaultTable::View table = vaults_.tables.table(g);
    double* const totals = ledger.scratch.data() + (steps() + 1) * lanes;
    for (std::size_t r = 0; r < group.rows.size(); ++r)
      stay_calm(table, r, group.lends, b, block, totals + r * totals_size());
    const double lowest = table.lowest(), threshold = group.terms.threshold;
    VaultPrices seen{nan, nan};  // when it was opened; equal to none
    for (std::size_t k = 0; k < lanes; ++k) {
      if (!(lowest < highest[k] / threshold)) continue;
      // Just after today most scenarios of a cell see the same prices.
      if (const VaultPrices today = prices(b, block, 0, k); today != seen) open(g, b, seen = today, block, paths.opened);
      paths.path = paths.opened;
      follow(paths.path, b, g, k, block, ledger, totals);
    }
    if constexpr (rows == 1)
      if (ratios()) count_calm(g, b, highest, paths.path, block, ledger);
    for (std::size_t r = 0; r < group.rows.size(); ++r) add_totals(group, r, totals + r * totals_size(), ledger);
  }
  // How healthy the vaults are where nobody is liquidated.
  void count_calm(std::size_t g, const OfPair& b, const double* highest, VaultPath<1>& path, const Block& block,
                  Ledger& ledger) const {
    const Group& group = vaults_.groups[g];
    const VaultTable::View table = vaults_.tables.table(g);
    path.start(group.terms, table);
    for (std::size_t v = 0; v < rows_.valued.size(); ++v)
      for (std::size_t k = 0; k < lanes; ++k)
        if (!(table.lowest() < highest[k] / group.terms.threshold))
          add_health(path.health(prices(b, block, rows_.valued[v], k)), health_of(group), static_cast<int>(v), k, ledger);
  }
  void add_totals(const Group& group, std::size_t r, const double* t, Ledger& ledger) const {
    const std::uint32_t row = group.rows[r];
    for (std::size_t v = 0; v < rows_.valued.size(); ++v, t += total_count * lanes) {
      const int at = static_cast<int>(v);
      add(t + value * lanes, ledger.value(rows_.row(row), at));
      if (group.lends) add(t + cash * lanes, ledger.cash(rows_.row(row), at));
      add(t + credit_loss * lanes, ledger.credit_loss(rows_.row(row), at));
      add(t + cash * lanes, ledger.gauges(rows_.gauge(row, liquidated), at));
      add(t + bad * lanes, ledger.gauges(rows_.gauge(row, bad_debt), at));
    }
  }
  static void add(const double* from, Lanes to) {
    for (std::size_t k = 0; k < lanes; ++k) to[k] += from[k];
  }
  // Totals of a scenario that liquidates nobody: no debt exceeds its collateral but that without any.
  void stay_calm(const VaultTable::View& table, std::size_t row, bool lender, const OfPair& b, const Block& block,
                 double* t) const {
    const double debt = table.debt_of(row, table.alive, table.size);
    const double collateral = table.collateral_of(row, table.alive, table.size), lost = table.debt_of(row, 0, table.alive);
    for (const int step : rows_.valued) {
      const double *p = block.factors(b.pair.collateral, step).data(), *q = exchange(block, b.pair.debt, step);
      const double growth = b.growth[static_cast<std::size_t>(step)];
      for (std::size_t k = 0; k < lanes; ++k) {
        const double owed = growth * q[k];
        t[value * lanes + k] = lender ? debt * owed : collateral * p[k] - debt * owed;
        t[cash * lanes + k] = 0;
        t[credit_loss * lanes + k] = lender ? lost * owed : 0;
        t[bad * lanes + k] = lost * owed;
      }
      t += total_count * lanes;
    }
  }
  // What is seen just after today has been done.
  template <int rows>
  void open(std::size_t g, const OfPair& b, const VaultPrices& today, const Block& block, VaultPath<rows>& path) const {
    path.start(vaults_.groups[g].terms, vaults_.tables.table(g));
    if ((block.monitor_today || b.pair.always) && !(today.worth() < path.calm_below())) path.monitor(today);
  }
  // Totals of a scenario that liquidates somebody, whose path is open; a row that stays calm keeps its bits.
  template <int rows>
  void follow(VaultPath<rows>& path, const OfPair& b, std::size_t g, std::size_t lane, const Block& block, Ledger& ledger,
              double* t) const {
    const Group& group = vaults_.groups[g];
    const double* const worth = ledger.scratch.data();
    const bool always = b.pair.always;
    const Landing* landing = always ? first_landing(b, lane, block) : nullptr;
    std::size_t n = 1;
    int v = 0;
    for (const int step : rows_.valued) {
      for (; n <= static_cast<std::size_t>(step); ++n) {
        if (always) cross(b, static_cast<int>(n), lane, block, landing, path);
        if (!(worth[n * lanes + lane] < path.calm_below())) path.monitor(prices(b, block, static_cast<int>(n), lane));
      }
      const VaultPrices now = prices(b, block, step, lane);
      const auto totals = group.lends ? path.lender(now) : path.borrower(now);
      const auto put = [&](Total which, const auto& of_rows) {
        std::array<double, rows> out;
        std::memcpy(out.data(), &of_rows, sizeof out);
        for (std::size_t r = 0; r < group.rows.size(); ++r) t[r * totals_size() + which * lanes + lane] = out[r];
      };
      put(value, totals.value);
      put(cash, totals.repaid);
      put(credit_loss, totals.credit_loss);
      put(bad, totals.bad_debt);
      t += total_count * lanes;
      if constexpr (rows == 1)
        if (ratios()) add_health(path.health(now), health_of(group), v++, lane, ledger);
    }
  }
  bool ratios() const { return rows_.gauges > gauge_count; }
  std::size_t health_of(const Group& group) const { return rows_.gauge(group.rows.front(), gauge_count); }

  static const Landing* first_landing(const OfPair& b, std::size_t lane, const Block& block) {
    const std::vector<Landing>& all = block.landings[static_cast<std::size_t>(b.pair.collateral)];
    const auto before = [](const Landing& l, std::size_t k) { return l.lane < k; };
    return all.data() + (std::lower_bound(all.begin(), all.end(), lane, before) - all.begin());
  }
  // From step n - 1 to just before step n: down to the low without a gap, a jump, down again.
  template <int rows>
  void cross(const OfPair& b, int n, std::size_t lane, const Block& block, const Landing*& landing,
             VaultPath<rows>& path) const {
    const std::vector<Landing>& all = block.landings[static_cast<std::size_t>(b.pair.collateral)];
    const double debt = debt_inside(b, n), low = block.lows(b.pair.collateral, n)[lane];
    const auto look = [&](double price) { return !(debt / price < path.calm_below()); };
    if (look(low)) path.pass({low, debt});
    for (; landing != all.data() + all.size() && landing->lane == lane && landing->step == n; ++landing) {
      if (look(landing->value)) path.monitor({landing->value, debt});
      if (look(landing->low)) path.pass({landing->low, debt});
    }
  }

  // A price that is not positive and finite hides in a comparison, so it is looked for.
  void report_prices(const Block& block, Faults& faults) const noexcept {
    for (const FactorIndex f : reads) {
      Priced good;
      for (int n = 0; n <= rows_.valued.back(); ++n) good.look(block.factors(f, n));
      if (std::binary_search(reads_lows.begin(), reads_lows.end(), f))
        for (const Landing& l : block.landings[static_cast<std::size_t>(f)])
          if (!(l.value > 0) && l.step <= rows_.valued.back()) good.miss(l.lane);
      for (std::uint32_t p = 0; !good.everywhere() && p < lines_.size(); ++p)
        if (lines_[p].collateral == f || lines_[p].debt == f) good.report(rows_.row(lines_[p].row), p, block, faults);
    }
  }

  RowSet rows_;
  std::vector<Line> lines_;  // [position]
  VaultGroups vaults_;
};

// What happens between the steps is known of a lognormal price, and of nothing else.
std::optional<Complaint> check_factors(const Positions& positions, std::size_t position,
                                       const std::vector<Factor>& factors) {
  const Vault v = terms(positions, fields, position);
  if (!always_monitored(v)) return {};
  const std::string needs = "monitoring = bridge needs ";
  if (is_none(v.collateral_factor)) return {};  // refused already
  if (factors[static_cast<std::size_t>(v.collateral_factor)].process != Process::lognormal)
    return Complaint{"collateral_factor", needs + "a lognormal factor"};
  if (!is_none(v.debt_factor)) return Complaint{"debt_factor", needs + "debt in the job's currency: a blank cell"};
  constexpr double least = 0.01;  // a smaller one would liquidate thousands of times in a row
  if (v.close_factor < least) return Complaint{"close_factor", needs + "at least 0.01"};
  return {};
}

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const Vault v = terms(positions, fields, position);
  if (!(v.liquidation_threshold * (1 + v.bonus) > 1 - v.fee)) return {};
  return Complaint{
      "liquidation_threshold",
      "a liquidation at the threshold makes the vault less healthy: liquidation_threshold x (1 + bonus) exceeds " +
          std::string(v.fee > 0 ? "1 - fee" : "1")};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Vaults>(positions, wiring);
}

}  // namespace

extern const Instrument vault;
const Instrument vault{.name = "vault",
                       .columns = columns(fields),
                       .gauges = {{"liquidated", "money"}, {"bad_debt", "money"}},
                       .ratio_gauges = health_gauges(),
                       .foreign_currency = false,
                       .check_factors = check_factors,
                       .warn = warn,
                       .compile = compile};

}  // namespace tailcube
