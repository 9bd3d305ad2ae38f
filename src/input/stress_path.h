#pragma once
// The CSV file of a stress path: columns step and factors.
#include <map>
#include <optional>
#include <string>

#include "src/input/reading.h"

namespace tailcube {

class PathReader {
 public:
  explicit PathReader(Reading& reading) : reading_(reading) {}
  // Reads a file once however many cells name it; nothing after an issue.
  std::optional<PathSpec> read(Section&, const toml::node& name);

 private:
  std::optional<PathSpec> read_file(SourceFile&);
  void read_header(Csv&, const SourceFile&, PathSpec&);
  void read_row(Csv&, const SourceFile&, PathSpec&);
  void check(const SourceFile&, const PathSpec&);
  double cell(Csv&, const SourceFile&, const PathSpec&, std::size_t column);
  Reading& reading_;
  std::map<std::string, std::optional<PathSpec>> read_;
};

}  // namespace tailcube
