#pragma once
// spdlog on standard error, and in run.log once there is an output folder. Results go to standard output, never through
// here.
#include <filesystem>

#include "src/app/options.h"

namespace tailcube {

// Rank 0 says what the options ask for; other ranks speak up from warnings on, with their number.
void start_logging(const Options&, int rank);
// Adds the file to the log, at its end where a run goes on; throws FileError.
enum class LogFile { anew, further };
void log_to_file(const std::filesystem::path&, const Options&, LogFile);

}  // namespace tailcube
