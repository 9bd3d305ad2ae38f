#include "kernels/tally/histogram.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <stdexcept>

namespace tailcube {
namespace {

struct Place {
  std::int64_t key;
  std::uint64_t offset;  // distance from the bin's edge nearest to zero
};

inline Place place(Units loss, int bits) {
  const std::int64_t sign = loss >> 63;                    // -1 for gains
  const auto u = static_cast<std::uint64_t>(loss ^ sign);  // |loss|, minus one for gains
  const int shift = 63 - std::countl_zero(u | (std::uint64_t{1} << bits)) - bits;
  const std::int64_t key = (std::int64_t{shift} << bits) + static_cast<std::int64_t>(u >> shift);
  return {key ^ sign, u & ((std::uint64_t{1} << shift) - 1)};
}

// The smallest u of the bin, for keys that are not negative.
std::uint64_t edge(std::int64_t key, int bits) {
  const std::int64_t shift = std::max<std::int64_t>(0, (key >> bits) - 1);
  return static_cast<std::uint64_t>(key - (shift << bits)) << shift;
}

[[noreturn]] void bin_overflow() {
  throw std::overflow_error("the sum of a histogram bin exceeds 63 bits: use a coarser loss unit");
}

}  // namespace

std::int64_t Histogram::key(Units loss, int bits) { return place(loss, bits).key; }

Units Histogram::lowest(std::int64_t key, int bits) {
  return static_cast<Units>(key >= 0 ? edge(key, bits) : std::uint64_t{0} - edge(~key + 1, bits));
}

Units Histogram::highest(std::int64_t key, int bits) {
  return static_cast<Units>(key >= 0 ? edge(key + 1, bits) - 1 : std::uint64_t{0} - edge(~key, bits) - 1);
}

std::int64_t Histogram::coarser(std::int64_t key, int bits, int to_bits) { return place(lowest(key, bits), to_bits).key; }

template <bool sums>
void Histogram::add_plain(std::span<const Units> losses) {
  // Members stay in registers, and overflow is looked for once, by the sign bit: an offset is below 2^(63-bits), so that a
  // sum passes through the negative half before it could wrap round unseen.
  const int bits = bits_;
  std::uint32_t* count = count_.data();
  std::int64_t* offset = offset_.data();
  std::size_t size = count_.size();
  std::int64_t first = first_, wrapped = 0;
  for (const Units loss : losses) {
    const Place p = place(loss, bits);
    auto i = static_cast<std::size_t>(p.key - first);
    if (i >= size) [[unlikely]] {
      grow(p.key);
      count = count_.data(), offset = offset_.data(), size = count_.size(), first = first_;
      i = static_cast<std::size_t>(p.key - first);
    }
    ++count[i];
    if constexpr (sums) {
      const std::uint64_t sum = static_cast<std::uint64_t>(offset[i]) + p.offset;
      offset[i] = static_cast<std::int64_t>(sum);
      wrapped |= static_cast<std::int64_t>(sum);
    }
  }
  if (wrapped < 0) bin_overflow();
}

void Histogram::add(std::span<const Units> losses, std::span<const std::int64_t> weights) {
  total_ += static_cast<std::int64_t>(losses.size());
  if (total_ > std::numeric_limits<std::uint32_t>::max()) throw std::overflow_error("a tally has seen 2^32 scenarios");
  if (!weights.empty()) start_weights();
  if (with_sums_)
    add_plain<true>(losses);
  else
    add_plain<false>(losses);
  if (weighted_)
    for (std::size_t s = 0; s < losses.size(); ++s)
      weight_[static_cast<std::size_t>(key(losses[s], bits_) - first_)] += weights.empty() ? unit_weight : weights[s];
}

void Histogram::start_weights() {  // what came before had weight one
  if (weighted_) return;
  weighted_ = true;
  weight_.assign(count_.begin(), count_.end());
  for (Wide& w : weight_) w *= unit_weight;
}

void Histogram::merge(const Histogram& other) {
  if (other.bits_ != bits_ || other.with_sums_ != with_sums_) throw std::invalid_argument("histograms with different bins");
  if (other.count_.empty()) return;
  cover(other.first_, other.last());
  total_ += other.total_;
  if (total_ > std::numeric_limits<std::uint32_t>::max()) throw std::overflow_error("a tally has seen 2^32 scenarios");
  if (other.weighted_) start_weights();
  const auto at = static_cast<std::size_t>(other.first_ - first_);
  for (std::size_t i = 0; i < other.count_.size(); ++i) {
    count_[at + i] += other.count_[i];
    if (weighted_) weight_[at + i] += other.weighted_ ? other.weight_[i] : Wide{other.count_[i]} * unit_weight;
    if (with_sums_ && __builtin_add_overflow(offset_[at + i], other.offset_[i], &offset_[at + i])) bin_overflow();
  }
}

void Histogram::grow(std::int64_t key) {
  const std::int64_t octave = std::int64_t{1} << bits_, low = (key >> bits_) * octave;
  cover(low, low + octave);
}

void Histogram::cover(std::int64_t begin, std::int64_t end) {
  if (!count_.empty()) begin = std::min(begin, first_), end = std::max(end, last());
  const auto size = static_cast<std::size_t>(end - begin);
  if (size == count_.size()) return;
  // Exactly as large as needed: the growth of a vector would cost up to twice the planned memory.
  const auto resized = [&](auto& bins) {
    std::remove_reference_t<decltype(bins)> larger(size);
    std::copy(bins.begin(), bins.end(), larger.begin() + (count_.empty() ? 0 : first_ - begin));
    return larger;
  };
  if (with_sums_) offset_ = resized(offset_);
  if (weighted_) weight_ = resized(weight_);
  auto counts = resized(count_);
  count_.swap(counts);
  first_ = begin;
}

std::vector<Histogram::Bin> Histogram::occupied() const {
  std::vector<Bin> out;
  for (std::size_t i = 0; i < count_.size(); ++i) {
    const Wide count = count_[i];
    if (count == 0) continue;
    Bin bin{first_ + static_cast<std::int64_t>(i), count_[i], 0, weighted_ ? weight_[i] : count * unit_weight};
    if (with_sums_) {
      const Wide from_edge = count * static_cast<Wide>(edge(bin.key >= 0 ? bin.key : ~bin.key, bits_)) + offset_[i];
      bin.sum = bin.key >= 0 ? from_edge : -from_edge - count;
    }
    out.push_back(bin);
  }
  return out;
}

std::size_t Histogram::bytes() const {
  return count_.capacity() * sizeof(count_[0]) + offset_.capacity() * sizeof(offset_[0]) +
         weight_.capacity() * sizeof(weight_[0]);
}

std::size_t Histogram::bytes_bound(int bits, bool with_sums, Units largest) {
  const std::int64_t losses = (key(largest, bits) >> bits) + 1,
                     gains = largest > 0 ? (key(largest - 1, bits) >> bits) + 1 : 0;
  return (static_cast<std::size_t>(losses + gains) << bits) *
         (sizeof(std::uint32_t) + (with_sums ? sizeof(std::int64_t) : 0));
}

}  // namespace tailcube
