#pragma once
// Numbers to bytes and back, little endian, whatever the machine.
#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace tailcube {

[[noreturn]] inline void refuse_bytes(const char* what) { throw std::runtime_error(std::string("damaged tally: ") + what); }
inline void require_bytes(bool ok, const char* what) {
  if (!ok) refuse_bytes(what);
}

class ByteWriter {
 public:
  template <class Number>
  void put(Number value) {
    std::array<std::byte, sizeof(Number)> raw;
    std::memcpy(raw.data(), &value, sizeof(Number));
    if constexpr (std::endian::native == std::endian::big) std::reverse(raw.begin(), raw.end());
    bytes.insert(bytes.end(), raw.begin(), raw.end());
  }
  // With its length before it.
  void put_block(std::span<const std::byte> block) {
    put(std::uint64_t{block.size()});
    bytes.insert(bytes.end(), block.begin(), block.end());
  }
  void put_text(const std::string& text) { put_block(std::as_bytes(std::span(text))); }
  std::vector<std::byte> bytes;
};

// Throws std::runtime_error where the bytes end too early; allocates no more than they hold.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class Number>
  Number get() {
    require_bytes(left() >= sizeof(Number), "it ends too early");
    std::array<std::byte, sizeof(Number)> raw;
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), sizeof(Number), raw.begin());
    if constexpr (std::endian::native == std::endian::big) std::reverse(raw.begin(), raw.end());
    at_ += sizeof(Number);
    Number value;
    std::memcpy(&value, raw.data(), sizeof(Number));
    return value;
  }
  // A number of things of at least `size` bytes each: never more than what is left could hold.
  std::size_t count(std::size_t size) {
    const auto n = get<std::uint64_t>();
    require_bytes(n <= left() / size, "it ends too early");
    return static_cast<std::size_t>(n);
  }
  std::span<const std::byte> block() {
    const std::size_t size = count(1);
    at_ += size;
    return bytes_.subspan(at_ - size, size);
  }
  std::string text() {
    const auto bytes = block();
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::size_t left() const { return bytes_.size() - at_; }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

}  // namespace tailcube
