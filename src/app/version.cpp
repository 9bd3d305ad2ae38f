#include <iostream>

#include "hpc/communicator.h"
#include "hpc/cube_file.h"
#include "kernels/math/functions.h"
#include "src/app/commands.h"
#include "src/report/build_info.h"

namespace tailcube {

int version_command() {
  std::cout << "tailcube " << program_version() << " (" << program_commit() << ")\n"
            << "compiler " << compiler() << "\nMPI      " << mpi_version() << "\nHDF5     " << hdf5_version()
            << "\nSIMD     " << simd_name() << "\ncube     format " << cube_format_major << "." << cube_format_minor << "\n";
  return 0;
}

}  // namespace tailcube
