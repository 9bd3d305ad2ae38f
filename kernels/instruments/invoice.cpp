// Invoices bought or lent against: the debtor pays late, less or not at all; the seller makes good, if it can; a pool may
// turn out to be pledged twice.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/instruments/cash_flows.h"
#include "kernels/instruments/invoice_law.h"
#include "kernels/instruments/rows.h"
#include "kernels/instruments/write_down.h"
#include "kernels/math/functions.h"
#include "kernels/random/gamma.h"

namespace tailcube {
namespace {

struct Invoice {
  double face, due_days, advance_rate, discount_rate, dilution, dilution_sd, delay_days, delay_sd_days;
  ObligorIndex seller;
  double recourse;
  StreamId pool;
  double fraud_rate, fraud_share;
};
constexpr Range some_days{0, 3650, "between 0 and 3650"};
constexpr Field<Invoice> fields[] = {
    {.name = "face",
     .member = &Invoice::face,
     .allowed = positive,
     .meaning = "amount invoiced, in the position's currency"},
    {.name = "due_days", .member = &Invoice::due_days, .allowed = some_days, .meaning = "days until it is due"},
    {.name = "advance_rate",
     .member = &Invoice::advance_rate,
     .allowed = {1e-6, 1, "positive and at most 1"},
     .otherwise = 1.0,
     .meaning = "share of the face that belongs to the holder; what is collected goes to it first"},
    {.name = "discount_rate",
     .member = &Invoice::discount_rate,
     .allowed = {0, 5, "between 0 and 5"},
     .meaning = "continuous rate at which expected cash is discounted, per year"},
    {.name = "dilution",
     .member = &Invoice::dilution,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "mean share of the face that the debtor deducts: credit notes, returns, rebates"},
    {.name = "dilution_sd",
     .member = &Invoice::dilution_sd,
     .allowed = {0, 0.5, "between 0 and 0.5"},
     .otherwise = 0.0,
     .meaning = "its standard deviation; 0: it is constant"},
    {.name = "delay_days",
     .member = &Invoice::delay_days,
     .allowed = some_days,
     .otherwise = 0.0,
     .meaning = "mean of the days by which it is paid late"},
    {.name = "delay_sd_days",
     .member = &Invoice::delay_sd_days,
     .allowed = some_days,
     .otherwise = 0.0,
     .meaning = "their standard deviation; 0: they are constant"},
    {.name = "seller",
     .member = &Invoice::seller,
     .otherwise = 0.0,
     .meaning = "id of files.obligors: who sold it and stands for recourse"},
    {.name = "recourse",
     .member = &Invoice::recourse,
     .allowed = fraction,
     .otherwise = 0.0,
     .meaning = "share of what is missing that the seller pays unless it has defaulted"},
    {.name = "pool",
     .member = &Invoice::pool,
     .otherwise = 0.0,
     .meaning = "invoices of one pool share the shock of a fraud; blank: it is a pool of its own"},
    {.name = "fraud_rate",
     .member = &Invoice::fraud_rate,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = 0.0,
     .meaning = "rate at which a fraud or double pledge of the pool is found, per year"},
    {.name = "fraud_share",
     .member = &Invoice::fraud_share,
     .allowed = fraction,
     .otherwise = 1.0,
     .meaning = "probability that the invoice is one of those, given that"},
};
enum : std::size_t { defaults, defaulted_exposure, diluted, defrauded, gauge_count };
constexpr double days = 365;

// Published, of a unit of face that has not been paid: what the holder is owed, at discount_rate until it is due and written
// down after it.
double carried(const Invoice& i, const WriteDown& w, double years) {
  const double late = years - i.due_days / days;
  return i.advance_rate * (late < 0 ? exp(i.discount_rate * late) : 1 - written_down(w, late));
}

InvoiceTerms law_terms(const Invoice& i) {
  return {i.due_days / days,   i.advance_rate,         i.discount_rate, i.dilution,   i.dilution_sd,
          i.delay_days / days, i.delay_sd_days / days, i.recourse,      i.fraud_rate, i.fraud_share};
}

using Column = std::array<double, lanes>;
constexpr double never = std::numeric_limits<double>::infinity();

// What happens to one invoice in each lane. Steps are beyond the last where something does not happen.
struct Fate {
  Column collectible;  // of the face: 1 - dilution
  Column paid;         // step
  Column defaulted, loss, seller_defaulted, shock, hit;
};

class Invoices final : public Batch {
 public:
  Invoices(const Positions& positions, const Wiring& wiring)
      : rows_(wiring, gauge_count), step_years_(wiring.time_years[1]) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    lines_.reserve(positions.size());
    for (std::size_t p = 0; p < positions.size(); ++p) add_line(positions, p, wiring);
    reads = distinct(positions.currency);
    reads_defaults = true;
  }

