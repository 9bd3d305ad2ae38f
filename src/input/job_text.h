#pragma once
// A job whose file is known by its text alone: that of a cube.
#include <filesystem>
#include <string>

#include "src/model/model.h"

namespace tailcube {

// As read_job (input.h) for a file with this text. `path` says where it would lie: messages name it, and the tables are
// relative to its folder.
Job read_job_text(const std::filesystem::path& path, const std::string& text);

}  // namespace tailcube
