// The bytes of a slice: a head with the shape, settings and holders; where each tally ends; tallies, gauges, PDs, faults.
#include "kernels/tally/slices.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <numeric>
#include <stdexcept>
#include <type_traits>

#include "kernels/tally/byte_stream.h"

namespace tailcube {

// One tally in a message.
struct PackedTally {
  Moments moments;
  std::int64_t total, first_bin, seen, unlisted;
  std::uint64_t bins, entries;
  Tail::Mark floor;
  bool weighted_bins, weighted_tail, sorted, cut;

  explicit PackedTally(const Tally& tally)
      : moments(tally.moments),
        total(tally.histogram.total_),
        first_bin(tally.histogram.first_),
        seen(tally.tail.seen_),
        unlisted(tally.tail.unlisted_),
        bins(tally.histogram.count_.size()),
        entries(tally.tail.size_),
        floor(tally.tail.floor_),
        weighted_bins(tally.histogram.weighted_),
        weighted_tail(tally.tail.weighted_),
        sorted(tally.tail.sorted_),
        cut(tally.tail.cut_) {}

  static std::size_t bytes(const Tally& tally) {
    std::size_t n = sizeof(PackedTally);
    columns(tally, [&](const auto& column, std::size_t size) { n += size * sizeof(column[0]); });
    return n;
  }
  static void put(const Tally& tally, std::byte* to) {
    const auto copy = [&to](const void* from, std::size_t size) {
      if (size != 0) std::memcpy(to, from, size);
      to += size;
    };
    const PackedTally head(tally);
    copy(&head, sizeof head);
    columns(tally, [&](const auto& column, std::size_t size) { copy(column.data(), size * sizeof(column[0])); });
  }
  // Into a tally without scenarios.
  static void get(std::span<const std::byte> from, Tally& tally) {
    PackedTally head(tally);
    require_bytes(from.size() >= sizeof head, "a slice ends too early");
    std::memcpy(&head, from.data(), sizeof head);
    require_bytes(head.bins <= from.size() && head.entries <= from.size(), "a slice ends too early");
    tally.moments = head.moments;
    Histogram& h = tally.histogram;
    h.total_ = head.total, h.first_ = head.first_bin, h.weighted_ = head.weighted_bins;
    h.count_.resize(head.bins);
    if (h.with_sums_) h.offset_.resize(head.bins);
    if (h.weighted_) h.weight_.resize(head.bins);
    Tail& t = tally.tail;
    t.seen_ = head.seen, t.unlisted_ = head.unlisted, t.floor_ = head.floor;
    t.weighted_ = head.weighted_tail, t.sorted_ = head.sorted, t.cut_ = head.cut;
    t.size_ = head.entries;
    t.loss_.resize(head.entries);
    t.scenario_.resize(head.entries);
    if (t.weighted_) t.weight_.resize(head.entries);
    require_bytes(bytes(tally) == from.size(), "a slice of another length");
    const std::byte* at = from.data() + sizeof head;
    columns(tally, [&at](auto& column, std::size_t size) {
      if (size != 0) std::memcpy(column.data(), at, size * sizeof(column[0]));
      at += size * sizeof(column[0]);
    });
  }

