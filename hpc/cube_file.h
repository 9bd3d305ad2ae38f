#pragma once
// The cube on disk: HDF5 that is also valid netCDF-4 (docs/cube.md). The only file that knows HDF5.
#include <filesystem>
#include <stdexcept>
#include <string>

#include "src/cube/cube.h"

namespace tailcube {

inline constexpr int cube_format_major = 1, cube_format_minor = 0;  // major: a reader must refuse another one

class FileError : public std::runtime_error {  // exit 74; the message names file and cause
 public:
  using std::runtime_error::runtime_error;
};

// Writes X.part, syncs, renames. Nothing is left behind when it fails.
void write_cube(const std::filesystem::path&, const Job&, const Cube&);
// What `info` prints; refuses another major version, and anything damaged.
Cube read_cube(const std::filesystem::path&);
struct CubeHeader {
  std::string title, source, history, job_digest, sampler, tail_mode, currency, format_version;
  std::int64_t seed = 0, scenarios = 0;
  double loss_unit = 0;
  bool complete = false;
};
CubeHeader read_cube_header(const std::filesystem::path&);
std::string hdf5_version();

}  // namespace tailcube
