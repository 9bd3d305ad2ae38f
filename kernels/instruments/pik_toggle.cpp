#include "kernels/instruments/pik_toggle.h"

#include <cmath>
#include <limits>

#include "kernels/instruments/ladder.h"
#include "kernels/instruments/published_claims.h"
#include "kernels/math/functions.h"

namespace tailcube {
namespace {

constexpr Field<PikToggle> fields[] = {
    {.name = "pik_factor",
     .member = &PikToggle::factor,
     .otherwise = 0.0,
     .meaning = "a market factor: interest that is due while it is above or below a level is added to the principal; blank: "
                "all interest is paid"},
    {.name = "pik_when",
     .member = &PikToggle::when,
     .otherwise = 0.0,
     .words = "above|below",
     .meaning = "whether that happens above pik_level or below it"},
    {.name = "pik_level",
     .member = &PikToggle::level,
     .allowed = any,
     .otherwise = std::numeric_limits<double>::quiet_NaN(),
     .meaning = "in the unit of pik_factor; needed by it"},
    {.name = "pik_margin",
     .member = &PikToggle::margin,
     .allowed = {0, 10, "between 0 and 10"},
     .otherwise = 0.0,
     .meaning = "added to the rate of a period whose interest is added to the principal, per year, as a decimal"},
};

enum Gauge : std::size_t { defaults, defaulted_exposure, paid_in_kind, gauge_count };

// What a date pays and adds, as if nothing had been added to the principal before.
struct Due {
  double amount, principal;  // paid in cash: with the interest, without it
  double in_kind;            // interest added to the principal, if it is
  double growth;             // of what is owed by that
  double before;             // principal before it
  double grown;              // times this, if all interest before it has been added
  std::size_t seen;          // the step whose factor decides
  bool left;                 // principal is left after it
};

std::vector<Due> dues(const Claim& claim, const PikToggle& toggle, double frequency, const std::vector<double>& time_years) {
  std::vector<Due> out;
  double before = claim.principal, grown = 1;
  for (const Flow& f : claim.flows) {
    const double years = out.empty() ? f.date_years : 1 / frequency;
    const bool left = f.balance * claim.principal > 0;
    const double in_kind = left ? before * (claim.interest + toggle.margin) * years : 0;
    const double growth = left ? 1 + in_kind / f.balance : 1;
    const auto after = std::upper_bound(time_years.begin(), time_years.end(), f.date_years);
    out.push_back({f.amount, left ? before - f.balance : f.amount, in_kind, growth, before, grown,
                   static_cast<std::size_t>(after - time_years.begin()) - 1, left});
    grown *= growth;
    before = f.balance;
  }
  return out;
}

// The claim if all interest is added to the principal.
Claim all_in_kind(Claim claim, const std::vector<Due>& due) {
  for (std::size_t k = 0; k < due.size(); ++k) {
    claim.flows[k].amount = due[k].grown * due[k].principal;
    claim.flows[k].balance *= due[k].grown * due[k].growth;
  }
  return claim;
}

class ToggledLoans final : public TellingBatch {
 public:
  ToggledLoans(const Positions& positions, const std::function<Claim(std::size_t)>& claim_of,
               const std::function<PikToggle(std::size_t)>& toggle_of,
               const std::function<double(std::size_t)>& frequency_of, const Wiring& wiring,
               std::unique_ptr<Recovery> recovery)
      : rows_(wiring, gauge_count), time_years_(wiring.time_years), recovery_(std::move(recovery)) {
    value_today.assign(rows_.count, 0.0);
    gross.assign(rows_.count, 0.0);
    CompiledClaims compiled;
    for (std::size_t p = 0; p < positions.size(); ++p)
      add(p, claim_of(p), toggle_of(p), frequency_of(p), positions, compiled, wiring);
    schedules_ = std::move(compiled.schedules);
    reads = distinct(std::move(reads));
    std::sort(reads_curves.begin(), reads_curves.end());
    reads_curves.erase(std::unique(reads_curves.begin(), reads_curves.end()), reads_curves.end());
    reads_defaults = std::any_of(lines_.begin(), lines_.end(), [](const Line& l) { return !is_none(l.obligor); });
    bytes_per_thread = 2 * doubles() * sizeof(double);  // a thread has two ledgers
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    evaluate(block, ledger, faults, nullptr);
  }
  void evaluate_keeping(const Block& block, Ledger& ledger, Faults& faults, Kept&) const noexcept override {
    evaluate(block, ledger, faults, nullptr);
  }
  void evaluate_telling(const Block& block, Ledger& ledger, Faults& faults, Kept*,
                        DefaultListener& listener) const noexcept override {
    evaluate(block, ledger, faults, &listener);
  }
  double drawn(std::uint32_t, const Default&, const Block&) const noexcept override { return 0; }

