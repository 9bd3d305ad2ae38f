// A cover bought or written: it pays when an obligor defaults, a price falls or a pool loses, as far as its provider can.
#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "kernels/instruments/cover_claims.h"
#include "kernels/instruments/cover_once.h"
#include "kernels/instruments/rows.h"
#include "kernels/publishing.h"

namespace tailcube {
namespace {

constexpr double blank = std::numeric_limits<double>::quiet_NaN();
constexpr Field<Cover> fields[] = {
    {.name = "trigger",
     .member = &Cover::trigger,
     .words = "default|price|losses",
     .meaning = "what it pays for: the default of the obligor, a price at or below a level, the losses of a pool"},
    {.name = "insured",
     .member = &Cover::insured,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "what is insured, money; blank for losses"},
    {.name = "factor",
     .member = &Cover::factor,
     .otherwise = 0.0,
     .meaning = "price: the one that is watched; blank for others",
     .or_published = true},
    {.name = "trigger_price",
     .member = &Cover::trigger_price,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "price: it pays at the first step where the price is there or below; blank for others"},
    {.name = "reference_price",
     .member = &Cover::reference_price,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "price: what an indemnity makes good, down from there; blank: the price today"},
    {.name = "payout",
     .member = &Cover::payout,
     .otherwise = 0.0,
     .words = "indemnity|fixed",
     .meaning = "indemnity: insured x LGD, or x (1 - price / reference_price); fixed: all that is insured"},
    {.name = "reference_pool",
     .member = &Cover::pool,
     .otherwise = 0.0,
     .meaning = "losses: node whose losses are insured, without total/; blank for others"},
    {.name = "measure",
     .member = &Cover::measure,
     .otherwise = 0.0,
     .words = "credit|economic",
     .meaning = "losses: the pool's credit losses, or all that its value and cash fall short of today's value"},
    {.name = "deductible",
     .member = &Cover::deductible,
     .allowed = not_negative,
     .otherwise = 0.0,
     .meaning = "loss that it does not pay for, money"},
    {.name = "limit",
     .member = &Cover::limit,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "loss beyond the deductible that it pays for at most, money; needed by losses; blank: all of it"},
    {.name = "share",
     .member = &Cover::share,
     .allowed = fraction,
     .otherwise = 1.0,
     .meaning = "share of that which is paid"},
    {.name = "term_years",
     .member = &Cover::term_years,
     .allowed = {0x1p-1022, 100, "positive and at most 100"},
     .meaning = "years until it ends, rounded up to a step"},
    {.name = "claim_delay_years",
     .member = &Cover::claim_delay_years,
     .allowed = {0, 100, "between 0 and 100"},
     .otherwise = 0.0,
     .meaning = "years from a claim to its payment, rounded up to steps"},
    {.name = "premium", .member = &Cover::premium, .allowed = not_negative, .otherwise = 0.0, .meaning = "money per year"},
    {.name = "premium_payment",
     .member = &Cover::premium_payment,
     .otherwise = 0.0,
     .words = "running|upfront",
     .meaning = "running: at the end of each step; upfront: all of it was paid, what is unearned is its value"},
    {.name = "provider",
     .member = &Cover::provider,
     .otherwise = 0.0,
     .meaning = "who pays, an id: all covers that name it share its capital; blank: somebody who always can"},
    {.name = "capital",
     .member = &Cover::capital,
     .allowed = positive,
     .otherwise = blank,
     .meaning = "of the provider today, money; needed with provider and the same in all its covers"},
    {.name = "capital_factor",
     .member = &Cover::capital_factor,
     .allowed = positive,
     .otherwise = 0.0,
     .meaning = "the capital is worth capital x factor / factor today; blank: it is money",
     .or_published = true},
    {.name = "provider_obligor",
     .member = &Cover::provider_obligor,
     .otherwise = 0.0,
     .meaning = "obligor that the provider is: with its default covers end and claims not yet paid get its recovery"},
};
constexpr Gauge gauges[] = {{"claims_paid", "money"}, {"claims_unpaid", "money"}};

using Column = std::array<double, lanes>;

class Covers final : public Batch {
 public:
  Covers(const Positions& positions, const Wiring& wiring)
      : rows_(wiring, std::size(gauges)),
        time_years_(wiring.time_years),
        table_(wiring.time_years.size() * lanes),
        once_(rows_, wiring.time_years) {
    bytes_per_thread = 3 * table_ * sizeof(double);
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) {
      const Cover t = terms(positions, fields, p);
      const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
      lines_.push_back({row, positions.quantity[p], Claims(t, positions.obligor[p], wiring)});
      if (OneClaim::fits(t)) once_.add(row, positions.quantity[p], lines_.back().claims);
      const double premiums = t.premium * t.term_years;
      value_today[row] += positions.quantity[p] * (t.premium_payment == Cover::upfront ? premiums : 0);
      gross[row] += std::abs(positions.quantity[p]) * (lines_.back().claims.most() + premiums);
      for (const FactorIndex f : lines_.back().claims.reads()) reads.push_back(f);
      if (!is_none(t.provider)) reads.push_back(row_of(t.provider, account_share));
      reads_defaults |= lines_.back().claims.reads_defaults();
      prices_.push_back(t.factor), prices_.push_back(t.capital_factor);
    }
    prices_ = distinct(std::move(prices_));
    reads = distinct(std::move(reads));
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    rows_.clear(ledger);
    once_.evaluate(block, ledger);
    ledger.scratch.resize(3 * table_);
    Priced good;
    for (const FactorIndex f : prices_)
      for (int n = 0; n <= rows_.valued.back(); ++n) good.look(block.factors(f, n));
    const bool all_priced = good.everywhere();
    for (std::size_t p = 0; p < lines_.size(); ++p) {
      const Cover& t = lines_[p].claims.terms();
      if (t.trigger == Cover::on_losses || !all_priced) report(p, block, faults);
      if (!OneClaim::fits(t)) settle(lines_[p], block, ledger);
    }
  }

