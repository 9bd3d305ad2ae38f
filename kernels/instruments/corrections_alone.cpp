// Defaulted claims outside chains: each is corrected by its own amounts, a batch of defaults at a time.
#include <algorithm>
#include <array>
#include <cmath>

#include "kernels/instruments/corrections_inl.h"

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

// Defaults that take something away, and how much.
struct Corrections::Gone {
  struct Claim {
    std::uint32_t line, place;  // its place in `numbers`; those that Recovery is asked for come first
    Default when;
    double claim, exposed;  // principal and interest at the default, in the claim's currency and in the job's
  };
  std::vector<Claim> claims;    // in the order in which they are corrected
  std::size_t asked = 0;        // for so many
  std::vector<double> numbers;  // [place]{[valued] promised value, [valued] payments since the valued step before}
};

// By rising step of default, so that branches that follow from it go the same way again and again.
class Corrections::ByStep {
 public:
  explicit ByStep(std::size_t steps) : scale_((buckets << shift) / (steps + 1)) {}
  // Calls f(claim) for each of `asked` claims at most.
  template <class F>
  void each(std::span<Gone::Claim> claims, F f) const {
    std::array<std::uint8_t, asked> order;
    std::array<std::uint32_t, buckets + 1> begin{};
    for (const Gone::Claim& c : claims) ++begin[bucket(c) + 1];
    for (std::size_t b = 1; b <= buckets; ++b) begin[b] += begin[b - 1];
    for (std::size_t i = 0; i < claims.size(); ++i) order[begin[bucket(claims[i])]++] = static_cast<std::uint8_t>(i);
    for (std::size_t i = 0; i < claims.size(); ++i) f(claims[order[i]]);
  }

 private:
  static constexpr std::size_t buckets = 32;
  static_assert(asked <= 256);
  std::size_t bucket(const Gone::Claim& c) const { return c.when.step * scale_ >> shift; }
  static constexpr std::size_t shift = 32;
  std::size_t scale_;
};

// Transposing costs about as much as a correction saves per sixteen factors; either way gives the same bits.
bool Corrections::transposes(const Block& block) const {
  return !alone_.empty() && block.defaults.size() * 16 >= slots_.size() * rows_.valued.size();
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

struct Corrections::Batches final : Kept::Memory {
  std::vector<Gone> all;
  std::size_t count = 0;
};

std::size_t Corrections::bytes_kept() const {
  const std::size_t each = sizeof(Gone::Claim) + 2 * rows_.valued.size() * sizeof(double);
  return alone_.size() * lanes / 10 * each;
}

void Corrections::alone(const Block& block, Ledger& ledger, Kept* kept) const {
  if (alone_.empty()) return;
  if (kept != nullptr && kept->memory == nullptr) kept->memory = std::make_unique<Batches>();
  Batches* const batches = kept == nullptr ? nullptr : static_cast<Batches*>(kept->memory.get());
  if (kept != nullptr && kept->known) {
    for (std::size_t n = 0; n < batches->count; ++n) take_away(batches->all[n], block, ledger);
    return;
  }
  if (batches != nullptr) batches->count = 0;
  const Factors from = factors(block, ledger);
  Gone passing;
  Gone* gone = &passing;
  const auto begin = [&] {
    if (batches != nullptr) {
      if (batches->all.size() == batches->count) batches->all.emplace_back();
      gone = &batches->all[batches->count++];
    }
    gone->claims.clear();
  };
  const auto correct = [&] {
    find_gone(*gone, from, block);
    take_away(*gone, block, ledger);
  };
  begin();
  Hits(*this, block, ledger).each(0, alone_.size(), [&](std::size_t i, const Default& d) {
    if (schedules_[alone_[i].schedule].paid_by(d.step - 1) >= lines_[i].dates) return;  // repaid before
    if (first_valued_[d.step] == rows_.valued.size()) return;
    gone->claims.push_back({static_cast<std::uint32_t>(i), 0, d, 0, 0});
    if (gone->claims.size() < asked) return;
    correct();
    begin();
  });
  correct();
}

void Corrections::find_gone(Gone& gone, const Factors& from, const Block& block) const {
  const std::size_t valued = rows_.valued.size();
  gone.numbers.assign(gone.claims.size() * valued * 2, 0.0);
  Abreast sums;
  std::uint32_t front = 0, back = static_cast<std::uint32_t>(gone.claims.size());
  ByStep(time_years_.size()).each(gone.claims, [&](Gone::Claim& g) {
    const Default& d = g.when;
    const Line& l = lines_[g.line];
    const Alone& a = alone_[g.line];
    const Schedule& s = schedules_[a.schedule];
    const double* const rate = is_none(l.currency) ? nullptr : exchange(block, l.currency, 0) + d.lane;  // [step x lanes]
    const double* const amounts = amounts_.data() + a.amounts;
    g.place = l.at_once ? --back : front++;
    g.claim = claim_at_default(l, s, d.step);
    g.exposed = rate == nullptr ? g.claim : g.claim * rate[std::size_t{d.step} * lanes];
    double* const value = gone.numbers.data() + g.place * valued * 2;
    double* const cash = value + valued;
    std::size_t begin = s.paid_by(d.step - 1);
    for (std::size_t v = first_valued_[d.step]; v < valued; ++v) {
      const std::size_t end = s.paid_by(rows_.valued[v]);
      from.add(s, folded_.data() + a.folded, end, v, d.lane, growth_[g.line * valued + v], value + v, sums);
      double sum = 0;
      if (rate == nullptr)
        for (; begin < end; ++begin) sum += amounts[begin];
      else
        for (; begin < end; ++begin) sum += amounts[begin] * rate[std::size_t{s.step[begin]} * lanes];
      cash[v] = sum;
    }
  });
  sums.finish();
  gone.asked = front;
}

// What a batch of defaults brings in comes, what was promised goes.
void Corrections::take_away(const Gone& gone, const Block& block, Ledger& ledger) const {
  const std::size_t valued = rows_.valued.size();
  double* const come = memory(ledger) + recovery_at_;  // value by place, then cash
  double* const come_cash = come + gone.claims.size() * valued;
  std::fill_n(come, 2 * gone.claims.size() * valued, 0.0);
  std::array<Recovery::Claimed, asked> claimed;
  for (const Gone::Claim& g : gone.claims) claimed[g.place] = {lines_[g.line].position, &g.when, g.claim};
  recovery_.recover({claimed.data(), gone.asked}, block, come, come_cash);
  for (const Gone::Claim& g : gone.claims) {
    const Line& l = lines_[g.line];
    const double* const value = gone.numbers.data() + g.place * valued * 2;
    const double* const missed = value + valued;
    const double* const rate = is_none(l.currency) ? nullptr : exchange(block, l.currency, 0) + g.when.lane;
    add_default(l, g.when.lane, first_valued_[g.when.step], g.exposed, ledger);
    const double* const comes = come + g.place * valued;
    double* const received = come_cash + g.place * valued;
    if (l.at_once)
      std::fill(received + first_valued_[g.when.step], received + valued, (1 - g.when.loss_given_default) * g.exposed);
    for (std::size_t v = 0; v < valued; ++v) {
      const double gone_value =
          rate == nullptr ? value[v] : value[v] * rate[static_cast<std::size_t>(rows_.valued[v]) * lanes];
      const double cash = received[v] - (v == 0 ? 0 : received[v - 1]);
      add_change(l, g.when.lane, v, comes[v] - gone_value, cash - missed[v], ledger);
    }
  }
}

}  // namespace tailcube
