#include "src/app/output_folder.h"

#include <cstdio>

#include "hpc/cube_file.h"

namespace tailcube {

namespace fs = std::filesystem;

std::string shard_name(int shard, int shards) {
  char text[48];
  std::snprintf(text, sizeof text, "shard-%04d-of-%04d", shard, shards);
  return text;
}

namespace {

// What a run leaves that was ended before its first checkpoint.
bool only_unfinished(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name != "run.json" && name != "run.log" && name != ".lock" && !name.ends_with(".part")) return false;
  }
  return true;
}

}  // namespace

void OutputFolder::check(bool overwrite) const {
  std::error_code error;
  const fs::file_status status = fs::status(folder_, error);
  if (status.type() == fs::file_type::not_found) return;
  if (status.type() != fs::file_type::directory)
    throw FileError(folder_.string() + ": " + (error ? error.message() : "exists and is not a folder") +
                    "; choose another with -o");
  if (!shard_.empty() || overwrite || (!fs::exists(cube()) && only_unfinished(folder_)) || checkpoints().any()) return;
  throw FileError(folder_.string() + ": exists already; choose another folder with -o, or replace it with --overwrite");
}

void OutputFolder::check_merge(bool overwrite) const {
  std::error_code error;
  if (!fs::is_directory(folder_, error)) check(false);
  if (!overwrite && fs::exists(cube(), error))
    throw FileError(cube().string() + ": exists already; choose another folder with -o, or replace it with --overwrite");
}

void OutputFolder::create() const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw FileError(folder_.string() + ": " + error.message());
}

void OutputFolder::clean() const {
  std::error_code error;
  const CheckpointFiles files = checkpoints();
  for (const fs::path& file : {cube(), record(), tally(), files.next}) fs::remove(file.string() + ".part", error);
  fs::remove(files.next, error);
}

}  // namespace tailcube
