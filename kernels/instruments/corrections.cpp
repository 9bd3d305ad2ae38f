#include "kernels/instruments/corrections.h"

#include <hwy/highway.h>

#include <cmath>

#include "kernels/math/functions.h"

namespace tailcube {
namespace {

// sum amount[k] factor(k) for k from `begin`, in four strands: one alone would wait for each addition.
template <class Factor>
double strands(const double* amount, std::size_t begin, std::size_t end, Factor factor) {
  double sum[4] = {};
  std::size_t k = begin;
  for (; k + 4 <= end; k += 4)
    for (std::size_t j = 0; j < 4; ++j) sum[j] = std::fma(amount[k + j], factor(k + j), sum[j]);
  for (std::size_t j = 0; k < end; ++k, ++j) sum[j] = std::fma(amount[k], factor(k), sum[j]);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}
// The same strands, side by side in a vector.
double strands(const double* amount, const double* factor, std::size_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::FixedTag<double, 4> d;
  auto sum = hn::Zero(d);
  std::size_t k = 0;
  for (; k + 4 <= count; k += 4) sum = hn::MulAdd(hn::LoadU(d, amount + k), hn::LoadU(d, factor + k), sum);
  double last[4];
  hn::StoreU(sum, d, last);
  for (std::size_t j = 0; k < count; ++k, ++j) last[j] = std::fma(amount[k], factor[k], last[j]);
  return (last[0] + last[1]) + (last[2] + last[3]);
}
static_assert(HWY_NATIVE_FMA, "AVX2 with FMA is the floor: one rounding per multiply-add");

}  // namespace

struct Corrections::Direct {
  const double* discounts;
  std::size_t valued;
  double promised(const Schedule& s, const double* amount, std::size_t begin, std::size_t v, std::size_t lane) const {
    const double* first = discounts + v * lanes + lane;
    const std::size_t stride = valued * lanes;
    return strands(amount, begin, s.discount.size(), [&](std::size_t k) { return first[s.discount[k] * stride]; });
  }
};
struct Corrections::Transposed {
  const double* factors;  // [lane][valued][slot]
  std::size_t valued, slots;
  double promised(const Schedule& s, const double* amount, std::size_t begin, std::size_t v, std::size_t lane) const {
    const double* first = factors + (lane * valued + v) * slots;
    if (begin == s.slot.size()) return 0;
    if (s.consecutive) return strands(amount + begin, first + s.slot[begin], s.slot.size() - begin);
    return strands(amount, begin, s.slot.size(), [&](std::size_t k) { return first[s.slot[k]]; });
  }
};

Corrections::Corrections(CompiledClaims& claims, const RowSet& rows, const Recovery& recovery, const Positions& positions,
                         const Wiring& wiring)
    : claims_(claims),
      rows_(rows),
      recovery_(recovery),
      by_obligor_(positions.obligor, wiring.obligor_count),
      time_years_(wiring.time_years),
      slots_(claims.schedules.number_slots()) {}

std::size_t Corrections::bytes_per_thread() const {
  return std::size_t{2} * (lanes * slots_.size() + 2) * rows_.valued.size() * sizeof(double);  // a thread has two ledgers
}

// Transposing costs about as much as a correction saves per sixteen factors; either way gives the same bits.
void Corrections::apply(const Block& block, Ledger& ledger) const {
  if (block.defaults.size() * 16 < slots_.size() * rows_.valued.size())
    apply_direct(block, ledger);
  else
    apply_transposed(block, ledger);
}

void Corrections::apply_direct(const Block& block, Ledger& ledger) const {
  const Direct factors{block.discounts.data(), rows_.valued.size()};
  ledger.scratch.resize(2 * rows_.valued.size());
  for (const Default& d : block.defaults)
    for (const std::uint32_t p : by_obligor_[d.obligor]) correct(p, d, factors, block, ledger);
}

// Eight lanes at a time: a cache line of doubles is read once.
void Corrections::apply_transposed(const Block& block, Ledger& ledger) const {
  constexpr std::size_t octet = 8;
  const std::size_t valued = rows_.valued.size(), slots = slots_.size();
  ledger.scratch.resize(2 * valued + lanes * valued * slots);
  double* const table = ledger.scratch.data() + 2 * valued;
  for (std::size_t first = 0; first < lanes; first += octet)
    for (std::size_t v = 0; v < valued; ++v)
      for (std::size_t s = 0; s < slots; ++s) {
        const double* from = block.discounts(slots_[s], static_cast<int>(v)).data() + first;
        double* to = table + (first * valued + v) * slots + s;
        for (std::size_t lane = 0; lane < octet; ++lane) to[lane * valued * slots] = from[lane];
      }
  const Transposed factors{table, valued, slots};
  for (const Default& d : block.defaults)
    for (const std::uint32_t p : by_obligor_[d.obligor]) correct(p, d, factors, block, ledger);
}

// Principal outstanding and interest accrued when the default is seen: what was due after the step before is unpaid.
double Corrections::claim_at_default(const CashFlowLine& line, const Schedule& schedule, int step) const {
  const std::size_t paid = schedule.paid_by(step - 1);
  const double balance = paid == 0 ? line.principal : claims_.early[line.early + paid - 1].balance;
  const double since = paid == 0 ? 0 : schedule.date_years[paid - 1];
  const double until = std::min(time_years_[static_cast<std::size_t>(step)], schedule.date_years.back());
  return balance + balance * line.interest * (until - since);
}

template <class Factors>
void Corrections::correct(std::uint32_t position, const Default& d, const Factors& factors, const Block& block,
                          Ledger& ledger) const {
  const CashFlowLine& line = claims_.lines[position];
  const Schedule& schedule = claims_.schedules[line.schedule];
  std::size_t unpaid = schedule.paid_by(d.step - 1);
  if (unpaid == schedule.step.size()) return;  // repaid before
  const std::size_t lane = d.lane;
  const double claim = claim_at_default(line, schedule, d.step);
  const double exposed = claim * exchange(block, line.currency, d.step)[lane];
  double *const value = ledger.scratch.data(), *const cash = value + rows_.valued.size();
  std::fill_n(value, 2 * rows_.valued.size(), 0.0);
  recovery_.recover(position, d, claim, block, value, cash);
  double missed = 0;
  for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
    const int h = rows_.valued[v];
    if (h < d.step) continue;
    for (; unpaid < schedule.step.size() && schedule.step[unpaid] <= h; ++unpaid)
      missed += claims_.early[line.early + unpaid].amount * exchange(block, line.currency, schedule.step[unpaid])[lane];
    const double promised = factors.promised(schedule, claims_.folded.data() + line.folded, unpaid, v, lane);
    const double growth = line.spread == 0 ? 1 : exp(line.spread * time_years_[static_cast<std::size_t>(h)]);
    const double removed = promised * growth * exchange(block, line.currency, h)[lane];
    const int at = static_cast<int>(v);
    const RowIndex row = rows_.row(line.row);
    ledger.value(row, at)[lane] += value[v] - removed;
    ledger.cash(row, at)[lane] += cash[v] - missed;
    ledger.credit_loss(row, at)[lane] += removed + missed - (value[v] + cash[v]);
    ledger.gauges(rows_.gauge(line.row, defaults), at)[lane] += 1;
    ledger.gauges(rows_.gauge(line.row, defaulted_exposure), at)[lane] += exposed;
  }
}

}  // namespace tailcube
