#pragma once
// The cube on disk: HDF5 that is also valid netCDF-4 (docs/cube.md), followed by a seal of 48 bytes that HDF5 does not look
// at: the SHA-256 of the rest. The cube_file_*.cpp are the only files that know HDF5.
#include <cstdint>
#include <filesystem>
#include <string>

#include "hpc/file_output.h"
#include "src/cube/cube.h"

namespace tailcube {

// Major: what a reader of the old format would read wrongly; it must refuse. Minor: something was added.
inline constexpr int cube_format_major = 1, cube_format_minor = 5;

// Writes X.part, syncs, renames. Nothing is left behind when it fails. The bytes are a function of job, cube and program
// alone. The file is built in memory, compressed, before it is written: a full disk is an ordinary error. Throws FileError.
void write_cube(const std::filesystem::path&, const Job&, const Cube&);
// The size of the file that write_cube would write. Throws FileError.
std::size_t cube_bytes(const Job&, const Cube&);

struct CubeHeader {
  std::string title, source, history, job_digest, sampler, tail_mode, currency, format_version;
  std::int64_t seed = 0, scenarios = 0;
  double loss_unit = 0;
  bool complete = false;
};
// Throws FileError, naming the file: it cannot be read, is no cube, has another major version, or differs
// from what was written (cut off, damaged, changed by another program). A level of `confidence` comes back as the shortest
// decimal.
Cube read_cube(const std::filesystem::path&);
std::string hdf5_version();

}  // namespace tailcube