  void evaluate(const Block& block, Ledger& ledger, Faults&) const noexcept override {
    rows_.clear(ledger);
    Fate fate;
    for (std::size_t p = 0; p < lines_.size(); ++p) {
      draw(lines_[p], block, fate);
      post(lines_[p], pending_.data() + p * rows_.valued.size(), fate, block, ledger);
      if (!carried_.empty() && ledger.published_value.series() > 0)
        publish(lines_[p], carried_.data() + p * rows_.valued.size(), fate, block, ledger);
    }
  }

 private:
  struct Line {
    std::uint32_t row;
    FactorIndex currency;
    double amount;  // signed face, money of its currency
    Invoice terms;
    InvoiceLaw::Shapes shapes;
    ObligorIndex debtor;
    int recovery_steps;
    StreamId dilution, rest, delay, fraud;
    StreamId own_pool;  // where it has none
  };
  // Of a valued step: value of one unit of face while it is unpaid.
  struct Pending {
    double seller_alive, seller_gone, honest;  // honest: a factor while the pool's shock may still come
  };

  void add_line(const Positions& positions, std::size_t p, const Wiring& wiring) {
    const Invoice t = terms(positions, fields, p);
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, p));
    const ObligorIndex debtor = positions.obligor[p];
    const double lgd = is_none(debtor) ? 0 : wiring.loss_given_default[static_cast<std::size_t>(debtor)];
    const InvoiceLaw law(law_terms(t), lgd);
    const bool waits = !is_none(debtor) && !wiring.recovery_delay_years.empty();
    const int recovery = waits ? waiting_steps(wiring, wiring.recovery_delay_years[static_cast<std::size_t>(debtor)]) : 0;
    const std::string& id = positions.id[p];
    const double amount = positions.quantity[p] * t.face;
    lines_.push_back({row, positions.currency[p], amount, t, law.shapes(), debtor, recovery, stream("dilution", id),
                      stream("dilution rest", id), stream("payment delay", id), stream("fraud", id),
                      stream("own pool", id)});
    const auto pending = [&](double now) {
      const InvoiceLaw::Wait wait = law.wait(now);
      // Of those who have not defaulted yet.
      const auto pd = [&](ObligorIndex o) {
        if (is_none(o)) return 0.0;
        const double by_now = wiring.default_probability(o, now);
        return by_now < 1 ? (wiring.default_probability(o, now + wait.years) - by_now) / (1 - by_now) : 1.0;
      };
      return Pending{law.value(wait, pd(debtor), pd(t.seller)), law.value(wait, pd(debtor), 1), law.honest(wait)};
    };
    for (const int step : rows_.valued) pending_.push_back(pending(wiring.time_years[static_cast<std::size_t>(step)]));
    const Pending today = pending(0);
    value_today[row] += amount * today.seller_alive * today.honest * exchange_today(*wiring.market, positions.currency[p]);
    const double bound = std::abs(amount) * exchange_bound(*wiring.market, positions.currency[p], wiring.time_years.back());
    gross[row] += bound;
    if (!wiring.published_values) return;
    published_today.resize(rows_.count, 0.0);
    const WriteDown w = write_down(positions, p, std::size(fields));
    published_today[row] += amount * carried(t, w, 0) * exchange_today(*wiring.market, positions.currency[p]);
    gross[row] += bound;
    for (const int step : rows_.valued) carried_.push_back(carried(t, w, wiring.time_years[static_cast<std::size_t>(step)]));
  }

  double step_of(double years) const { return std::max(1.0, std::ceil((years - 1e-9) / step_years_)); }

  void draw(const Line& line, const Block& block, Fate& fate) const noexcept {
    const Invoice& t = line.terms;
    const ScenarioLanes scenario = block.numbers();
    fate.collectible.fill(t.dilution);
    if (t.dilution_sd > 0)
      betas(block.seed, line.dilution, line.rest, scenario, line.shapes.beta_a, line.shapes.beta_b, fate.collectible);
    for (double& share : fate.collectible) share = 1 - share;
    fate.paid.fill(t.delay_days / days);
    if (t.delay_sd_days > 0) {
      gammas(block.seed, line.delay, scenario, line.shapes.gamma_shape, fate.paid);
      for (double& late : fate.paid) late *= line.shapes.gamma_scale_years;
    }
    for (double& late : fate.paid) late = step_of(t.due_days / days + late);
    fate.shock.fill(never), fate.hit.fill(never);
    if (t.fraud_rate > 0) {
      uniforms(block.seed, t.pool == StreamId{0} ? line.own_pool : t.pool, scenario, 0, fate.shock);
      log(fate.shock, fate.shock);
      for (double& shock : fate.shock) shock = step_of(-shock / t.fraud_rate);
      uniforms(block.seed, line.fraud, scenario, 0, fate.hit);
      for (std::size_t k = 0; k < lanes; ++k) fate.hit[k] = fate.hit[k] < t.fraud_share ? fate.shock[k] : never;
    }
    find_defaults(block, line.debtor, fate.defaulted, fate.loss);
    Column unused;
    find_defaults(block, t.seller, fate.seller_defaulted, unused);
  }

  // Cash, in money of the job's currency: at the step of the event and, of a recovery, later.
  struct End {
    double step = never, arrives = never;
    double at_once = 0, later = 0;  // per unit of face
    bool defaulted = false, fraud = false;
  };
  static End end_of(const Line& line, const Fate& fate, std::size_t k) noexcept {
    const Invoice& t = line.terms;
    const double paid = fate.paid[k], failed = fate.defaulted[k], found = fate.hit[k], owed = t.advance_rate;
    const auto made_good = [&](double step, double got) {
      return fate.seller_defaulted[k] > step ? t.recourse * (owed - got) : 0.0;
    };
    if (found <= paid && found <= failed) return {found, found, 0, 0, false, found < never};
    if (failed <= paid) {
      const double got = std::min((1 - fate.loss[k]) * fate.collectible[k], owed);
      return {failed, failed + line.recovery_steps, made_good(failed, got), got, true, false};
    }
    const double got = std::min(fate.collectible[k], owed);
    return {paid, paid, got + made_good(paid, got), 0, false, false};
  }

  void post(const Line& line, const Pending* pending, const Fate& fate, const Block& block, Ledger& ledger) const noexcept {
    const Invoice& t = line.terms;
    const auto fx = [&](double step, std::size_t k) {
      return step <= rows_.valued.back() ? exchange(block, line.currency, static_cast<int>(step))[k] : 0;
    };
    for (std::size_t k = 0; k < lanes; ++k) {
      const End end = end_of(line, fate, k);
      const double clean_share = std::min(fate.collectible[k], t.advance_rate);
      const double clean = (clean_share + t.recourse * (t.advance_rate - clean_share)) * line.amount * fx(fate.paid[k], k);
      const double at_once = end.at_once * line.amount * fx(end.step, k), later = end.later * line.amount;
      const double arrived = later * fx(end.arrives, k);
      for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
        const double h = rows_.valued[v], now = line.amount * fx(h, k);
        const double honest = fate.shock[k] <= h ? 1 : pending[v].honest;
        double value = 0, cash = 0;
        if (end.step > h)
          value = now * (fate.seller_defaulted[k] > h ? pending[v].seller_alive : pending[v].seller_gone) * honest;
        else
          cash = end.arrives <= h ? at_once + arrived : at_once;
        if (end.step <= h && end.arrives > h && later != 0)
          value = end.later * now * exp(-t.discount_rate * step_years_ * (end.arrives - h));
        const double undisturbed = fate.paid[k] <= h ? clean : now * pending[v].seller_alive * honest;
        const int at = static_cast<int>(v);
        ledger.value(rows_.row(line.row), at)[k] += value;
        ledger.cash(rows_.row(line.row), at)[k] += cash;
        ledger.credit_loss(rows_.row(line.row), at)[k] += undisturbed - (value + cash);
        if (end.step > h) continue;
        const auto gauge = [&](std::size_t g) -> double& { return ledger.gauges(rows_.gauge(line.row, g), at)[k]; };
        const double claim = line.amount * fx(end.step, k);
        gauge(defaults) += end.defaulted;
        gauge(defaulted_exposure) += end.defaulted ? claim * clean_share : 0;
        gauge(diluted) += end.fraud ? 0 : claim * (1 - fate.collectible[k]);
        gauge(defrauded) += end.fraud ? claim * t.advance_rate : 0;
      }
    }
  }

  // A default is known by not being paid; a fraud once it is found.
  void publish(const Line& line, const double* carried, const Fate& fate, const Block& block,
               Ledger& ledger) const noexcept {
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      const double* fx = exchange(block, line.currency, rows_.valued[v]);
      const Lanes value = ledger.published_value(rows_.row(line.row), static_cast<int>(v));
      for (std::size_t k = 0; k < lanes; ++k)
        if (end_of(line, fate, k).arrives > rows_.valued[v]) value[k] += line.amount * carried[v] * fx[k];
    }
  }

  RowSet rows_;
  double step_years_;
  std::vector<Line> lines_;
  std::vector<Pending> pending_;  // [position][valued step]
  std::vector<double> carried_;   // the same; empty: no published value is asked for
};

