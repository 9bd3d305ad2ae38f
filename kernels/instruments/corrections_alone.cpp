// Defaulted claims outside chains, corrected by their own amounts, and in smooth ones, by their terms; a batch of defaults
// at a time.
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

// The sum of each vector's elements.
inline Vector add_up(Vector a, Vector b, Vector c, Vector e) {
  const Tag d;
  const auto ab = hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  const auto ce = hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e));
  return hn::Add(hn::ConcatLowerLower(d, ce, ab), hn::ConcatUpperUpper(d, ce, ab));
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
    std::uint32_t line, place;  // among those that Recovery is asked for; none: not asked
    Default when;
    double claim, exposed;
    void set(double amount, const double* rate);
  };
  std::vector<Claim> claims;    // in the order in which they are corrected
  std::uint32_t asked = 0;      // Recovery is asked for so many
  std::vector<double> numbers;  // of each claim: [valued] promised value; [valued] payments since the valued step before
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

struct Corrections::Batches final : Kept::Memory {
  std::vector<Gone> all;
  std::size_t count = 0;
};

std::size_t Corrections::bytes_kept() const {
  const std::size_t each = sizeof(Gone::Claim) + 2 * rows_.valued.size() * sizeof(double);
  return own_end_ * lanes / 10 * each;
}

// Collects the defaults of a block and corrects them a batch at a time.
class Corrections::Departures {
 public:
  Departures(const Corrections& all, const Block& block, Ledger& ledger, Batches* keep, Telling* telling)
      : all_(all),
        block_(block),
        ledger_(ledger),
        keep_(keep),
        telling_(telling),
        numbers_each_(2 * all.rows_.valued.size()) {
    begin();
  }
  struct Departure {
    Gone::Claim* claim;  // to be completed
    double* numbers;     // as in Gone
  };
  HWY_INLINE Departure add(std::size_t line, bool at_once, const Default& d) {
    if (gone_->claims.size() == asked) correct(), begin();
    const std::size_t place = gone_->claims.size() * numbers_each_;
    gone_->claims.push_back({static_cast<std::uint32_t>(line), at_once ? none : 0, d, 0, 0});
    return {&gone_->claims.back(), gone_->numbers.data() + place};
  }
  void correct() {
    gone_->asked = 0;
    ByStep(all_.time_years_.size()).each(gone_->claims, [&](Gone::Claim& g) {
      if (g.place != none) g.place = gone_->asked++;
    });
    all_.take_away(*gone_, block_, ledger_, telling_);
  }
  void begin() {
    if (keep_ != nullptr) {
      if (keep_->all.size() == keep_->count) keep_->all.emplace_back();
      gone_ = &keep_->all[keep_->count++];
    }
    gone_->claims.clear();
    gone_->claims.reserve(asked);
    gone_->numbers.resize(asked * numbers_each_ + Horizons::width);
  }

 private:
  const Corrections& all_;
  const Block& block_;
  Ledger& ledger_;
  Batches* keep_;
  Telling* telling_;
  std::size_t numbers_each_;
  Gone passing_;
  Gone* gone_ = &passing_;
};

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

// Principal and interest at the default, in the claim's currency and in the job's.
inline void Corrections::Gone::Claim::set(double amount, const double* rate) {
  claim = amount;
  exposed = rate == nullptr ? amount : amount * rate[std::size_t{when.step} * lanes];
}

// Adds what a revolver's claim has on top; what is drawn counts as missed when the default is seen.
template <class Claim>  // Gone::Claim
void Corrections::draw(const Line& l, const double* rate, Claim& claim, double* missed) const {
  const std::size_t step = claim.when.step;
  const Commitment more = commitment(l, claim.when.step);
  missed[first_valued_[step]] += rate == nullptr ? more.drawn : more.drawn * rate[step * lanes];
  claim.set(claim.claim + more.fee + more.drawn, rate);
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
  const double* const date_years = s.date_years.data();
  double* const sums = memory(ledger) + work_at_;
  std::fill_n(sums, smooth_doubles(), 0.0);
  std::size_t k = static_cast<std::size_t>(
      std::find_if(s.discount.begin(), s.discount.end(), [](std::uint32_t d) { return d != none; }) - s.discount.begin());
  const Tag tag;
  Hits(*this, block, ledger, s.paid.data()).each(chain.begin, chain.end, [&](std::size_t i, const Default& d) {
    const Line& l = lines_[i];
    const std::uint32_t dates = l.dates;
    const AtStep& at = chain.at_step[d.step];
    if (at.paid_before >= dates || at.seen == static_cast<double>(valued)) return;  // repaid before
    if (k < dates) {
      add_dates(block.discounts.data(), std::span(s.discount).subspan(k, dates - k), chain.basis.data() + k * terms, valued,
                sums);
      k = dates;
    }
    const auto [claim, promised] = departures.add(i, l.at_once, d);
    const double *const record = numbers_.data() + l.own.record, *const own = record + l.own.amounts;
    const double* const of_lane = sums + d.lane * valued * terms;
    for (const Horizons& h : horizons_) {
      const double* const of_horizon = of_lane + h.begin * terms;
      const auto product = [&](std::size_t step) {
        if (step >= h.count) return hn::Zero(tag);
        const double* const to = of_horizon + step * terms;
        auto sum = hn::Mul(hn::LoadU(tag, own), hn::LoadU(tag, to));
        sum = hn::MulAdd(hn::LoadU(tag, own + 4), hn::LoadU(tag, to + 4), sum);
        sum = hn::MulAdd(hn::LoadU(tag, own + 8), hn::LoadU(tag, to + 8), sum);
        return hn::MulAdd(hn::LoadU(tag, own + 12), hn::LoadU(tag, to + 12), sum);
      };
      static_assert(terms == 16 && Horizons::width == 4);
      const auto all = add_up(product(0), product(1), product(2), product(3));
      const auto growth = hn::LoadU(tag, record + h.begin);
      hn::StoreU(hn::Mul(growth, all), tag, promised + h.begin);
    }
    const double* const rate = is_none(l.currency) ? nullptr : exchange(block, l.currency, 0) + d.lane;  // [step x lanes]
    if (l.capitalises) {
      claim->set(claim_at_default(l, s, d.step), rate);
    } else {
      const double owed = balance(l, at.paid_before), years = std::min(at.time, date_years[dates - 1]) - at.since;
      claim->set(owed + owed * l.interest * years, rate);
    }
    missed(record + valued, dates, at.paid_before, chain.paid.data(), s, rate, promised + valued);
    if (l.revolves) [[unlikely]]
      draw(l, rate, *claim, promised + valued);
  });
}

