#include "hpc/reduce.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "kernels/tally/slices.h"

namespace tailcube {
namespace {

// An envelope: kind, what stopped it, how much text, how many ranges; text, ranges. A slice of tallies follows by itself.
struct Head {
  std::uint64_t text, ranges;
  std::uint64_t sharing;  // which slots share a tally
  std::int32_t signal;
  Verdict::Kind kind;
  bool tallies;  // it has some; a slice of them follows
  bool last;     // no more slices from this sender
};

struct Envelope {
  Head head{};
  Verdict verdict;
  ScenarioSet done;
};

std::vector<std::byte> seal(Head head, const Verdict& verdict, const ScenarioSet& done = {}) {
  const std::vector<Tile>& ranges = done.ranges();
  head.text = verdict.text.size(), head.ranges = ranges.size(), head.signal = verdict.signal, head.kind = verdict.kind;
  std::vector<std::byte> bytes;
  const auto put = [&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); };
  bytes.reserve(sizeof head + head.text + head.ranges * sizeof(Tile));
  put(std::as_bytes(std::span(&head, 1)));
  put(std::as_bytes(std::span(verdict.text)));
  put(std::as_bytes(std::span(ranges)));
  return bytes;
}

Envelope open(std::span<const std::byte> bytes) {
  const auto take = [&](void* to, std::size_t size) {
    if (size > bytes.size()) throw std::runtime_error("a message between ranks is too short");
    if (size != 0) std::memcpy(to, bytes.data(), size);
    bytes = bytes.subspan(size);
  };
  Envelope e;
  take(&e.head, sizeof e.head);
  if (e.head.text > bytes.size() || e.head.ranges > bytes.size() / sizeof(Tile))
    throw std::runtime_error("a message between ranks is too short");
  e.verdict = {e.head.kind, e.head.signal, std::string(e.head.text, ' ')};
  take(e.verdict.text.data(), e.head.text);
  std::vector<Tile> ranges(e.head.ranges, Tile{});
  take(ranges.data(), e.head.ranges * sizeof(Tile));
  e.done = ScenarioSet(ranges);
  return e;
}

// One rank's part in a reduction.
class Reduction {
 public:
  Reduction(Communicator& communicator, Contribution& mine, int threads)
      : communicator_(communicator),
        mine_(mine),
        threads_(threads),
        rank_(communicator.rank()),
        size_(communicator.size()) {}

  void run() {
    if (failed()) mine_.tallies.reset();
    if (size_ > 1) {
      if (meet()) {
        scatter();
        sort();
        collect();
      }
    } else {
      sort();
    }
  }

 private:
  bool failed() const { return mine_.verdict.kind == Verdict::Kind::failed; }
  template <class Step>
  void guarded(const Step& step) {
    try {
      step();
    } catch (const std::exception& error) {
      mine_.verdict.merge({Verdict::Kind::failed, 0, error.what()});
    }
    if (failed()) mine_.tallies.reset();
  }
  Slice slice(int begin, int end) const {
    return {static_cast<std::size_t>(begin), static_cast<std::size_t>(end), static_cast<std::size_t>(size_)};
  }

  // Rank 0 hears of every rank's verdict and scenarios, and tells whether there are tallies to merge.
  bool meet() {
    Head head{};
    head.tallies = mine_.tallies.has_value();
    head.sharing = head.tallies ? sharing() : 0;
    const auto all = communicator_.gather(seal(head, mine_.verdict, mine_.done));
    if (rank_ != 0) mine_.done = {};
    enum class Next : std::uint8_t { nothing, merge, separate_and_merge };
    Next next = Next::nothing;
    std::optional<std::uint64_t> common;
    for (std::size_t from = 0; from < all.size(); ++from)
      guarded([&] {
        const Envelope e = open(all[from]);
        if (from != 0) mine_.verdict.merge(e.verdict), mine_.done.add(e.done);
        if (!e.head.tallies) return;
        if (next == Next::nothing) next = Next::merge;
        if (common.value_or(e.head.sharing) != e.head.sharing) next = Next::separate_and_merge;
        common = e.head.sharing;
      });
    if (failed()) next = Next::nothing;
    next = static_cast<Next>(communicator_.broadcast({static_cast<std::byte>(next)}).at(0));
    if (next == Next::separate_and_merge && mine_.tallies) guarded([&] { mine_.tallies->separate(); });
    if (next == Next::nothing) mine_.tallies.reset();
    return next != Next::nothing;
  }
  std::uint64_t sharing() const { return tally_checksum(std::as_bytes(std::span(mine_.tallies->holder))); }

