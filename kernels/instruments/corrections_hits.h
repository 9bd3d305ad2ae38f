#pragma once
// The defaults of a block in the order of Corrections' lines. Included by corrections*.cpp alone.
#include <algorithm>
#include <span>

#include "kernels/instruments/corrections_inl.h"

namespace tailcube {

// Lines whose obligors default, in their order, with their defaults; in three rounds, each of which fetches what the next
// will read while others are at work.
class Corrections::Hits {
 public:
  // `paid`: Schedule::paid of the lines, where they share it.
  Hits(const Corrections& all, const Block& block, const Ledger& ledger, const std::uint16_t* paid = nullptr)
      : all_(all),
        paid_(paid),
        defaults_(block.defaults.data()),
        first_((block.first_default.size() > all.obligors_ ? block.first_default : ledger.scratch_indices).data()) {}

  // correct(line, its defaults) for the lines [line, end).
  template <class Correct>
  void each(std::size_t line, std::size_t end, Correct correct) const {
    constexpr std::size_t rounds = 3;
    Batch batches[rounds];
    for (std::size_t n = 0, empty = 0; empty < rounds - 1; ++n) {
      Batch& last = batches[n % rounds];
      line = take(line, end, last);
      fetch(batches[(n + 2) % rounds]);
      const Batch& first = batches[(n + 1) % rounds];
      for (std::size_t i = 0; i < first.count; ++i) correct(std::size_t{first.hit[i].line}, defaults_of(first.hit[i]));
      if (last.count == 0) ++empty;
    }
  }

  // Of chains, whose lines need what lies about in their order: correct(some defaults) a few lines at a time.
  struct Hit {
    std::uint32_t line, of;  // of lines_; of Block::defaults
  };
  template <class Correct>
  void each_few(std::size_t line, std::size_t end, Correct correct) const {
    Hit hit[few_enough + lanes + always];
    while (line < end) {
      std::size_t count = 0;
      line = take_few(line, end, hit, count);
      correct(std::span<const Hit>(hit, count));
    }
  }

 private:
  static constexpr std::size_t enough = 32, few_enough = 16, always = 4, ahead = 16;
  struct LineHit {
    std::uint32_t line, begin, count;  // of lines_; of Block::defaults
  };
  struct Batch {
    std::size_t count = 0;
    LineHit hit[enough];
  };
  std::span<const Default> defaults_of(const LineHit& hit) const { return {defaults_ + hit.begin, hit.count}; }
  // Takes lines until they are enough; returns the first that is left. Without a branch on whether an obligor defaults,
  // which nobody could guess.
  std::size_t take(std::size_t line, std::size_t end, Batch& batch) const {
    const std::size_t fetched = all_.lines_.size() - std::min(all_.lines_.size(), 2 * ahead);
    const std::uint32_t* const obligor = all_.obligor_of_.data();
    const Line* const lines_of = all_.lines_.data();
    std::size_t count = 0;
    for (; line < end && count < enough; ++line) {
      if (line < fetched) {  // the next chain's too
        corrections::fetch(first_ + obligor[line + 2 * ahead]);
        const std::uint32_t* const soon = first_ + obligor[line + ahead];
        corrections::fetch(defaults_ + soon[0]), corrections::fetch(defaults_ + soon[1]);
      }
      const std::uint32_t begin = first_[obligor[line]], n = first_[obligor[line] + 1] - begin;
      corrections::fetch(lines_of + std::size_t{n > 0} * line);
      batch.hit[count] = {static_cast<std::uint32_t>(line), begin, n};
      count += n > 0;
    }
    batch.count = count;
    return line;
  }
  // As `take`, with a hit for each default, four of a line in any case, and with all fetched ahead.
  std::size_t take_few(std::size_t line, std::size_t end, Hit* hit, std::size_t& count) const {
    const std::size_t fetched = all_.lines_.size() - std::min(all_.lines_.size(), 2 * ahead);
    const std::uint32_t* const obligor = all_.obligor_of_.data();
    const Line* const lines_of = all_.lines_.data();
    const double* const balances = all_.balances_.data();
    std::size_t taken = 0;
    for (; line < end && taken < few_enough; ++line) {
      if (line < fetched) {
        corrections::fetch(first_ + obligor[line + 2 * ahead]), corrections::fetch_once(lines_of + line + 2 * ahead);
        const std::uint32_t* const soon = first_ + obligor[line + ahead];
        corrections::fetch_once(defaults_ + soon[0]), corrections::fetch_once(defaults_ + soon[1]);
        const double* const balance = balances + lines_of[line + ahead].early;
        corrections::fetch_once(balance), corrections::fetch_once(balance + cache_line);
      }
      const std::uint32_t begin = first_[obligor[line]], n = first_[obligor[line] + 1] - begin;
      const auto number = static_cast<std::uint32_t>(line);
      for (std::uint32_t i = 0; i < always; ++i) hit[taken + i] = {number, begin + i};
      for (std::uint32_t i = always; i < n; ++i) hit[taken + i] = {number, begin + i};
      taken += n;
    }
    count = taken;
    return line;
  }
  void fetch(const Batch& batch) const {
    for (std::size_t i = 0; i < batch.count; ++i) fetch(batch.hit[i].line, defaults_of(batch.hit[i]));
  }
  // Where nothing better is known, a balance lies about where it does if a date is paid at every step.
  void fetch(std::size_t line, std::span<const Default> defaults) const {
    constexpr std::size_t few = 4;  // more share what they read
    const Line& l = all_.lines_[line];
    for (const Default& d : defaults.first(std::min(defaults.size(), few))) {
      const std::size_t before = d.step - 1u, unpaid = paid_ == nullptr ? before : paid_[before];
      corrections::fetch(all_.balances_.data() + l.early + (l.level ? 0 : unpaid));
    }
    if (line >= all_.own_end_) return;
    const double* const record = all_.numbers_.data() + l.own.record;
    for (std::size_t i = 0; i < 5 * cache_line; i += cache_line) corrections::fetch(record + i);
  }

  const Corrections& all_;
  const std::uint16_t* paid_;
  const Default* defaults_;
  const std::uint32_t* first_;
};

}  // namespace tailcube
