#pragma once
// From a cube back to the job that made it.
#include <filesystem>

#include "hpc/cube_whole.h"

namespace tailcube {

// The folder of the job's tables: `given`, or that of the job file given; if empty, the working folder, the cube's, the one
// around it, or that in which the job lay when it was run (run.json), whichever has the tables as they were then. Throws
// Stop, naming every table of `given` or every folder looked at: a table is missing (66) or not what it was (65); the cube
// holds no job (65).
std::filesystem::path job_folder(const std::filesystem::path& cube, const Provenance&, const std::filesystem::path& given);

// The job of a cube, read again from the text it holds and the tables in that folder, without the positions that were
// quarantined. Throws Stop (65) if a default that it took has another value now.
Job read_job_of(const std::filesystem::path& cube, const CubeFile&, const std::filesystem::path& folder);

}  // namespace tailcube