 private:
  struct Line {
    std::uint32_t row;
    double quantity;
    Claims claims;
  };

  void report(std::size_t p, const Block& block, Faults& faults) const noexcept {
    const Cover& t = lines_[p].claims.terms();
    Priced good;
    for (const FactorIndex f : {t.factor, t.capital_factor})
      for (int n = 0; !is_none(f) && n <= rows_.valued.back(); ++n) good.look(block.factors(f, n));
    for (int n = 1; t.trigger == Cover::on_losses && n <= rows_.valued.back(); ++n)
      for (const PoolRow r : {pool_value, pool_credit_loss})
        for (std::size_t k = 0; k < lanes; ++k)
          if (!(std::abs(block.factors(row_of(t.pool, r), n)[k]) < 1e300)) good.miss(k);
    good.report(rows_.row(lines_[p].row), static_cast<std::uint32_t>(p), block, faults);
  }

  void settle(const Line& line, const Block& block, Ledger& ledger) const noexcept {
    const Cover& t = line.claims.terms();
    const int delay = line.claims.delay();
    double *claimed = ledger.scratch.data(), *granted = claimed + table_, *undisturbed = granted + table_;
    Column failed, lost, open, free_open, nobody;
    find_defaults(block, t.provider_obligor, failed, lost);
    nobody.fill(std::numeric_limits<double>::infinity());
    std::fill_n(claimed, 3 * table_, 0.0);
    line.claims.add(block, false, 1, failed, claimed, open);
    line.claims.add(block, true, 1, nobody, undisturbed, free_open);
    // All three become sums since today.
    for (std::size_t n = 1, i = lanes; n < time_years_.size(); ++n) {
      const double* share =
          is_none(t.provider) ? nullptr : block.factors(row_of(t.provider, account_share), static_cast<int>(n)).data();
      for (std::size_t k = 0; k < lanes; ++k, ++i) {
        granted[i] = granted[i - lanes] + (share == nullptr ? claimed[i] : claimed[i] * share[k]);
        claimed[i] += claimed[i - lanes];
        undisturbed[i] += undisturbed[i - lanes];
      }
    }
    const auto by = [&](const double* sums, double step, std::size_t k) {
      return sums[static_cast<std::size_t>(std::max(step, 0.0)) * lanes + k];
    };
    const double q = line.quantity, size = std::abs(q);
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      const int now = rows_.valued[v], at = static_cast<int>(v);
      const auto gauge = [&](std::size_t g) { return ledger.gauges(rows_.gauge(line.row, g), at).data(); };
      double *value = ledger.value(rows_.row(line.row), at).data(), *cash = ledger.cash(rows_.row(line.row), at).data(),
             *loss = ledger.credit_loss(rows_.row(line.row), at).data(), *paid = gauge(claims_paid),
             *unpaid = gauge(claims_unpaid);
      for (std::size_t k = 0; k < lanes; ++k) {
        double received = by(granted, now - delay, k), pending = by(granted, now, k) - received;
        if (failed[k] <= now) {  // what was due before is paid in full
          const double before = by(granted, failed[k] - 1 - delay, k);
          received = before + (1 - lost[k]) * (received - before);
          pending *= 1 - lost[k];
        }
        const double worth = pending + unearned(t, time_years_, now, open[k]),
                     got = received - premiums(t, time_years_, now, open[k]);
        const double without = by(undisturbed, now, k) + unearned(t, time_years_, now, free_open[k]) -
                               premiums(t, time_years_, now, free_open[k]);
        value[k] += q * worth;
        cash[k] += q * got;
        loss[k] += q * (without - (worth + got));
        paid[k] += size * received;
        unpaid[k] += size * (by(claimed, now, k) - received - pending);
      }
    }
  }

