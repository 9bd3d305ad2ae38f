#pragma once
// The seal at the end of a cube file: SHA-256 of everything before it (32 bytes), its length (8, little endian), and a mark
// (8). HDF5 readers ignore what follows the end they know. With it a damaged file is told from a good one before HDF5 sees
// it.
#include <array>
#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

namespace tailcube {

inline constexpr std::size_t seal_bytes = 48;
std::array<std::byte, seal_bytes> make_seal(std::span<const std::byte> contents);
// The contents of a sealed file, without the seal. Throws FileError.
std::vector<std::byte> read_sealed(const std::filesystem::path&);

}  // namespace tailcube
