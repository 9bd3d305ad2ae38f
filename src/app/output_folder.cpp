#include "src/app/output_folder.h"

#include "hpc/cube_file.h"

namespace tailcube {

namespace fs = std::filesystem;

void OutputFolder::check(bool overwrite) const {
  std::error_code error;
  const fs::file_status status = fs::status(folder_, error);
  if (status.type() == fs::file_type::not_found) return;
  if (status.type() != fs::file_type::directory)
    throw FileError(folder_.string() + ": " + (error ? error.message() : "exists and is not a folder") +
                    "; choose another with -o");
  if (!overwrite)
    throw FileError(folder_.string() + ": exists already; choose another folder with -o, or replace it with --overwrite");
}

void OutputFolder::create() const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw FileError(folder_.string() + ": " + error.message());
  for (const fs::path& file : {cube(), record()}) fs::remove(file.string() + ".part", error);
}

}  // namespace tailcube
