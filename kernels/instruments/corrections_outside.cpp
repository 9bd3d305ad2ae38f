// Defaulted claims outside chains, corrected by their own amounts.
#include <algorithm>
#include <cmath>

#include "kernels/instruments/corrections_departures.h"

namespace tailcube {

using namespace corrections;

namespace {

// The strands of corrections::strands, side by side in a vector; `sum` has those of the first `k`, a multiple of four.
inline double strands(const double* amount, const double* factor, std::size_t count, std::size_t k, Vector sum) {
  const Tag d;
  for (; k + 4 <= count; k += 4) sum = hn::MulAdd(hn::LoadU(d, amount + k), hn::LoadU(d, factor + k), sum);
  alignas(32) double last[4];
  hn::Store(sum, d, last);
  for (std::size_t j = 0; k < count; ++k, ++j) last[j] = std::fma(amount[k], factor[k], last[j]);
  return (last[0] + last[1]) + (last[2] + last[3]);
}

// Sums of amounts times discount factors. Each adds up in four strands, side by side in a vector; one would wait for its own
// additions, so four of about one length run abreast. A sum has the same bits in whichever company.
class Abreast {
 public:
  void add(const double* amount, const double* factor, std::size_t count, double scale, double* out) {
    amount_[taken_] = amount, factor_[taken_] = factor, count_[taken_] = count, scale_[taken_] = scale, out_[taken_] = out;
    if (++taken_ == width) finish();
  }
  void finish() {
    for (; taken_ < width; ++taken_) {
      if (taken_ == 0) return;
      amount_[taken_] = amount_[0], factor_[taken_] = factor_[0], count_[taken_] = count_[0], scale_[taken_] = scale_[0];
      out_[taken_] = &ignored_;
    }
    const Tag d;
    const std::size_t common = std::min({count_[0], count_[1], count_[2], count_[3]}) / 4 * 4;
    auto a = hn::Zero(d), b = a, c = a, e = a;
    for (std::size_t k = 0; k < common; k += 4) {
      a = hn::MulAdd(hn::LoadU(d, amount_[0] + k), hn::LoadU(d, factor_[0] + k), a);
      b = hn::MulAdd(hn::LoadU(d, amount_[1] + k), hn::LoadU(d, factor_[1] + k), b);
      c = hn::MulAdd(hn::LoadU(d, amount_[2] + k), hn::LoadU(d, factor_[2] + k), c);
      e = hn::MulAdd(hn::LoadU(d, amount_[3] + k), hn::LoadU(d, factor_[3] + k), e);
    }
    const Vector so_far[width] = {a, b, c, e};
    for (std::size_t i = 0; i < width; ++i)
      *out_[i] = scale_[i] * strands(amount_[i], factor_[i], count_[i], common, so_far[i]);
    taken_ = 0;
  }

 private:
  static constexpr std::size_t width = 4;
  std::size_t taken_ = 0;
  const double *amount_[width], *factor_[width];
  std::size_t count_[width];
  double scale_[width], ignored_;
  double* out_[width];
};

}  // namespace

// Discount factors: where Block::discounts has them, or transposed in scratch memory, so that a position's lie close
// together.
struct Corrections::Factors {
  const double* direct;      // [DiscountIndex][valued][lane]
  const double* transposed;  // [lane][valued][slot]; none: direct
  std::size_t valued, slots;

  // *out = scale x sum of amount x factor over the dates from `begin`, not before sums.finish().
  void add(const Schedule& s, const double* amount, std::size_t begin, std::size_t v, std::size_t lane, double scale,
           double* out, Abreast& sums) const {
    const std::size_t dates = s.slot.size();
    if (transposed == nullptr) {
      const double* const first = direct + v * lanes + lane;
      *out = scale * strands(amount, begin, dates, [&](std::size_t k) { return first[s.discount[k] * valued * lanes]; });
      return;
    }
    const double* const first = transposed + (lane * valued + v) * slots;
    if (begin == dates)
      *out = scale * 0.0;
    else if (s.consecutive)
      sums.add(amount + begin, first + s.slot[begin], dates - begin, scale, out);
    else
      *out = scale * strands(amount, begin, dates, [&](std::size_t k) { return first[s.slot[k]]; });
  }
};

// Transposing costs about as much as a correction saves per sixteen factors; either way gives the same bits.
bool Corrections::transposes(const Block& block) const {
  return own_end_ > smooth_end_ && block.defaults.size() * 16 >= slots_.size() * rows_.valued.size();
}

Corrections::Factors Corrections::factors(const Block& block, Ledger& ledger) const {
  const std::size_t valued = rows_.valued.size(), slots = slots_.size();
  if (!transposes(block)) return {block.discounts.data(), nullptr, valued, slots};
  // Eight lanes at a time: a cache line of doubles is read once.
  constexpr std::size_t octet = 8;
  double* const table = memory(ledger) + work_at_;
  for (std::size_t first = 0; first < lanes; first += octet)
    for (std::size_t v = 0; v < valued; ++v)
      for (std::size_t s = 0; s < slots; ++s) {
        const double* from = block.discounts(slots_[s], static_cast<int>(v)).data() + first;
        double* to = table + (first * valued + v) * slots + s;
        for (std::size_t lane = 0; lane < octet; ++lane) to[lane * valued * slots] = from[lane];
      }
  return {nullptr, table, valued, slots};
}

void Corrections::outside(const Block& block, Ledger& ledger, Departures& departures) const {
  const std::size_t valued = rows_.valued.size();
  const Factors from = factors(block, ledger);
  std::vector<std::uint32_t> paid(valued + 1);
  const auto correct = [&](std::size_t i, const Default& d) {
    const Line& l = lines_[i];
    const Schedule& s = schedules_[l.own.schedule];
    const double* const record = numbers_.data() + l.own.record;
    const auto unpaid = static_cast<std::uint32_t>(s.paid_by(d.step - 1));
    if (unpaid >= l.dates || first_valued_[d.step] == valued) return;  // repaid before
    departures.make_room(1);
    const std::size_t n = departures.count();
    auto [claimed, place] = departures.room();
    *claimed = {d, 0, l.position};
    *place = {static_cast<std::uint32_t>(i), (l.row * lanes + d.lane) * static_cast<std::uint32_t>(4 * valued),
              static_cast<double>(first_valued_[d.step]), 0};
    departures.fill(claimed + 1);
    double* const promised = departures.promised(n);
    const double* const rate = is_none(l.currency) ? nullptr : exchange(block, l.currency, 0) + d.lane;
    departures.claim(n, claim_at_default(l, s, d.step), rate);
    for (std::size_t v = 0; v < valued; ++v) paid[v + 1] = static_cast<std::uint32_t>(s.paid_by(rows_.valued[v]));
    Abreast sums;
    for (std::size_t v = 0; v < valued; ++v) {
      promised[v] = 0;
      if (v >= first_valued_[d.step])
        from.add(s, record + l.own.amounts, paid[v + 1], v, d.lane, record[v], promised + v, sums);
    }
    sums.finish();
    convert(rate, promised);
    missed(record + valued, l.dates, unpaid, paid.data(), s, rate, departures.missed(n));
    if (l.revolves) [[unlikely]]
      draw(l, rate, n, departures);
  };
  Hits(*this, block, ledger).each(smooth_end_, own_end_, [&](std::size_t i, std::span<const Default> hits) {
    for (const Default& d : hits) correct(i, d);
  });
}

}  // namespace tailcube
