#pragma once
// All that a cube file holds, with what is needed to run its job again.
#include <functional>
#include <string_view>

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
// Groups of the file that are not read, "tail": their datasets are left out (src/cube/values.h), their axes are read.
using LeftOut = std::vector<std::string_view>;
// With one look at the file. Throws as read_cube does.
CubeFile read_cube_file(const std::filesystem::path&, const LeftOut& = {});

// Of one cell what replaying its scenarios takes: axes, gauges, values today, /tail and the ids in quarantine, beside header
// and provenance. Cube::cells has its name alone, other datasets are left out. `choose` gets the names of all cells and
// returns a place; it is called in two processes and must have no effect elsewhere. What it throws is passed on.
using ChooseCell = std::function<std::size_t(const std::vector<std::string>& cells)>;
CubeFile read_cube_cell(const std::filesystem::path&, const ChooseCell& choose);

}  // namespace tailcube
