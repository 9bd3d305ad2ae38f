#pragma once
// From a cube back to the job that made it.
#include <filesystem>

#include "hpc/cube_whole.h"

namespace tailcube {

// The folder of the job's tables: `given`, or that of the job file given; if empty, the working folder, the cube's, or the
// one around it, whichever has the files that the job names. Throws Stop (66) if none has.
std::filesystem::path job_folder(const std::filesystem::path& cube, const Provenance&, const std::filesystem::path& given);

// The job of a cube, read again from the text it holds and the tables in the folder, without the positions that were
// quarantined. Throws Stop: a table is missing (66) or not what it was (65), each named; or the cube holds no job, or this
// program takes other defaults (65).
Job read_job_of(const std::filesystem::path& cube, const CubeFile&, const std::filesystem::path& folder);

}  // namespace tailcube
