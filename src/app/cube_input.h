#pragma once
// The cubes that commands read.
#include <filesystem>
#include <functional>

#include "hpc/cube_whole.h"

namespace tailcube {

struct LoadedCube : CubeFile {
  std::filesystem::path path;
};
// A cube, or cube.h5 in a folder, without these groups. Only in a command that run_reader runs.
LoadedCube load_cube(const std::filesystem::path& file_or_folder, const LeftOut& left_out);

// Where the job of a cube lay when it was run, as the run.json beside the cube has it; empty: not known.
std::filesystem::path recorded_job(const std::filesystem::path& cube);

// Runs a command that reads cubes and turns what goes wrong into its exit code, printed: 66 a cube that is not there, 65 one
// that cannot be read (unlike output, it is input), 64 a filter that finds nothing, else as attempt().
int run_reader(const std::function<void()>& command);

}  // namespace tailcube
