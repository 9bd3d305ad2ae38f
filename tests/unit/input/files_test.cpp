// Files as they come: encodings, line ends, quotes; and files that cannot be read.
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>

#include "src/input/csv.h"
#include "tests/catch_any.h"
#include "tests/unit/input/job_files.h"

namespace tailcube::test {
namespace {

std::string with_crlf(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return out;
}

TEST_CASE("a byte order mark and CRLF change nothing") {
  JobFiles files = valid_job();
  const Job plain = read(files);
  for (auto& [name, text] : files) text = "\xEF\xBB\xBF" + with_crlf(text);
  const Job other = read(files);
  CHECK(other.tables[0].positions.id == plain.tables[0].positions.id);
  CHECK(other.tables[0].positions.numbers == plain.tables[0].positions.numbers);
  CHECK(other.obligors.country == plain.obligors.country);
  CHECK(other.market.correlation == plain.market.correlation);
  CHECK(other.cells.size() == plain.cells.size());
  CHECK(other.confidence == plain.confidence);
  CHECK(other.digest != plain.digest);
}

using Records = std::vector<std::vector<std::string>>;
struct Parsed {
  Records records;
  std::vector<int> lines;
  std::size_t issues;
};
Parsed parse(std::string text) {
  SourceFile file{"t.csv", "t.csv", std::move(text), ""};
  Issues issues;
  Csv csv(file, issues);
  Parsed out{{}, {}, 0};
  while (csv.next()) {
    out.records.emplace_back(csv.cells().begin(), csv.cells().end());
    out.lines.push_back(csv.line());
  }
  out.issues = issues.total();
  return out;
}

TEST_CASE("records of RFC 4180") {
  CHECK(parse("a,b\n1,2").records == Records{{"a", "b"}, {"1", "2"}});
  CHECK(parse("a,b\r\n\r\n1,\r\n").records == Records{{"a", "b"}, {"1", ""}});
  CHECK(parse("\"a\",\"b,c\"\n").records == Records{{"a", "b,c"}});
  CHECK(parse("\"a\"\"b\",\"\"\"\"\r\nx,\"\"\n").records == Records{{"a\"b", "\""}, {"x", ""}});
  CHECK(parse(" a , b\t,\" c \" , d\n").records == Records{{"a", "b", " c ", "d"}});
  const Parsed spread = parse("\"a\r\nb\",c\n\nd,\"e\n\nf\"\ng,h\n");
  CHECK(spread.records == Records{{"a\r\nb", "c"}, {"d", "e\n\nf"}, {"g", "h"}});
  CHECK(spread.lines == std::vector<int>{1, 4, 7});
  CHECK(parse("\"a\"\n\"b\"").records == Records{{"a"}, {"b"}});
  CHECK(parse("a,\"b\n").issues == 1);
  const Parsed bad = parse("a\"b,c\n\"x\"y,z\nd,e\n");
  CHECK(bad.issues == 2);
  CHECK(bad.records == Records{{"d", "e"}});
  CHECK(bad.lines == std::vector<int>{3});
}

TEST_CASE("quoted cells reach the job") {
  JobFiles files = valid_job();
  files["obligors.csv"] = replaced(files["obligors.csv"], "Retail,DE", "\"Retail, \"\"big\"\"\nand small\",\"DE\"");
  files["obligors.csv"] = replaced(files["obligors.csv"], "SME:0.3 TECH:-0.4", "\"SME:0.3\n TECH:-0.4\"");
  const Job job = read(files);
  CHECK(job.obligors.sector[0] == "Retail, \"big\"\nand small");
  CHECK(job.obligors.loadings[2].size() == 2);
  files["obligors.csv"] = replaced(files["obligors.csv"], "O2,,,0.02", "O2,,,-1");
  CHECK(outcome(files).messages == std::vector<std::string>{"obligors.csv:6: hazard: -1 is not between 0 and 36"});
}

TEST_CASE("files that are no text") {
  const auto spoilt = [](const std::string& file, const std::string& text) {
    JobFiles files = valid_job();
    files[file] = text;
    const Outcome found = outcome(files);
    CHECK(found.exit_code == 65);
    return found.messages;
  };
  using Messages = std::vector<std::string>;
  for (const std::string file : {"job.toml", "factors.csv", "correlation.csv", "curves.csv", "ratings.csv", "obligors.csv",
                                 "exposures.csv", "path.csv"}) {
    INFO(file);
    CHECK(spoilt(file, "") == Messages{file + ": the file is empty"});
    CHECK(spoilt(file, "\xEF\xBB\xBF\r\n \n") == Messages{file + ": the file is empty"});
    CHECK(spoilt(file, std::string("a\nb\0c\n", 6)) == Messages{file + ":2: a NUL byte: this is a binary file, not text"});
    CHECK(spoilt(file, "a,b\n\xFF,1\n") ==
          Messages{file + ":2: not valid UTF-8: this is a binary file or has another encoding"});
    CHECK(spoilt(file, "a\n" + std::string(longest_record + 1, 'x')) == Messages{file + ":2: a line longer than 1 MiB"});
  }
  std::string record = "id,pd_1y,lgd,sector\nA,0.1,0.5,\"";
  for (int i = 0; i < 20; ++i) record.append(60'000, 'x').push_back('\n');
  const Messages found = spoilt("obligors.csv", record + "\"\n");
  CHECK(std::count(found.begin(), found.end(), "obligors.csv:2: a record longer than 1 MiB: is a closing quote missing?") ==
        1);
}

TEST_CASE("which bytes are UTF-8") {
  const auto good = [](std::string_view text) { return invalid_utf8(text) == std::string_view::npos; };
  CHECK(good("plain text of more than eight bytes"));
  CHECK(good("\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
  for (const char* bad : {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
                          "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xFE"}) {
    INFO(bad);
    CHECK(invalid_utf8(std::string("12345678ab") + bad) == 10);
  }
}

TEST_CASE("files that cannot be read end with 66") {
  const Folder folder;
  CHECK(outcome_in(folder).exit_code == 66);
  CHECK(outcome_in(folder).messages == std::vector<std::string>{"job.toml: cannot be read: No such file or directory"});
  JobFiles files = valid_job();
  files.erase("curves.csv");
  write(folder, files);
  std::filesystem::create_directory(folder.path / "curves.csv");
  CHECK(outcome_in(folder).exit_code == 66);
  CHECK(outcome_in(folder).messages ==
        std::vector<std::string>{"job.toml:14:10: files.curves: \"curves.csv\" cannot be read: it is a directory"});
  std::filesystem::remove(folder.path / "curves.csv");
  REQUIRE(::mkfifo((folder.path / "curves.csv").c_str(), 0600) == 0);
  CHECK(outcome_in(folder).messages ==
        std::vector<std::string>{"job.toml:14:10: files.curves: \"curves.csv\" cannot be read: it is not a regular file"});
}

TEST_CASE("an unreadable file is worth 66 even beside wrong contents") {
  JobFiles files = valid_job();
  files.erase("ratings.csv");
  files["job.toml"] = replaced(files["job.toml"], "seed = 42", "seed = -1");
  const Outcome found = outcome(files);
  CHECK(found.exit_code == 66);
  CHECK(found.messages == std::vector<std::string>{
                              "job.toml:3:8: run.seed: -1 is not an integer from 0 to 9223372036854775807",
                              "job.toml:15:11: files.ratings: \"ratings.csv\" cannot be read: No such file or directory"});
}

// Root may read everything, so the reading is done by a child that is nobody.
TEST_CASE("no permission") {
  const Folder folder;
  write(folder, valid_job());
  ::chmod(folder.path.c_str(), 0755);
  ::chmod((folder.path / "curves.csv").c_str(), 0);
  const ::pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && ::seteuid(65534) != 0) ::_exit(99);
    const Outcome found = outcome_in(folder);
    const bool as_expected =
        found.exit_code == 66 && found.messages == std::vector<std::string>{
                                                       "job.toml:14:10: files.curves: \"curves.csv\" cannot be "
                                                       "read: Permission denied"};
    ::_exit(as_expected ? 0 : 1);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 99)
    WARN("skipped: this root may not become another user");
  else
    CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

}  // namespace
}  // namespace tailcube::test
