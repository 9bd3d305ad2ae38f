// Defaulted claims outside chains and in smooth ones: the latter by their terms, and what all of them change.
#include <algorithm>

#include "kernels/instruments/corrections_departures.h"

namespace tailcube {

using namespace corrections;

std::size_t Corrections::bytes_kept() const {
  // A batch ends before a line that it has no room for.
  constexpr std::size_t of_line = lanes / 10;
  const std::size_t each = sizeof(Recovery::Claimed) + sizeof(Gone::Place) + 2 * padded() * sizeof(double);
  return own_end_ * lanes / 10 * each * asked / (asked - of_line);
}

void Corrections::one_by_one(const Block& block, Ledger& ledger, Kept* kept, Telling* telling) const {
  if (own_end_ == 0) return;
  if (kept != nullptr && kept->memory == nullptr) kept->memory = std::make_unique<Batches>();
  Batches* const batches = kept == nullptr ? nullptr : static_cast<Batches*>(kept->memory.get());
  if (kept != nullptr && kept->known) {
    for (std::size_t n = 0; n < batches->count; ++n) take_away(batches->all[n], block, ledger, telling);
    return;
  }
  if (batches != nullptr) batches->count = 0;
  Departures departures(*this, block, ledger, batches, telling);
  for (const Smooth& chain : smooth_) along(chain, block, ledger, departures);
  if (own_end_ > smooth_end_) outside(block, ledger, departures);
  departures.correct();
}

// Adds what a revolver's claim has on top; what is drawn counts as missed when the default is seen.
void Corrections::draw(const Line& l, const double* rate, std::size_t i, Departures& departures) const {
  const std::size_t step = departures.when(i).step;
  const Commitment more = commitment(l, departures.when(i).step);
  departures.missed(i)[first_valued_[step]] += rate == nullptr ? more.drawn : more.drawn * rate[step * lanes];
  departures.claim(i, departures.claim(i) + more.fee + more.drawn, rate);
}
double Corrections::drawn(std::uint32_t position, const Default& d, const Block& block) const noexcept {
  const auto own = std::span(lines_).first(own_end_);
  const auto line = std::find_if(own.begin(), own.end(), [&](const Line& l) { return l.position == position; });
  if (line == own.end() || !line->revolves) return 0;
  return commitment(*line, d.step).drawn * exchange(block, line->currency, d.step)[d.lane];
}

// Claims come by rising number of dates, and the sums with them.
void Corrections::along(const Smooth& chain, const Block& block, Ledger& ledger, Departures& departures) const {
  constexpr std::size_t terms = SmoothAmounts::terms;
  const std::size_t valued = rows_.valued.size();
  const Schedule& s = schedules_[chain.schedule];
  double *const sums = memory(ledger) + work_at_, *const later = sums + lanes * valued * terms;
  double* const paid_due = later + valued + Horizons::width;
  const AtStep* const at_step = chain.at_step.data();
  const auto changes_each = static_cast<std::uint32_t>(4 * valued);
  double seen_due[lanes];
  std::fill_n(sums, smooth_doubles(), 0.0);
  std::size_t k = static_cast<std::size_t>(
      std::find_if(s.discount.begin(), s.discount.end(), [](std::uint32_t d) { return d != none; }) - s.discount.begin());
  Hits(*this, block, ledger, s.paid.data()).each(chain.begin, chain.end, [&](std::size_t i, std::span<const Default> hits) {
    const Line& l = lines_[i];
    const std::uint32_t dates = l.dates;
    if (k < dates) {
      add_dates(block.discounts.data(), std::span(s.discount).subspan(k, dates - k), chain.basis.data() + k * terms, valued,
                sums);
      k = dates;
    }
    const double* const record = numbers_.data() + l.own.record;
    const double *const due = record + valued, *const balances = &balances_[l.early];
    const double last = s.date_years[dates - 1u], interest = l.interest;
    const std::size_t step_of_balance = l.level ? 0 : 1;
    for (std::size_t v = 0; v < valued; ++v) paid_due[v] = due[std::min(chain.paid[v + 1], dates)];
    departures.make_room(hits.size());
    const std::size_t first = departures.count();
    auto [claimed, place] = departures.room();
    double* due_when_seen = seen_due;
    const std::uint32_t position = l.position, changes = l.row * lanes, line = static_cast<std::uint32_t>(i);
    for (const Default& d : hits) {
      const AtStep& at = at_step[d.step];
      if (at.paid_before >= dates) continue;  // repaid before
      const double balance = balances[at.paid_before * step_of_balance], years = std::min(at.time, last) - at.since;
      const double claim = balance + balance * interest * years;
      *claimed++ = {d, claim, position};
      *place++ = {line, (changes + d.lane) * changes_each, at.seen, claim};
      *due_when_seen++ = paid_due[at.place] - due[at.paid_before];
    }
    departures.fill(claimed);
    for (std::size_t v = 1; v < valued; ++v) later[v] = paid_due[v] - paid_due[v - 1];
    const double* const own = record + l.own.amounts;
    for (const Horizons& h : horizons_)
      departures.promise(first, {own, sums + h.begin * terms, valued * terms, record + h.begin, later + h.begin, seen_due},
                         h);
    if (is_none(l.currency) && !l.capitalises && !l.revolves) return;
    for (std::size_t n = first; n < departures.count(); ++n) {
      const Default& d = departures.when(n);
      const double* const rate = is_none(l.currency) ? nullptr : exchange(block, l.currency, 0) + d.lane;  // [step x lanes]
      convert(rate, departures.promised(n));
      departures.claim(n, claim_at_default(l, s, d.step), rate);
      missed(due, dates, chain.at_step[d.step].paid_before, chain.paid.data(), s, rate, departures.missed(n));
      if (l.revolves) draw(l, rate, n, departures);
    }
  });
}

// What a batch of defaults brings in comes, what was promised goes.
void Corrections::take_away(const Gone& gone, const Block& block, Ledger& ledger, Telling* telling) const {
  const std::size_t valued = rows_.valued.size(), padded = this->padded(), count = gone.count;
  double* const come = memory(ledger) + recovery_at_;  // [default][valued] value, then cash
  double* const come_cash = come + count * valued + Horizons::width;
  recovery_.recover(std::span(gone.claimed).first(count), block, come, come_cash);
  const Tag tag;
  const Gone::Place* const places = gone.places.data();
  if (telling != nullptr) telling->make_room(count);
  for (std::size_t i = 0; i < count && telling != nullptr; ++i)
    telling->begin(lines_[places[i].line], gone.claimed[i].when.lane);
  // place(default): where it is added.
  const auto take = [&](const auto& add, const auto& place) {
    for (const Horizons& h : horizons_) {
      const double *in = come + h.begin, *in_cash = come_cash + h.begin, *out = gone.numbers.data() + h.begin;
      const auto number = hn::LoadU(tag, h.number);
      const double end = static_cast<double>(h.begin + h.count);
      for (std::size_t i = 0; i < count; ++i, in += valued, in_cash += valued, out += 2 * padded) {
        if (places[i].seen >= end) continue;
        const auto goes = hn::Ge(number, hn::Set(tag, places[i].seen));
        const auto value = hn::IfThenElseZero(goes, hn::Sub(hn::LoadU(tag, in), hn::LoadU(tag, out)));
        const auto cash = hn::IfThenElseZero(goes, hn::Sub(hn::LoadU(tag, in_cash), hn::LoadU(tag, out + padded)));
        if (telling != nullptr) telling->put(h, value, cash, count - 1 - i);
        add.change(place(i), h, value, cash);
      }
    }
    for (std::size_t i = 0; i < count; ++i) add.count(place(i), static_cast<std::size_t>(places[i].seen), places[i].exposed);
  };
  const AddAnywhere anywhere{*this, ledger, nullptr};
  double* const changes = memory(ledger) + changes_at_;
  if (anywhere.leaf())
    take(anywhere.row(), [&](std::size_t i) { return changes + places[i].changes; });
  else
    take(anywhere, [&](std::size_t i) { return AddAnywhere::Place{lines_[places[i].line], gone.claimed[i].when.lane}; });
}

}  // namespace tailcube