std::optional<Complaint> check(const Positions& positions, std::size_t position) {
  const Invoice i = terms(positions, fields, position);
  if (auto complaint = check_write_down(write_down(positions, position, std::size(fields)))) return complaint;
  if (i.recourse > 0 && is_none(i.seller)) return Complaint{"seller", "blank; recourse needs one"};
  if (i.dilution_sd > 0) {
    const double spread = i.dilution_sd * i.dilution_sd / (i.dilution * (1 - i.dilution));
    if (!(spread < 1)) return Complaint{"dilution_sd", "not below the square root of dilution (1 - dilution)"};
    const double total = 1 / spread - 1;
    if (!(std::min(i.dilution, 1 - i.dilution) * total >= 0.01 && total <= 5e5))
      return Complaint{"dilution_sd", "the Beta distribution's parameters are not between 0.01 and 500000"};
  }
  if (i.delay_sd_days > 0) {
    const double shape = i.delay_days / i.delay_sd_days * (i.delay_days / i.delay_sd_days);
    if (!(shape >= 0.01 && shape <= 1e5)) return Complaint{"delay_sd_days", "not between 0.0032 and 10 times delay_days"};
  }
  return {};
}

std::optional<Complaint> warn(const Positions& positions, std::size_t position) {
  const Invoice i = terms(positions, fields, position);
  if (is_none(i.seller) || i.seller != positions.obligor[position]) return {};
  return Complaint{"seller", "it is the debtor, too: its recourse is worth nothing in a default"};
}

std::vector<tailcube::Column> all_columns() {
  std::vector<tailcube::Column> out = columns(fields);
  for (const tailcube::Column& column : write_down_columns()) out.push_back(column);
  return out;
}

std::unique_ptr<Batch> compile(const Positions& positions, const Wiring& wiring) {
  return std::make_unique<Invoices>(positions, wiring);
}

}  // namespace

extern const Instrument invoice;
const Instrument invoice{
    .name = "invoice",
    .columns = all_columns(),
    .gauges = {{"defaults", "1"}, {"defaulted_exposure", "money"}, {"diluted", "money"}, {"defrauded", "money"}},
    .obligor = Instrument::Credit::optional,
    .reads_market_at_default = true,
    .check = check,
    .warn = warn,
    .compile = compile};

}  // namespace tailcube
