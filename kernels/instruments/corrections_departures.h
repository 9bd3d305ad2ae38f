#pragma once
// Defaults outside chains and in smooth ones, collected and corrected a batch at a time. Included by corrections*.cpp alone.
#include <algorithm>
#include <vector>

#include "kernels/instruments/corrections_hits.h"

namespace tailcube {

namespace corrections {

// The sum of each vector's elements.
inline Vector add_up(Vector a, Vector b, Vector c, Vector e) {
  const Tag d;
  const auto ab = hn::Add(hn::InterleaveLower(d, a, b), hn::InterleaveUpper(d, a, b));
  const auto ce = hn::Add(hn::InterleaveLower(d, c, e), hn::InterleaveUpper(d, c, e));
  return hn::Add(hn::ConcatLowerLower(d, ce, ab), hn::ConcatUpperUpper(d, ce, ab));
}

}  // namespace corrections

// Defaults that take something away, and how much.
struct Corrections::Gone {
  struct Place {
    std::uint32_t line, changes;  // AddToRow::Place, from its rows on
    double seen, exposed;         // AtStep::seen; the claim in the job's currency
  };
  // Room for `asked` of each, in the order in which they are corrected.
  std::vector<Recovery::Claimed> claimed;
  std::vector<Place> places;
  std::vector<double> numbers;  // [padded] promised value; [padded] payments since the valued step before
  std::size_t count = 0;
};

struct Corrections::Batches final : Kept::Memory {
  std::vector<Gone> all;
  std::size_t count = 0;
};

// Collects the defaults of a block and corrects them a batch at a time.
class Corrections::Departures {
 public:
  Departures(const Corrections& all, const Block& block, Ledger& ledger, Batches* keep, Telling* telling)
      : all_(all), block_(block), ledger_(ledger), keep_(keep), telling_(telling), padded_(all.padded()) {
    begin();
  }
  // Room for so many more, `asked` at most.
  void make_room(std::size_t more) {
    if (gone_->count + more > asked) correct(), begin();
  }
  std::size_t count() const { return gone_->count; }
  // Where the next are to be written, of which there is room for some; `fill` says how far that has been done. Their numbers
  // are then to be set.
  struct Room {
    Recovery::Claimed* claimed;
    Gone::Place* place;
  };
  Room room() { return {gone_->claimed.data() + gone_->count, gone_->places.data() + gone_->count}; }
  void fill(const Recovery::Claimed* end) { gone_->count = static_cast<std::size_t>(end - gone_->claimed.data()); }
  const Default& when(std::size_t i) const { return gone_->claimed[i].when; }
  double* promised(std::size_t i) const { return gone_->numbers.data() + 2 * i * padded_; }
  double* missed(std::size_t i) const { return promised(i) + padded_; }
  double claim(std::size_t i) const { return gone_->claimed[i].claim; }
  // Principal and interest at the default, in the claim's currency; its exchange rate [step x lanes], if any.
  void claim(std::size_t i, double amount, const double* rate) {
    gone_->claimed[i].claim = amount;
    gone_->places[i].exposed = rate == nullptr ? amount : amount * rate[std::size_t{when(i).step} * lanes];
  }
  // Of a line: its terms, the sums to multiply them with and how far apart two lanes' are; how a product grows; what is due
  // since the valued step before, at all of them and, of each default, at the first that sees it.
  struct Promise {
    const double *own, *sums;
    std::size_t apart;
    const double *growth, *later, *seen_due;
  };
  // Sets the numbers of the defaults from `first` on, at a few valued steps.
  void promise(std::size_t first, const Promise& p, const Horizons& h) const {
    using namespace corrections;
    static_assert(SmoothAmounts::terms == 16 && Horizons::width == 4);
    constexpr std::size_t terms = SmoothAmounts::terms;
    const Tag tag;
    const auto a = hn::LoadU(tag, p.own), b = hn::LoadU(tag, p.own + 4), c = hn::LoadU(tag, p.own + 8),
               e = hn::LoadU(tag, p.own + 12), growth = hn::LoadU(tag, p.growth), later = hn::LoadU(tag, p.later),
               number = hn::Iota(tag, static_cast<double>(h.begin));
    const std::size_t steps = h.count;
    double* to = promised(first) + h.begin;
    const Recovery::Claimed* claimed = gone_->claimed.data() + first;
    const Gone::Place* place = gone_->places.data() + first;
    const double* seen_due = p.seen_due;
    for (std::size_t n = gone_->count - first; n > 0; --n, ++claimed, ++place, to += 2 * padded_) {
      const double* const sums = p.sums + claimed->when.lane * p.apart;
      const auto product = [&](std::size_t step) {
        if (step >= steps) return hn::Zero(tag);
        const double* const of_step = sums + step * terms;
        auto sum = hn::Mul(a, hn::LoadU(tag, of_step));
        sum = hn::MulAdd(b, hn::LoadU(tag, of_step + 4), sum);
        sum = hn::MulAdd(c, hn::LoadU(tag, of_step + 8), sum);
        return hn::MulAdd(e, hn::LoadU(tag, of_step + 12), sum);
      };
      hn::StoreU(hn::Mul(growth, add_up(product(0), product(1), product(2), product(3))), tag, to);
      const auto seen = hn::Eq(number, hn::Set(tag, place->seen));
      hn::StoreU(hn::IfThenElse(seen, hn::Set(tag, *seen_due++), later), tag, to + padded_);
    }
  }
  void correct() { all_.take_away(*gone_, block_, ledger_, telling_); }
  void begin() {
    if (keep_ != nullptr) {
      if (keep_->all.size() == keep_->count) keep_->all.emplace_back();
      gone_ = &keep_->all[keep_->count++];
    }
    gone_->count = 0;
    gone_->claimed.resize(asked), gone_->places.resize(asked);
    gone_->numbers.resize(2 * asked * padded_);
  }

 private:
  const Corrections& all_;
  const Block& block_;
  Ledger& ledger_;
  Batches* keep_;
  Telling* telling_;
  std::size_t padded_;
  Gone passing_;
  Gone* gone_ = &passing_;
};

// Turns what is promised into the job's currency.
inline void Corrections::convert(const double* rate, double* promised) const {
  for (std::size_t v = 0; v < rows_.valued.size() && rate != nullptr; ++v)
    promised[v] *= rate[static_cast<std::size_t>(rows_.valued[v]) * lanes];
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

}  // namespace tailcube
