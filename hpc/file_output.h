#pragma once
// Files that appear whole or not at all.
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <stdexcept>

namespace tailcube {

class FileError : public std::runtime_error {  // exit 74; the message names file and cause
 public:
  using std::runtime_error::runtime_error;
};

// Writes the parts, one after the other, to X.part, syncs it, renames it to X and syncs the folder. Throws FileError; X.part
// is then gone and X is as it was.
void write_whole_file(const std::filesystem::path&, std::initializer_list<std::span<const std::byte>> parts);

}  // namespace tailcube
