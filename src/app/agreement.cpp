#include "src/app/agreement.h"

#include <algorithm>
#include <charconv>

#include "src/app/exit_codes.h"

namespace tailcube {
namespace {

std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string as_text(const std::vector<std::byte>& bytes) {
  std::string text(bytes.size(), '\0');
  std::transform(bytes.begin(), bytes.end(), text.begin(), [](std::byte b) { return static_cast<char>(b); });
  return text;
}

// "CODE\nFACT\nTEXT"; a fact has no line break.
std::string packed(const Opinion& v) { return std::to_string(v.failure.exit_code) + "\n" + v.fact + "\n" + v.failure.text; }

Opinion unpacked(const std::string& text) {
  const std::size_t first = text.find('\n'), second = text.find('\n', first + 1);
  Opinion v;
  std::from_chars(text.data(), text.data() + first, v.failure.exit_code);
  v.fact = text.substr(first + 1, second - first - 1);
  v.failure.text = text.substr(second + 1);
  return v;
}

Failure decide(const std::vector<std::string>& verdicts) {
  std::string fact;
  for (std::size_t r = 0; r < verdicts.size(); ++r) {
    Opinion v = unpacked(verdicts[r]);
    if (v.failure.exit_code != exit_code::ok) {
      if (r > 0) v.failure.text = "rank " + std::to_string(r) + ": " + v.failure.text;
      return v.failure;
    }
    if (r == 0) fact = v.fact;
    if (v.fact != fact)
      return {exit_code::internal, "rank " + std::to_string(r) + " read another job than rank 0 (" + v.fact + ", not " +
                                       fact +
                                       "): do all nodes see the same files, and did they change while the run started?"};
  }
  return {};
}

}  // namespace

std::vector<std::string> gather(Communicator& world, const std::string& text) {
  std::vector<std::string> all;
  for (const auto& bytes : world.gather(as_bytes(text))) all.push_back(as_text(bytes));
  return all;
}

std::string broadcast(Communicator& world, const std::string& text) {
  const auto bytes = as_bytes(text);
  return as_text(world.broadcast({bytes.begin(), bytes.end()}));
}

Failure agree(Communicator& world, const Opinion& mine) {
  const auto all = gather(world, packed(mine));
  Opinion decided;
  if (world.rank() == 0) decided.failure = decide(all);
  return unpacked(broadcast(world, packed(decided))).failure;
}

}  // namespace tailcube
