#include "hpc/reduce.h"

#include <cstring>
#include <stdexcept>

namespace tailcube {
namespace {

// An envelope: kind, what stopped it, how much text, how many ranges; text, ranges, tallies.
struct Head {
  std::uint64_t text, ranges;
  std::int32_t signal;
  Verdict::Kind kind;
};

std::vector<std::byte> seal(const Verdict& verdict, const ScenarioSet& done, std::span<const std::byte> tallies) {
  const std::vector<Tile>& ranges = done.ranges();
  const Head head{verdict.text.size(), ranges.size(), verdict.signal, verdict.kind};
  std::vector<std::byte> bytes;
  const auto put = [&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); };
  bytes.reserve(sizeof head + head.text + head.ranges * sizeof(Tile) + tallies.size());
  put(std::as_bytes(std::span(&head, 1)));
  put(std::as_bytes(std::span(verdict.text)));
  put(std::as_bytes(std::span(ranges)));
  put(tallies);
  return bytes;
}

// Takes the tallies' bytes to be what is left.
void open(std::span<const std::byte>& bytes, Verdict& verdict, ScenarioSet& done) {
  const auto take = [&](void* to, std::size_t size) {
    if (size > bytes.size()) throw std::runtime_error("a message between ranks is too short");
    if (size != 0) std::memcpy(to, bytes.data(), size);
    bytes = bytes.subspan(size);
  };
  Head head{};
  take(&head, sizeof head);
  if (head.text > bytes.size() || head.ranges > bytes.size() / sizeof(Tile))
    throw std::runtime_error("a message between ranks is too short");
  verdict = {head.kind, head.signal, std::string(head.text, ' ')};
  take(verdict.text.data(), head.text);
  std::vector<Tile> ranges(head.ranges, Tile{});
  take(ranges.data(), head.ranges * sizeof(Tile));
  done = ScenarioSet(ranges);
}

void merge(Contribution& into, std::vector<std::byte> bytes) {
  std::span<const std::byte> packed = bytes;
  Verdict verdict;
  ScenarioSet done;
  open(packed, verdict, done);
  into.verdict.merge(verdict);
  into.done.add(done);
  if (into.verdict.kind == Verdict::Kind::failed) {
    into.tallies.reset();
  } else if (!packed.empty()) {
    Tallies other = tallies_from_bytes(packed);
    std::vector<std::byte>().swap(bytes);  // at most two copies and one message live at a time
    if (into.tallies) {
      into.tallies->merge(other);
    } else {
      into.tallies = std::move(other);
    }
  }
}

template <class Step>
void guarded(Contribution& mine, const Step& step) {
  try {
    step();
  } catch (const std::exception& error) {
    mine.verdict.merge({Verdict::Kind::failed, 0, error.what()});
    mine.tallies.reset();
  }
}

}  // namespace

void reduce(Communicator& communicator, Contribution& mine) {
  if (mine.verdict.kind == Verdict::Kind::failed) mine.tallies.reset();
  const int rank = communicator.rank();
  for (int distance = 1; distance < communicator.size(); distance *= 2) {
    if ((rank & distance) != 0) {
      std::vector<std::byte> packed;
      if (mine.tallies) guarded(mine, [&] { packed = to_bytes(*mine.tallies); });
      mine.tallies.reset();
      communicator.send(rank - distance, Tag::reduce, seal(mine.verdict, mine.done, packed));
      mine.done = {};
      return;
    }
    if (rank + distance >= communicator.size()) continue;
    Message message = communicator.receive(rank + distance, Tag::reduce);
    guarded(mine, [&] { merge(mine, std::move(message.bytes)); });
  }
}

void agree(Communicator& communicator, Verdict& verdict) {
  const std::vector<std::byte> bytes = communicator.broadcast(seal(verdict, {}, {}));
  std::span<const std::byte> left = bytes;
  ScenarioSet nothing;
  open(left, verdict, nothing);
}

}  // namespace tailcube
