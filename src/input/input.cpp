#include "src/input/input.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "src/input/job_text.h"
#include "src/input/reading.h"

namespace tailcube {
namespace {

constexpr std::string_view top_keys[] = {"run",  "time",   "files",    "currency", "market",
                                         "cube", "credit", "sampling", "stress",   "stress_axis"};

void read_files(Reading& reading) {
  Section files(reading.context(), "files");
  read_factors(reading, files);
  read_currencies(reading);
  read_correlation(reading, files);
  read_curves(reading, files);
  read_obligors(reading, files);
  read_positions(reading, files);
  files.finish();
}

}  // namespace

SourceFile* Reading::open(Section& section, const toml::node& node, std::string_view key) {
  const auto* name = node.as_string();
  if (!name || name->get().empty()) return section.wrong(node, key, "the name of a file"), nullptr;
  return files.open(folder / name->get(), name->get(), toml.issue(node.source(), section.dotted(key), ""), issues);
}

namespace {

struct Scratch {
  explicit Scratch(const std::string& text) : number(::memfd_create("job", MFD_CLOEXEC)) {
    if (number < 0 || ::write(number, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      throw std::runtime_error(std::string("no memory for the job file: ") + std::strerror(errno));
  }
  ~Scratch() { ::close(number); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string path() const { return "/proc/self/fd/" + std::to_string(number); }
  int number;
};

Job read_job(Reading& reading, const SourceFile* file, std::span<const std::string> settings) {
  if (!file || !reading.toml.parse(*file, settings, reading.issues)) reading.issues.throw_if_any();
  if (settings.empty())
    reading.job.text = file->text;
  else
    reading.job.text = canonical(reading.toml.root());

  Section top(reading.context(), "");
  for (const auto key : top_keys) top.find(key);
  top.finish();
  if (reading.job.name.empty()) reading.job.name = std::filesystem::path(file->shown).stem().string();
  read_settings(reading);
  read_files(reading);
  find_contributions(reading);
  read_stress(reading);
  reading.issues.throw_if_any();

  list_warnings(reading);
  identify(reading, settings);
  return std::move(reading.job);
}

}  // namespace

Job read_job(const std::filesystem::path& path, std::span<const std::string> settings) {
  Reading reading;
  reading.folder = path.parent_path();
  const SourceFile* file = reading.files.open(path, path.filename().string(), {"", 0, 0, "", ""}, reading.issues);
  return read_job(reading, file, settings);
}

Job read_job_text(const std::filesystem::path& path, const std::string& text) {
  Reading reading;
  reading.folder = path.parent_path();
  // Files are read as files: the text becomes one that only this process has.
  const Scratch scratch(text);
  SourceFile* file = reading.files.open(scratch.path(), path.filename().string(), {"", 0, 0, "", ""}, reading.issues);
  if (file) file->shown = path.string();
  return read_job(reading, file, {});
}

}  // namespace tailcube