 private:
  struct Line {
    std::uint32_t row, schedule;
    FactorIndex currency;
    ObligorIndex obligor;
    PikToggle toggle;
    double spread;    // the number folded into amounts
    double interest;  // per year
    bool solved;      // a par spread was asked for and exists, or was not
    std::size_t due, folded, published;
    Accounting accounting;
    double overdue;  // years, today
  };
  // One position in a block, [valued][lane] each.
  struct Path {
    double *value, *cash, *in_kind, *grown;
    std::size_t size;
    double* of(double* quantity, std::size_t v) const { return quantity + v * lanes; }
  };
  // What has happened by some date, in some scenarios.
  template <std::size_t count>
  struct State {
    std::array<double, count> grown, cash{}, in_kind{};
    State() { grown.fill(1); }
    void pass(const Due& due, std::size_t i, bool holds, double exchange) {
      cash[i] += grown[i] * (holds ? due.principal : due.amount) * exchange;
      in_kind[i] += grown[i] * (holds ? due.in_kind : 0) * exchange;
      grown[i] *= holds ? due.growth : 1;
    }
  };

  void add(std::size_t position, const Claim& in_cash, const PikToggle& toggle, double frequency, const Positions& positions,
           CompiledClaims& compiled, const Wiring& wiring) {
    const auto row = static_cast<std::uint32_t>(rows_.of_position(wiring, position));
    const FactorIndex currency = positions.currency[position];
    const std::vector<Due> due = dues(in_cash, toggle, frequency, wiring.time_years);
    const Claim in_kind = all_in_kind(in_cash, due);
    const bool holds = toggle.holds(exchange_today(*wiring.market, toggle.factor));
    const double gross_before = gross[row];
    CashFlowLine now = compile_claim(*this, holds ? in_kind : in_cash, currency, row, compiled, wiring);
    const bool solved = now.spread == now.spread;
    if (!solved) now.spread = 0;
    Claim otherwise = holds ? in_cash : in_kind;
    if (is_none(otherwise.spread.factor)) otherwise.spread = {now.spread, FactorIndex{none}, false};
    const double worth = value_today[row], gross_now = gross[row];
    const CashFlowLine other = compile_claim(*this, otherwise, currency, row, compiled, wiring);
    value_today[row] = worth;
    gross[row] = gross_before + std::max(gross_now - gross_before, gross[row] - gross_now);
    lines_.push_back({row, now.schedule, currency, positions.obligor[position], toggle, now.spread, in_cash.interest, solved,
                      due_.size(), folded_.size(), published_.size(), in_cash.accounting.value_or(Accounting{}),
                      overdue_years(positions.obligor[position], wiring)});
    due_.insert(due_.end(), due.begin(), due.end());
    const double* const folded = compiled.folded.data();
    for (std::size_t k = 0; k < due.size(); ++k) {
      folded_.push_back(folded[(holds ? other : now).folded + k]);
      folded_.push_back(folded[(holds ? now : other).folded + k]);
    }
    reads.push_back(toggle.factor);
    if (wiring.published_values && in_cash.accounting) publish(in_cash, lines_.back(), due, wiring);
  }

