#include "hpc/reduce.h"

#include <cstring>
#include <stdexcept>

namespace tailcube {
namespace {

// An envelope: kind, signal, length of the text, text, tallies.
constexpr std::size_t head = 1 + 4 + 8;

std::vector<std::byte> seal(const Verdict& verdict, std::span<const std::byte> tallies) {
  std::vector<std::byte> bytes(head + verdict.text.size() + tallies.size());
  const std::int32_t signal = verdict.signal;
  const std::uint64_t length = verdict.text.size();
  bytes[0] = static_cast<std::byte>(verdict.kind);
  std::memcpy(&bytes[1], &signal, 4);
  std::memcpy(&bytes[5], &length, 8);
  if (length != 0) std::memcpy(&bytes[head], verdict.text.data(), length);
  if (!tallies.empty()) std::memcpy(&bytes[head + length], tallies.data(), tallies.size());
  return bytes;
}

Verdict open(std::span<const std::byte> bytes, std::span<const std::byte>& tallies) {
  if (bytes.size() < head) throw std::runtime_error("a message between ranks is too short");
  std::int32_t signal = 0;
  std::uint64_t length = 0;
  std::memcpy(&signal, &bytes[1], 4);
  std::memcpy(&length, &bytes[5], 8);
  if (length > bytes.size() - head) throw std::runtime_error("a message between ranks is too short");
  tallies = bytes.subspan(head + length);
  const char* text = reinterpret_cast<const char*>(bytes.data()) + head;
  return {static_cast<Verdict::Kind>(bytes[0]), signal, std::string(text, length)};
}

void merge(std::optional<Tallies>& into, Verdict& verdict, std::vector<std::byte> bytes) {
  std::span<const std::byte> packed;
  verdict.merge(open(bytes, packed));
  if (verdict.kind != Verdict::Kind::fine) {
    into.reset();
  } else if (!packed.empty()) {
    Tallies other = tallies_from_bytes(packed);
    std::vector<std::byte>().swap(bytes);  // at most two copies and one message live at a time
    if (into) {
      into->merge(other);
    } else {
      into = std::move(other);
    }
  }
}

template <class Step>
void guarded(std::optional<Tallies>& tallies, Verdict& verdict, const Step& step) {
  try {
    step();
  } catch (const std::exception& error) {
    verdict.merge({Verdict::Kind::failed, 0, error.what()});
    tallies.reset();
  }
}

}  // namespace

void reduce(Communicator& communicator, std::optional<Tallies>& tallies, Verdict& verdict) {
  if (verdict.kind != Verdict::Kind::fine) tallies.reset();
  const int rank = communicator.rank();
  for (int distance = 1; distance < communicator.size(); distance *= 2) {
    if ((rank & distance) != 0) {
      std::vector<std::byte> packed;
      if (tallies) guarded(tallies, verdict, [&] { packed = to_bytes(*tallies); });
      tallies.reset();
      communicator.send(rank - distance, Tag::reduce, seal(verdict, packed));
      return;
    }
    if (rank + distance >= communicator.size()) continue;
    Message message = communicator.receive(rank + distance, Tag::reduce);
    guarded(tallies, verdict, [&] { merge(tallies, verdict, std::move(message.bytes)); });
  }
}

void agree(Communicator& communicator, Verdict& verdict) {
  std::span<const std::byte> rest;
  verdict = open(communicator.broadcast(seal(verdict, {})), rest);
}

}  // namespace tailcube