  RowSet rows_;
  std::vector<double> time_years_;
  std::size_t table_;
  std::vector<Line> lines_;
  std::vector<FactorIndex> prices_;  // that must be positive
  OneClaim once_;
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Cover t = terms(positions, fields, position);
  struct Cell {
    std::string_view name;
    bool given, needed, fits;
  };
  static constexpr const char* kinds[] = {"default", "price", "losses"};
  const bool obligor = t.trigger == Cover::on_default, price = t.trigger == Cover::on_price,
             pool = t.trigger == Cover::on_losses;
  const auto has = [](double x) { return x == x; };
  for (const Cell& cell :
       {Cell{"obligor", !is_none(positions.obligor[position]), obligor, obligor},
        Cell{"insured", has(t.insured), !pool, !pool}, Cell{"factor", !is_none(t.factor), price, price},
        Cell{"trigger_price", has(t.trigger_price), price, price},
        Cell{"reference_price", has(t.reference_price), false, price},
        Cell{"payout", t.payout == Cover::fixed, false, !pool}, Cell{"reference_pool", !is_none(t.pool), pool, pool},
        Cell{"measure", t.measure == Cover::economic, false, pool}, Cell{"limit", has(t.limit), pool, true}}) {
    if (cell.given && !cell.fits)
      return Complaint{cell.name, std::string("the trigger \"") + kinds[t.trigger] + "\" has none"};
    if (!cell.given && cell.needed)
      return Complaint{cell.name, std::string("blank; the trigger \"") + kinds[t.trigger] + "\" needs it"};
  }
  if (is_none(t.provider)) {
    if (has(t.capital)) return Complaint{"provider", "blank; capital is that of a provider"};
    if (!is_none(t.capital_factor)) return Complaint{"provider", "blank; capital_factor is that of a provider's capital"};
  } else if (!has(t.capital)) {
    return Complaint{"capital", "blank; a provider that is named has so much and no more"};
  }
  return {};
}

std::optional<Complaint> check_factors(const Positions& positions, std::size_t position,
                                       const std::vector<Factor>& factors) {
  const Cover t = terms(positions, fields, position);
  if (t.trigger != Cover::on_price || is_none(t.factor)) return {};
  const double today = factors[static_cast<std::size_t>(t.factor)].initial;  // 0 of a price that a position publishes
  if (!(today > 0 && today <= t.trigger_price)) return {};
  return Complaint{"trigger_price", "the price is there today"};
}

std::optional<Complaint> check_account(const Positions& positions, std::size_t first, std::size_t position) {
  const Cover a = terms(positions, fields, first), b = terms(positions, fields, position);
  const auto differs = [&](std::string_view column) {
    return Complaint{column, "not that of " + positions.id[first] + ", which has the same provider"};
  };
  if (a.capital != b.capital) return differs("capital");
  if (a.capital_factor != b.capital_factor) return differs("capital_factor");
  if (a.provider_obligor != b.provider_obligor) return differs("provider_obligor");
  return {};
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Covers>(positions, wiring);
}

std::unique_ptr<PricePath> publish_account(const Positions& sharing, const Wiring& wiring) {
  std::vector<SharedCover> covers;
  covers.reserve(sharing.size());
  for (std::size_t p = 0; p < sharing.size(); ++p)
    covers.push_back({Claims(terms(sharing, fields, p), sharing.obligor[p], wiring), std::abs(sharing.quantity[p])});
  return provider_capital(std::move(covers), *wiring.market);
}

}  // namespace

extern const Instrument cover;
const Instrument cover{.name = "cover",
                       .columns = columns(fields),
                       .gauges = {std::begin(gauges), std::end(gauges)},
                       .obligor = Instrument::Credit::optional,
                       .foreign_currency = false,
                       .check = check,
                       .check_factors = check_factors,
                       .compile = compile,
                       .publish_account = publish_account,
                       .check_account = check_account};

}  // namespace tailcube