  void publish(const Claim& claim, const Line& l, const std::vector<Due>& due, const Wiring& wiring) {
    const auto performing = [&](double years) {
      return l.overdue > 0 && years < claim.flows.front().date_years
                 ? claim.principal * (1 - written_down(l.accounting.write_down, l.overdue + years))
                 : published_value(l.accounting, claim, years);
    };
    double largest = std::abs(performing(0));
    for (const int h : rows_.valued) {
      published_.push_back(performing(time_years_[static_cast<std::size_t>(h)]));
      largest = std::max(largest, std::abs(published_.back()));
    }
    for (const Flow& f : claim.flows) largest = std::max(largest, std::abs(f.amount));
    published_today.resize(rows_.count, 0.0);
    published_today[l.row] += performing(0) * exchange_today(*wiring.market, l.currency);
    gross[l.row] += largest * due.back().grown * exchange_bound(*wiring.market, l.currency, time_years_.back());
  }

  std::size_t doubles() const { return rows_.valued.size() * (4 * lanes + 3); }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults, DefaultListener* listener) const noexcept {
    const std::size_t valued = rows_.valued.size(), size = valued * lanes;
    if (ledger.scratch.size() < doubles()) ledger.scratch.resize(doubles());
    double* const memory = ledger.scratch.data();
    const Path path{memory, memory + size, memory + 2 * size, memory + 3 * size, size};
    report(block, faults);
    for (std::uint32_t p = 0; p < lines_.size(); ++p) {
      follow(lines_[p], block, path);
      if (published(ledger)) add_published(p, block, path, ledger);
      for (const Default& d : defaults_of(block, lines_[p].obligor)) take_away(p, d, block, path, ledger, listener);
      for (std::size_t v = 0; v < valued; ++v) {
        const RowIndex row = rows_.row(lines_[p].row);
        const int at = static_cast<int>(v);
        const auto add = [&](Lanes to, const double* from) {
          for (std::size_t k = 0; k < lanes; ++k) to[k] += from[v * lanes + k];
        };
        add(ledger.value(row, at), path.value);
        add(ledger.cash(row, at), path.cash);
        add(ledger.gauges(rows_.gauge(lines_[p].row, paid_in_kind), at), path.in_kind);
      }
    }
  }
  bool published(const Ledger& ledger) const { return !published_.empty() && ledger.published_value.series() > 0; }

  void report(const Block& block, Faults& faults) const {
    FactorIndex known{none};  // is finite everywhere
    for (std::uint32_t p = 0; p < lines_.size(); ++p) {
      const Line& l = lines_[p];
      if (!l.solved && faults.size() < faults.capacity()) faults.push_back({rows_.row(l.row), p, 0, Reason::no_convergence});
      if (l.toggle.factor == known) continue;
      known = l.toggle.factor;
      for (std::size_t k = 0; k < block.scenarios; ++k) {
        bool finite = true;
        for (int n = 0; n <= rows_.valued.back(); ++n) finite &= std::isfinite(block.factors(l.toggle.factor, n)[k]);
        if (finite) continue;
        known = FactorIndex{none};
        if (faults.size() < faults.capacity())
          faults.push_back({rows_.row(l.row), p, static_cast<std::uint16_t>(k), Reason::not_finite});
      }
    }
  }

