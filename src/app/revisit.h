#pragma once
// What the commands that compute scenarios of a cube again have in common: the place in the cube that they are asked about,
// and the job that made it.
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "hpc/cube_whole.h"
#include "src/engine/scenario_sample.h"

namespace CLI {
class App;
}

namespace tailcube {

struct RevisitOptions {
  std::filesystem::path cube;       // or its folder
  std::string cell, node, horizon;  // as the cube names them; empty: the first cell, the total, the last horizon
  std::filesystem::path job;        // the folder of the job's files; empty: to be found
  std::size_t most = 20;            // rows of long lists; 0: all
  enum class Format : std::uint8_t { text, csv, json } format = Format::text;
};
// Adds the cube and these options.
void add_revisit(CLI::App&, RevisitOptions&);
// --threads of this process; 0: the cores that it may use.
void add_threads(CLI::App&, int& threads);
int threads_or_cores(int threads);

struct Revisit {
  std::filesystem::path path;
  CubeFile file;
  Job job;  // that was run, without what was left out
  int cell = 0, node = 0, horizon = 0;
  bool is_first_cell = true;  // of the run
};
// How much of the cube is read: of the one cell asked for what read_cube_cell reads, cube and job then having no other; or
// everything.
enum class CubePart : std::uint8_t { tail, all };
// Throws Stop: the cube or a file of its job is missing (66) or not what it was (65), or the cube has no such place (64).
// `check` looks at the cube before the job is read.
Revisit revisit(const RevisitOptions&, CubePart, const std::function<void(const Revisit&)>& check = {});

// The place of an option's name. Throws Stop (64), with the name that may have been meant.
int place_of(const std::string& option, const std::string& name, const std::vector<std::string>& known);

// Runs such a command and turns what goes wrong into its exit code, printed; a cube that cannot be read is input (65).
int run_revisit(const std::function<void()>& command);

// Ends with code 70 unless every scenario of the sample has the losses, at its cell and horizon, that /tail has for it: the
// same bits. Returns how many losses were compared.
std::size_t compare_with_tail(const Revisit&, const ScenarioSample&);

}  // namespace tailcube
