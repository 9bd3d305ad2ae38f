// coverage.csv says of every reference case which test meets it ("met"), which meets a part and what is missing ("part",
// test; rest) or why none does yet ("later"). The list must be complete, its tests must exist, and a case that a test names
// is not "later".
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "tests/catch_any.h"
#include "tests/reference.h"

namespace {
namespace fs = std::filesystem;

struct Row {
  std::string status, text;
};

std::string contents(const fs::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::map<std::string, Row> coverage() {
  std::istringstream in(contents(fs::path(TAILCUBE_SOURCE_DIR) / "tests/reference/coverage.csv"));
  std::map<std::string, Row> rows;
  std::string line;
  std::getline(in, line);
  REQUIRE(line == "file,status,test_or_reason");
  while (std::getline(in, line)) {
    const std::size_t first = line.find(','), second = line.find(',', first + 1);
    INFO(line);
    REQUIRE(second != std::string::npos);
    REQUIRE(rows.emplace(line.substr(0, first), Row{line.substr(first + 1, second - first - 1), line.substr(second + 1)})
                .second);
  }
  return rows;
}

// All test sources but this one, one after the other.
std::string test_sources() {
  std::string all;
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(TAILCUBE_SOURCE_DIR) / "tests"))
    if (entry.path().extension() == ".cpp" && entry.path() != fs::path(__FILE__)) all += contents(entry.path());
  return all;
}
}  // namespace

TEST_CASE("every reference case is listed") {
  const auto folder = tailcube::test::reference_folder();
  if (!fs::is_directory(folder)) {
    std::cerr << "skipped: " << folder << " is not there (set TAILCUBE_REFERENCE to the folder of reference cases)\n";
    return;
  }
  std::set<std::string> there, listed;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".json") there.insert(entry.path().stem().string());
  for (const auto& row : coverage()) listed.insert(row.first);
  CHECK(there == listed);
}

TEST_CASE("the list of reference cases is true") {
  const std::string sources = test_sources();
  const auto named = [&](const std::string& text) { return sources.find('"' + text + '"') != std::string::npos; };
  for (const auto& [file, row] : coverage()) {
    INFO("tests/reference/coverage.csv: " << file << ", " << row.status << ", " << row.text);
    CHECK((row.status == "met" || row.status == "part" || row.status == "later"));
    CHECK_FALSE(row.text.empty());
    CHECK(named(file) == (row.status != "later"));
    if (row.status != "later") CHECK(named(row.text.substr(0, row.text.find(';'))));
    if (row.status == "part") CHECK(row.text.find(';') != std::string::npos);
  }
}