  // If nobody defaults.
  void follow(const Line& l, const Block& block, const Path& path) const {
    const Schedule& s = schedules_[l.schedule];
    State<lanes> state;
    std::size_t k = 0;
    for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
      const int h = rows_.valued[v];
      for (const std::size_t end = s.paid_by(h); k < end; ++k) {
        const Due& due = due_[l.due + k];
        const ConstLanes factor = block.factors(l.toggle.factor, static_cast<int>(due.seen));
        const double* const fx = exchange(block, l.currency, s.step[k]);
        for (std::size_t lane = 0; lane < lanes; ++lane) state.pass(due, lane, l.toggle.holds(factor[lane]), fx[lane]);
      }
      std::array<double, lanes> in_cash{}, in_kind{};
      for (std::size_t i = k; i < s.date_years.size(); ++i) {
        const double* const folded = &folded_[l.folded + 2 * i];
        const double* const discount = block.discounts(s.discount[i], static_cast<int>(v)).data();
        for (std::size_t lane = 0; lane < lanes; ++lane) in_cash[lane] += folded[0] * discount[lane];
        if (folded[1] == 0) continue;
        for (std::size_t lane = 0; lane < lanes; ++lane) in_kind[lane] += folded[1] * discount[lane];
      }
      const double growth = exp(l.spread * time_years_[static_cast<std::size_t>(h)]);
      const double grown = k < s.date_years.size() ? due_[l.due + k].grown : 1;
      const ConstLanes factor = block.factors(l.toggle.factor, h);
      const double* const fx = exchange(block, l.currency, h);
      for (std::size_t lane = 0; lane < lanes; ++lane) {
        const double worth = l.toggle.holds(factor[lane]) ? in_kind[lane] / grown : in_cash[lane];
        path.of(path.value, v)[lane] = state.grown[lane] * growth * worth * fx[lane];
        path.of(path.cash, v)[lane] = state.cash[lane];
        path.of(path.in_kind, v)[lane] = state.in_kind[lane];
        path.of(path.grown, v)[lane] = state.grown[lane];
      }
    }
  }

  // Dates before `end`, in one scenario.
  State<1> paid(const Line& l, const Schedule& s, std::size_t end, const Block& block, std::size_t lane) const {
    State<1> state;
    for (std::size_t k = 0; k < end; ++k) {
      const Due& due = due_[l.due + k];
      state.pass(due, 0, l.toggle.holds(block.factors(l.toggle.factor, static_cast<int>(due.seen))[lane]),
                 exchange(block, l.currency, s.step[k])[lane]);
    }
    return state;
  }

  // Principal and interest when the default is seen; `unpaid`: the first date that is not paid.
  double claim_at_default(const Line& l, const Schedule& s, std::size_t unpaid, double grown, const Default& d,
                          const Block& block) const {
    const std::vector<double>& dates = s.date_years;
    double owed = grown * due_[l.due + unpaid].before, late = 0, since = unpaid == 0 ? 0 : dates[unpaid - 1];
    const double until = std::min(time_years_[d.step], dates.back());
    for (std::size_t k = unpaid; k < dates.size() && dates[k] <= until; since = dates[k++]) {
      const Due& due = due_[l.due + k];
      const bool holds = l.toggle.holds(block.factors(l.toggle.factor, static_cast<int>(due.seen))[d.lane]);
      const double years = dates[k] - since;
      if (holds && due.left)
        owed += owed * (l.interest + l.toggle.margin) * years;
      else
        late += owed * l.interest * years;
    }
    return owed + late + owed * l.interest * (until - since);
  }

  // From the default on, what the Recovery says instead of the path.
  void take_away(std::uint32_t position, const Default& d, const Block& block, const Path& path, Ledger& ledger,
                 DefaultListener* listener) const {
    const Line& l = lines_[position];
    const Schedule& s = schedules_[l.schedule];
    const std::size_t unpaid = s.paid_by(d.step - 1), lane = d.lane, valued = rows_.valued.size();
    const auto first =
        static_cast<std::size_t>(std::lower_bound(rows_.valued.begin(), rows_.valued.end(), d.step) - rows_.valued.begin());
    if (unpaid >= s.date_years.size() || first == valued) return;  // repaid before
    const State<1> state = paid(l, s, unpaid, block, lane);
    const double claim = claim_at_default(l, s, unpaid, state.grown[0], d, block);
    const double exposed = claim * exchange(block, l.currency, d.step)[lane];
    double *const come = path.value + 4 * path.size, *const come_cash = come + valued, *const lost = come_cash + valued;
    recovery_->recover(position, d, claim, block, come, come_cash);
    double cash = state.cash[0];
    for (std::size_t v = 0; v < valued; ++v) {
      lost[v] = 0;
      if (v < first) continue;
      const int at = static_cast<int>(v);
      double *const value = path.of(path.value, v) + lane, *const received = path.of(path.cash, v) + lane;
      cash += come_cash[v];
      lost[v] = *value + *received - (come[v] + cash);
      *value = come[v], *received = cash;
      path.of(path.in_kind, v)[lane] = state.in_kind[0];
      ledger.credit_loss(rows_.row(l.row), at)[lane] += lost[v];
      ledger.gauges(rows_.gauge(l.row, defaults), at)[lane] += 1;
      ledger.gauges(rows_.gauge(l.row, defaulted_exposure), at)[lane] += exposed;
    }
    const DefaultListener::Hit hit[] = {{position, d.lane}};
    if (listener != nullptr) listener->hear(hit, lost);
  }