 private:
  template <class SomeTally, class Visit>
  static void columns(SomeTally& tally, const Visit& visit) {
    auto& h = tally.histogram;
    auto& t = tally.tail;
    visit(h.count_, h.count_.size());
    visit(h.offset_, h.with_sums_ ? h.count_.size() : 0);
    visit(h.weight_, h.weighted_ ? h.count_.size() : 0);
    visit(t.loss_, t.size_);
    visit(t.scenario_, t.size_);
    visit(t.weight_, t.weighted_ ? t.size_ : 0);
  }
};

namespace {

static_assert(std::is_trivially_copyable_v<PackedTally>);

struct Range {
  std::size_t begin, end;
  std::size_t size() const { return end - begin; }
};
Range range(const Slice& slice, std::size_t n) { return {n * slice.begin / slice.of, n * slice.end / slice.of}; }

struct Head {
  Slice slice;
  Shape shape;
  TallySettings settings;
  std::uint64_t holders, tallies;
};
static_assert(std::is_trivially_copyable_v<Head>);

// The slots of the slice that have a tally of their own.
std::vector<std::uint32_t> slots(const Tallies& tallies, const Slice& slice) {
  std::vector<std::uint32_t> all(tallies.losses.size());
  std::iota(all.begin(), all.end(), 0U);
  if (!tallies.holder.empty()) std::erase_if(all, [&](std::uint32_t slot) { return tallies.holder[slot] != slot; });
  const Range r = range(slice, all.size());
  return {all.begin() + static_cast<std::ptrdiff_t>(r.begin), all.begin() + static_cast<std::ptrdiff_t>(r.end)};
}

Tally empty_tally(const TallySettings& settings) {
  return {{}, Histogram(settings.bits(), settings.binned), Tail(settings.keep)};
}

// Everything that is not a tally of losses: visit(elements of the slice).
template <class SomeTallies, class Visit>
void others(SomeTallies& tallies, const Slice& slice, const Visit& visit) {
  const auto cut = [&slice, &visit](auto& elements) {
    const Range r = range(slice, elements.size());
    visit(std::span(elements).subspan(r.begin, r.size()));
  };
  cut(tallies.gauges);
  cut(tallies.conditional_pd);
  cut(tallies.faults);
}

template <class Body>
void in_parallel(int threads, std::size_t n, const Body& body) {
  std::exception_ptr error;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
  for (std::size_t i = 0; i < n; ++i) {
    try {
      body(i);
    } catch (...) {
#pragma omp critical
      if (!error) error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

void add(Moments& to, const Moments& more) { to.merge(more); }
void add(std::int64_t& to, std::int64_t more) { to += more; }

}  // namespace

Slice Slice::part(std::size_t k, std::size_t parts) const {
  return {begin * parts + k * (end - begin), begin * parts + (k + 1) * (end - begin), of * parts};
}

std::size_t slice_parts(const Tallies& tallies, const Slice& slice, std::size_t bytes) {
  std::size_t largest = 0, all = 0;
  const std::vector<std::uint32_t> own = slots(tallies, slice);
  for (const std::uint32_t slot : own) largest = std::max(largest, PackedTally::bytes(tallies.losses[slot]));
  others(tallies, slice, [&all](auto elements) { all += elements.size_bytes(); });
  return 1 + (all + own.size() * (largest + sizeof(std::uint64_t))) / bytes;
}

std::vector<std::byte> take_slice(Tallies& tallies, const Slice& slice, int threads) {
  const std::vector<std::uint32_t> own = slots(tallies, slice);
  std::vector<std::uint64_t> ends(own.size());
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < own.size(); ++i) ends[i] = end += PackedTally::bytes(tallies.losses[own[i]]);
  std::size_t size =
      sizeof(Head) + tallies.holder.size() * sizeof(std::uint32_t) + ends.size() * sizeof(std::uint64_t) + end;
  others(tallies, slice, [&size](auto elements) { size += elements.size_bytes(); });
  std::vector<std::byte> bytes(size);
  std::byte* to = bytes.data();
  const auto put = [&to](const void* from, std::size_t length) {
    if (length != 0) std::memcpy(to, from, length);
    to += length;
  };
  const Head head{slice, tallies.shape, tallies.settings, tallies.holder.size(), own.size()};
  put(&head, sizeof head);
  put(tallies.holder.data(), tallies.holder.size() * sizeof(std::uint32_t));
  put(ends.data(), ends.size() * sizeof(std::uint64_t));
  in_parallel(threads, own.size(), [&](std::size_t i) {
    Tally& tally = tallies.losses[own[i]];
    PackedTally::put(tally, to + (i == 0 ? 0 : ends[i - 1]));
    tally = empty_tally(tallies.settings);
  });
  to += end;
  others(tallies, slice, [&put](auto elements) {
    put(elements.data(), elements.size_bytes());
    for (auto& element : elements) element = {};
  });
  return bytes;
}

void add_slice(std::optional<Tallies>& into, std::span<const std::byte> bytes, int threads) {
  const auto take = [&bytes](void* to, std::size_t size) {
    require_bytes(size <= bytes.size(), "a slice ends too early");
    if (size != 0) std::memcpy(to, bytes.data(), size);
    bytes = bytes.subspan(size);
  };
  Head head{};
  take(&head, sizeof head);
  require_bytes(head.holders <= bytes.size() && head.tallies <= bytes.size(), "a slice ends too early");
  std::vector<std::uint32_t> holder(head.holders);
  take(holder.data(), holder.size() * sizeof(std::uint32_t));
  if (!into) {
    into.emplace(head.shape, head.settings);
    into->share(holder);
  }
  if (!(into->shape == head.shape && into->settings == head.settings && into->holder == holder))
    throw std::invalid_argument("tallies of different jobs or groups");
  const std::vector<std::uint32_t> own = slots(*into, head.slice);
  require_bytes(own.size() == head.tallies, "a slice of another length");
  std::vector<std::uint64_t> ends(own.size());
  take(ends.data(), ends.size() * sizeof(std::uint64_t));
  const std::uint64_t all = ends.empty() ? 0 : ends.back();
  require_bytes(all <= bytes.size(), "a slice ends too early");
  in_parallel(threads, own.size(), [&](std::size_t i) {
    const std::uint64_t begin = i == 0 ? 0 : ends[i - 1];
    require_bytes(begin <= ends[i] && ends[i] <= all, "a slice of another length");
    Tally more = empty_tally(into->settings);
    PackedTally::get(bytes.subspan(begin, ends[i] - begin), more);
    Tally& tally = into->losses[own[i]];
    if (tally.moments.count == 0)
      tally = std::move(more);
    else
      tally.merge(more);
  });
  bytes = bytes.subspan(all);
  others(*into, head.slice, [&take](auto elements) {
    for (auto& element : elements) {
      std::remove_reference_t<decltype(element)> more{};
      take(&more, sizeof more);
      add(element, more);
    }
  });
}

void sort_tails(Tallies& tallies, const Slice& slice, int threads) {
  const std::vector<std::uint32_t> own = slots(tallies, slice);
  in_parallel(threads, own.size(), [&](std::size_t i) { tallies.losses[own[i]].tail.worst(); });
}

}  // namespace tailcube
