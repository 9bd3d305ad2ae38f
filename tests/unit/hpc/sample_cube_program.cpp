// sample_cube_program FILE: writes the sample cube, for the tests of other programs that read it.
#include <cstdio>

#include "hpc/cube_file.h"
#include "tests/unit/hpc/sample_cube.h"

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  try {
    tailcube::write_cube(argv[1], tailcube::test::sample_job(), tailcube::test::sample_cube());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 74;
  }
  return 0;
}