// Payments from date `unpaid` on, by valued step; `due`: sums over the dates before; `paid`: 0, then dates by valued step.
inline void Corrections::missed(const double* due, std::uint32_t dates, std::uint32_t unpaid, const std::uint32_t* paid,
                                const Schedule& s, const double* rate, double* out) const {
  for (std::size_t v = 0; v < rows_.valued.size(); ++v) {
    const std::uint32_t begin = std::max(std::min(paid[v], dates), unpaid),
                        end = std::max(std::min(paid[v + 1], dates), begin);
    out[v] = due[end] - due[begin];
    if (rate == nullptr) continue;
    out[v] = 0;
    for (std::uint32_t k = begin; k < end; ++k) out[v] += (due[k + 1] - due[k]) * rate[std::size_t{s.step[k]} * lanes];
  }
}

void Corrections::outside(const Block& block, Ledger& ledger, Departures& departures) const {
  const std::size_t valued = rows_.valued.size();
  const Factors from = factors(block, ledger);
  std::vector<std::uint32_t> paid(valued + 1);
  Hits(*this, block, ledger).each(smooth_end_, own_end_, [&](std::size_t i, const Default& d) {
    const Line& l = lines_[i];
    const Schedule& s = schedules_[l.own.schedule];
    const double* const record = numbers_.data() + l.own.record;
    const auto unpaid = static_cast<std::uint32_t>(s.paid_by(d.step - 1));
    if (unpaid >= l.dates || first_valued_[d.step] == valued) return;  // repaid before
    const auto [claim, promised] = departures.add(i, l.at_once, d);
    const double* const rate = is_none(l.currency) ? nullptr : exchange(block, l.currency, 0) + d.lane;
    claim->set(claim_at_default(l, s, d.step), rate);
    for (std::size_t v = 0; v < valued; ++v) paid[v + 1] = static_cast<std::uint32_t>(s.paid_by(rows_.valued[v]));
    Abreast sums;
    for (std::size_t v = 0; v < valued; ++v) {
      promised[v] = 0;
      if (v >= first_valued_[d.step])
        from.add(s, record + l.own.amounts, paid[v + 1], v, d.lane, record[v], promised + v, sums);
    }
    sums.finish();
    missed(record + valued, l.dates, unpaid, paid.data(), s, rate, promised + valued);
    if (l.revolves) [[unlikely]]
      draw(l, rate, *claim, promised + valued);
  });
}

// What a batch of defaults brings in comes, what was promised goes.
void Corrections::take_away(const Gone& gone, const Block& block, Ledger& ledger, Telling* telling) const {
  const std::size_t valued = rows_.valued.size();
  double* const come = memory(ledger) + recovery_at_;  // value by place, then cash
  double* const come_cash = come + gone.asked * valued + Horizons::width;
  std::array<Recovery::Claimed, asked> claimed;
  for (const Gone::Claim& g : gone.claims)
    if (g.place != none) claimed[g.place] = {lines_[g.line].position, &g.when, g.claim};
  recovery_.recover({claimed.data(), gone.asked}, block, come, come_cash);
  const Tag tag;
  const auto one = hn::Set(tag, 1.0);
  const double* numbers = gone.numbers.data();
  for (const Gone::Claim& g : gone.claims) {
    const Line& l = lines_[g.line];
    const std::size_t lane = g.when.lane, first = first_valued_[g.when.step];
    if (telling != nullptr) telling->begin(l, lane);
    const auto seen = hn::Set(tag, static_cast<double>(first)), exposed = hn::Set(tag, g.exposed);
    for (std::size_t i = first / Horizons::width; i < horizons_.size(); ++i) {
      const Horizons& h = horizons_[i];
      const auto number = hn::Iota(tag, static_cast<double>(h.begin)), missed = hn::LoadU(tag, numbers + valued + h.begin);
      const auto now = hn::Eq(number, seen), goes = hn::Ge(number, seen);
      auto promised = hn::LoadU(tag, numbers + h.begin), value = hn::Zero(tag), cash = value;
      if (!is_none(l.currency)) promised = hn::Mul(promised, gather(exchange(block, l.currency, 0) + lane, h.step));
      if (g.place == none) {
        cash = hn::IfThenElseZero(now, hn::Mul(hn::Set(tag, 1 - g.when.loss_given_default), exposed));
      } else {
        value = hn::LoadU(tag, come + g.place * valued + h.begin);
        cash = hn::LoadU(tag, come_cash + g.place * valued + h.begin);
      }
      add_changes(l, lane, h, hn::IfThenElseZero(goes, hn::Sub(value, promised)),
                  hn::IfThenElseZero(goes, hn::Sub(cash, missed)), hn::IfThenElseZero(now, one),
                  hn::IfThenElseZero(now, exposed), ledger, telling);
    }
    numbers += 2 * valued;
  }
}

}  // namespace tailcube
