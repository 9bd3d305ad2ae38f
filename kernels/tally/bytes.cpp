// The byte form of tallies: a marker with a version, shape, settings, contents, checksum; every number little endian.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/tally/byte_stream.h"
#include "kernels/tally/tally.h"

namespace tailcube {
namespace {

constexpr std::uint64_t marker = 0x3159'4c4c'4154'4354;  // "TCTALLY1"; the last character is the version
constexpr std::int64_t most_scenarios = (std::int64_t{1} << 32) - 1;

int extent(ByteReader& in) {
  const auto n = in.get<std::int32_t>();
  require_bytes(n >= 0, "an extent is negative");
  return n;
}

}  // namespace

struct TallyBytes {
  static void put(ByteWriter& out, const Moments& m) {
    for (const std::int64_t x : {m.count, m.positive}) out.put(x);
    for (const Wide x : {m.weight, m.weight_squared, m.positive_weight, m.positive_weight_squared, m.sum, m.sum_of_squares,
                         m.weighted_squares})
      out.put(x);
  }
  static constexpr std::size_t moments_size = 2 * 8 + 7 * 16;
  static void get(ByteReader& in, Moments& m) {
    for (std::int64_t* x : {&m.count, &m.positive}) *x = in.get<std::int64_t>();
    for (Wide* x : {&m.weight, &m.weight_squared, &m.positive_weight, &m.positive_weight_squared, &m.sum, &m.sum_of_squares,
                    &m.weighted_squares})
      *x = in.get<Wide>();
    require_bytes(m.count >= 0 && m.count <= most_scenarios && m.positive >= 0 && m.positive <= m.count,
                  "impossible counts");
    require_bytes(m.weight >= 0 && m.weight_squared >= 0 && m.positive_weight >= 0 && m.positive_weight_squared >= 0 &&
                      m.sum_of_squares >= 0 && m.weighted_squares >= 0,
                  "a negative sum of squares or weights");
  }

  static void put(ByteWriter& out, const Histogram& h) {  // from the first to the last occupied bin
    std::size_t begin = 0, end = h.count_.size();
    while (begin < end && h.count_[begin] == 0) ++begin;
    while (begin < end && h.count_[end - 1] == 0) --end;
    out.put(std::uint8_t{h.weighted_});
    out.put(begin == end ? std::int64_t{0} : h.first_ + static_cast<std::int64_t>(begin));
    out.put(std::uint64_t{end - begin});
    for (std::size_t i = begin; i < end; ++i) {
      out.put(h.count_[i]);
      if (h.with_sums_) out.put(h.offset_[i]);
      if (h.weighted_) out.put(h.weight_[i]);
    }
  }
  static void get(ByteReader& in, Histogram& h, std::int64_t scenarios) {
    h.weighted_ = flag(in);
    const auto first = in.get<std::int64_t>();
    const std::size_t size = in.count(sizeof(std::uint32_t) + (h.with_sums_ ? 8 : 0) + (h.weighted_ ? 16 : 0));
    const std::int64_t limit = Histogram::key((Units{1} << 62) - 1, h.bits_) + 1;
    require_bytes(first >= -limit && first <= limit && size <= static_cast<std::size_t>(limit - first),
                  "a bin out of range");
    if (size > 0) h.grow(first), h.grow(first + static_cast<std::int64_t>(size) - 1);
    for (std::size_t k = 0; k < size; ++k) {
      const std::size_t i = static_cast<std::size_t>(first - h.first_) + k;
      h.count_[i] = in.get<std::uint32_t>();
      h.total_ += h.count_[i];
      if (h.with_sums_) h.offset_[i] = in.get<std::int64_t>();
      if (h.weighted_) h.weight_[i] = in.get<Wide>();
      require_bytes((!h.with_sums_ || h.offset_[i] >= 0) && (!h.weighted_ || h.weight_[i] >= 0), "a negative bin");
    }
    require_bytes(h.total_ == scenarios, "a histogram that does not hold every scenario");
  }

  static void put(ByteWriter& out, Tail& t) {
    const Tail::Worst worst = t.worst();
    out.put(std::uint8_t{t.weighted_});
    out.put(t.seen_);
    out.put(worst.repeated);
    out.put(std::uint64_t{worst.size()});
    for (const Units x : worst.loss) out.put(x);
    for (const std::uint32_t s : worst.scenario) out.put(s);
    for (const std::int64_t w : worst.weight) out.put(w);
  }
  static void get(ByteReader& in, Tail& t, std::int64_t scenarios) {
    const bool weighted = flag(in);
    t.seen_ = in.get<std::int64_t>();
    t.unlisted_ = in.get<std::int64_t>();
    const std::size_t size = in.count(sizeof(Units) + sizeof(std::uint32_t) + (weighted ? sizeof(std::int64_t) : 0));
    require_bytes(t.seen_ == scenarios && size <= static_cast<std::size_t>(t.seen_),
                  "a tail with another number of scenarios");
    if (weighted) t.start_weights();
    t.resize(size);
    t.size_ = size;
    for (Units& x : t.loss_) x = in.get<Units>();
    for (std::uint32_t& s : t.scenario_) s = in.get<std::uint32_t>();
    for (std::int64_t& w : t.weight_) w = in.get<std::int64_t>();
    for (std::size_t i = 0; i < size; ++i) {
      const Tail::Mark mark{t.loss_[i], t.scenario_[i]};
      require_bytes(i == 0 || Tail::Mark{t.loss_[i - 1], t.scenario_[i - 1]}.precedes(mark), "a tail out of order");
      require_bytes(std::abs(mark.loss / 2) < Units{1} << 61, "a loss out of range");
      require_bytes(!weighted || t.weight_[i] >= 0, "a negative weight");
    }
    t.sorted_ = true;
    t.cut_ = static_cast<std::int64_t>(size) < t.seen_;
    require_bytes(t.unlisted_ >= 0 && t.unlisted_ <= t.seen_ - static_cast<std::int64_t>(size),
                  "a tail that repeats too often");
    require_bytes(!t.cut_ || size > 0, "an empty tail");
    if (t.cut_) t.floor_ = {t.loss_.back(), t.scenario_.back()};
  }

