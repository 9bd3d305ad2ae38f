#pragma once
// All that a cube file holds, with what is needed to run its job again.
#include "hpc/cube_file.h"

namespace tailcube {

struct Provenance {
  std::string job;                         // the job file after --set; empty: the file does not say
  std::vector<std::string> defaults_used;  // settings and columns that were not given
  std::vector<InputFile> inputs;           // the job file first; as written in the job
};
struct CubeFile {
  CubeHeader header;
  Cube cube;
  Provenance provenance;
};
// With one look at the file. Throws as read_cube does.
CubeFile read_cube_file(const std::filesystem::path&);

}  // namespace tailcube