  // As PublishedClaims, times what has been added to the principal.
  void add_published(std::uint32_t position, const Block& block, const Path& path, Ledger& ledger) const {
    const Line& l = lines_[position];
    const Schedule& s = schedules_[l.schedule];
    const auto add = [&](std::size_t v, std::size_t lane, double amount) {
      ledger.published_value(rows_.row(l.row), static_cast<int>(v))[lane] +=
          amount * exchange(block, l.currency, rows_.valued[v])[lane];
    };
    for (std::size_t v = 0; v < rows_.valued.size(); ++v)
      for (std::size_t lane = 0; lane < lanes; ++lane)
        add(v, lane, path.of(path.grown, v)[lane] * published_[l.published + v]);
    for (const Default& d : defaults_of(block, l.obligor)) {
      const std::size_t missed = s.paid_by(d.step - 1);
      if (missed >= s.date_years.size()) continue;
      const double grown = paid(l, s, missed, block, d.lane).grown[0], before = due_[l.due + missed].before;
      double since = s.date_years[missed],
             owed = before * (1 + l.interest * (since - (missed == 0 ? 0 : s.date_years[missed - 1])));
      if (missed == 0 && l.overdue > 0) since = -l.overdue, owed = before;
      for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
        const int h = rows_.valued[v];
        if (h < d.step) continue;
        const double years = time_years_[static_cast<std::size_t>(h)];
        double carried = grown * published_[l.published + v];
        if (h >= d.step + recovery_->wait(position))
          carried = 0;
        else if (since <= years)
          carried = grown * owed * (1 - written_down(l.accounting.write_down, years - since));
        add(v, d.lane, carried - path.of(path.grown, v)[d.lane] * published_[l.published + v]);
      }
    }
  }

  RowSet rows_;
  std::vector<double> time_years_;
  std::unique_ptr<Recovery> recovery_;
  std::vector<Line> lines_;
  Schedules schedules_;
  std::vector<Due> due_;
  std::vector<double> folded_;     // by date: paid in cash, all in kind; x exp(-spread date)
  std::vector<double> published_;  // [valued] of each line: nothing added to the principal
};

}  // namespace

std::vector<Column> pik_toggle_columns() { return columns(fields); }

PikToggle pik_toggle(const Positions& positions, std::size_t position, std::size_t first_column) {
  return terms(positions, fields, position, first_column);
}

std::optional<Complaint> check_pik_toggle(const PikToggle& t) {
  const bool given = t.level == t.level;
  if (is_none(t.factor)) {
    if (given) return Complaint{"pik_level", "only a loan with a pik_factor has one"};
    if (t.when != PikToggle::above) return Complaint{"pik_when", "only a loan with a pik_factor has one"};
    if (t.margin != 0) return Complaint{"pik_margin", "only a loan with a pik_factor has one"};
  } else if (!given) {
    return Complaint{"pik_level", "blank; a pik_factor needs the level that decides"};
  }
  return {};
}

std::unique_ptr<TellingBatch> toggled_loans(const Positions& positions, const std::function<Claim(std::size_t)>& claim_of,
                                            const std::function<PikToggle(std::size_t)>& toggle_of,
                                            const std::function<double(std::size_t)>& frequency_of, const Wiring& wiring,
                                            std::unique_ptr<Recovery> recovery) {
  return std::make_unique<ToggledLoans>(positions, claim_of, toggle_of, frequency_of, wiring, std::move(recovery));
}

}  // namespace tailcube