  static bool flag(ByteReader& in) {
    const auto value = in.get<std::uint8_t>();
    require_bytes(value <= 1, "a flag that is neither 0 nor 1");
    return value == 1;
  }
};

namespace {

void put_header(ByteWriter& out, const Shape& s, const TallySettings& t) {
  out.put(marker);
  for (const int n : {s.replicates, s.cells, s.quantities, s.nodes, s.horizons, s.gauges}) out.put(n);
  out.put(std::uint8_t{t.binned});
  for (const std::int64_t x : {t.keep.alpha_numerator, t.keep.alpha_denominator, t.keep.at_least}) out.put(x);
  out.put(std::uint8_t{t.keep.grows});
}

TallySettings get_settings(ByteReader& in) {
  TallySettings t;
  t.binned = TallyBytes::flag(in);
  for (std::int64_t* x : {&t.keep.alpha_numerator, &t.keep.alpha_denominator, &t.keep.at_least}) *x = in.get<std::int64_t>();
  t.keep.grows = TallyBytes::flag(in);
  constexpr std::int64_t limit = std::int64_t{1} << 62;
  require_bytes(t.keep.alpha_denominator > 0 && t.keep.alpha_denominator < limit && t.keep.alpha_numerator >= 0 &&
                    t.keep.alpha_numerator <= t.keep.alpha_denominator && t.keep.at_least > 0 &&
                    t.keep.at_least <= most_scenarios,
                "impossible settings");
  return t;
}

// Extents from bytes: their product must be backed by as many bytes, before anything is allocated.
std::size_t checked(ByteReader& in, std::initializer_list<int> extents, std::size_t size) {
  UnsignedWide n = 1;
  for (const int extent : extents) {
    n *= static_cast<unsigned>(extent);
    if (n > std::numeric_limits<std::uint32_t>::max()) refuse_bytes("it is too large");
  }
  require_bytes(static_cast<std::size_t>(n) <= in.left() / size, "it ends too early");
  return static_cast<std::size_t>(n);
}

}  // namespace

std::uint64_t tally_checksum(std::span<const std::byte> bytes) {
  // Eight bytes a step, which is a bijection of the state for given bytes and of the bytes for a given state.
  std::uint64_t state = 0x9e37'79b9'7f4a'7c15 ^ bytes.size();
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(8, bytes.size() - at); ++i)
      word |= static_cast<std::uint64_t>(bytes[at + i]) << (8 * i);
    state = (state ^ word) * 0xd6e8'feb8'6659'fd93;
    state ^= state >> 32;
  }
  return state;
}

std::vector<std::byte> to_bytes(Tallies& tallies) {
  ByteWriter out;
  put_header(out, tallies.shape, tallies.settings);
  for (std::size_t slot = 0; slot < tallies.losses.size(); ++slot) {
    Tally& tally = tallies.loss(slot);
    TallyBytes::put(out, tally.moments);
    TallyBytes::put(out, tally.histogram);
    TallyBytes::put(out, tally.tail);
  }
  for (const Moments& m : tallies.gauges) TallyBytes::put(out, m);
  for (const Moments& m : tallies.conditional_pd) TallyBytes::put(out, m);
  for (const std::int64_t n : tallies.faults) out.put(n);
  out.put(tally_checksum(out.bytes));
  return std::move(out.bytes);
}

Tallies tallies_from_bytes(std::span<const std::byte> bytes) {
  require_bytes(bytes.size() > 2 * sizeof(std::uint64_t), "it ends too early");
  ByteReader ending(bytes.last(sizeof(std::uint64_t)));
  ByteReader in(bytes.first(bytes.size() - sizeof(std::uint64_t)));
  require_bytes(in.get<std::uint64_t>() == marker, "it is not a tally of this version");
  require_bytes(ending.get<std::uint64_t>() == tally_checksum(bytes.first(bytes.size() - sizeof(std::uint64_t))),
                "its checksum differs");
  Shape s;
  for (int* n : {&s.replicates, &s.cells, &s.quantities, &s.nodes, &s.horizons, &s.gauges}) *n = extent(in);
  const TallySettings settings = get_settings(in);
  constexpr std::size_t smallest_tally = TallyBytes::moments_size + 1 + 8 + 8 + 1 + 8 + 8 + 8;
  checked(in, {s.replicates, s.cells, s.quantities, s.nodes, s.horizons}, smallest_tally);
  checked(in, {s.cells, s.gauges, s.nodes, s.horizons}, TallyBytes::moments_size);
  checked(in, {s.cells}, TallyBytes::moments_size);
  checked(in, {s.cells, s.nodes}, sizeof(std::int64_t));
  Tallies tallies(s, settings);
  for (Tally& tally : tallies.losses) {
    TallyBytes::get(in, tally.moments);
    TallyBytes::get(in, tally.histogram, tally.moments.count);
    TallyBytes::get(in, tally.tail, tally.moments.count);
  }
  for (Moments& m : tallies.gauges) TallyBytes::get(in, m);
  for (Moments& m : tallies.conditional_pd) TallyBytes::get(in, m);
  for (std::int64_t& n : tallies.faults) n = in.get<std::int64_t>(), require_bytes(n >= 0, "a negative number of faults");
  require_bytes(in.left() == 0, "it goes on too long");
  return tallies;
}

}  // namespace tailcube
