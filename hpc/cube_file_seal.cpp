#include "hpc/cube_file_seal.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "hpc/file_output.h"

namespace tailcube {
namespace {

constexpr std::string_view mark = "TCseal1\n";

bool is_hdf5(std::span<const std::byte> bytes) {
  constexpr std::string_view signature = "\x89HDF\r\n\x1a\n";
  return bytes.size() >= signature.size() && std::memcmp(bytes.data(), signature.data(), signature.size()) == 0;
}

}  // namespace

std::array<std::byte, seal_bytes> make_seal(std::span<const std::byte> contents) {
  std::array<std::byte, seal_bytes> seal{};
  unsigned length = 0;
  auto* digest = reinterpret_cast<unsigned char*>(seal.data());
  if (EVP_Digest(contents.data(), contents.size(), digest, &length, EVP_sha256(), nullptr) != 1 || length != 32) {
    throw std::runtime_error("SHA-256 failed");
  }
  for (std::size_t i = 0; i < 8; ++i) {
    seal[32 + i] = static_cast<std::byte>((static_cast<std::uint64_t>(contents.size()) >> (8 * i)) & 0xff);
    seal[40 + i] = static_cast<std::byte>(mark[i]);
  }
  return seal;
}

std::vector<std::byte> read_sealed(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (!in || error) {
    throw FileError(path.string() +
                    ": cannot be read: " + (error ? error.message() : std::generic_category().message(errno)));
  }
  std::vector<std::byte> bytes(size);
  if (!in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) {
    throw FileError(path.string() + ": cannot be read to its end");
  }
  if (!is_hdf5(bytes)) throw FileError(path.string() + ": is not a cube: not an HDF5 file");
  if (size < seal_bytes || std::memcmp(bytes.data() + size - mark.size(), mark.data(), mark.size()) != 0) {
    throw FileError(path.string() +
                    ": has no seal at its end: it was cut off, changed by another program, or is not a cube");
  }
  const auto contents = std::span(bytes).first(size - seal_bytes);
  const auto seal = make_seal(contents);
  if (std::memcmp(bytes.data() + contents.size(), seal.data(), seal_bytes) != 0) {
    throw FileError(path.string() + ": is damaged: its contents do not match its seal");
  }
  bytes.resize(contents.size());
  return bytes;
}

}  // namespace tailcube