  // Ranks [begin, end) hold slices [begin, end) of everything that they and the ranks they met before did. The lower half
  // is larger by one where they are odd: its last rank gives to the upper half's last what another gives to nobody.
  void scatter() {
    for (int begin = 0, end = size_; end - begin > 1;) {
      const int middle = begin + (end - begin + 1) / 2;
      const bool odd = middle - begin > end - middle;
      if (rank_ < middle) {
        const bool surplus = odd && rank_ == middle - 1;
        trade(surplus ? end - 1 : middle + (rank_ - begin), slice(middle, end), surplus ? Way::give : Way::both);
        end = middle;
      } else {
        trade(begin + (rank_ - middle), slice(begin, middle), Way::both);
        if (odd && rank_ == end - 1) trade(middle - 1, {}, Way::take);
        begin = middle;
      }
    }
  }

  void sort() {
    if (mine_.tallies) guarded([&] { sort_tails(*mine_.tallies, slice(rank_, rank_ + 1), threads_); });
  }

  void collect() {
    if (rank_ != 0) {
      trade(0, slice(rank_, rank_ + 1), Way::give);
      mine_.tallies.reset();
    } else {
      for (int from = 1; from < size_; ++from) trade(from, {}, Way::take);
    }
  }

  // In parts, in turns: both ranks pack at the same time, and add at the same time. A rank that has failed, or has nothing,
  // sends an empty envelope.
  enum class Way { give, take, both };
  void trade(int other, const Slice& given, Way way) {
    bool giving = way != Way::take, taking = way != Way::give;
    const std::size_t parts = giving && mine_.tallies ? slice_parts(*mine_.tallies, given, parcel_bytes) : 1;
    for (std::size_t k = 0; giving || taking; ++k) {
      std::vector<std::byte> packed;
      if (giving && mine_.tallies) guarded([&] { packed = take_slice(*mine_.tallies, given.part(k, parts), threads_); });
      const bool more = mine_.tallies && k + 1 < parts;
      if (giving && rank_ < other) give(other, packed, more);
      bool expected = false;
      std::vector<std::byte> taken;
      if (taking) taken = take(other, expected);
      if (giving && rank_ > other) give(other, packed, more);
      giving = giving && more, taking = expected;
      if (!taken.empty() && !failed()) guarded([&] { add_slice(mine_.tallies, taken, threads_); });
    }
  }
  void give(int other, const std::vector<std::byte>& packed, bool more) {
    Head head{};
    head.tallies = !packed.empty() && !failed();
    head.last = !more;
    communicator_.send(other, Tag::reduce, seal(head, failed() ? mine_.verdict : Verdict{}));
    if (head.tallies) communicator_.send(other, Tag::reduce, packed);
  }
  std::vector<std::byte> take(int other, bool& more) {
    Envelope e;
    guarded([&] { e = open(communicator_.receive(other, Tag::reduce).bytes); });
    more = !e.head.last;
    if (e.verdict.kind == Verdict::Kind::failed) guarded([&] { mine_.verdict.merge(e.verdict); });
    if (!e.head.tallies) return {};
    return communicator_.receive(other, Tag::reduce).bytes;
  }

  Communicator& communicator_;
  Contribution& mine_;
  int threads_, rank_, size_;
};

}  // namespace

void reduce(Communicator& communicator, Contribution& mine, int threads) { Reduction(communicator, mine, threads).run(); }

void agree(Communicator& communicator, Verdict& verdict) {
  const std::vector<std::byte> bytes = communicator.broadcast(seal({}, verdict));
  verdict = open(bytes).verdict;
}

}  // namespace tailcube
