// The identity of a job: digests over everything that reaches its results.
#include "src/input/digest.h"
#include "src/input/reading.h"

namespace tailcube {
namespace {

// Each part with its length, so that no two lists of parts read the same.
void append(std::string& all, std::string_view part) {
  all += std::to_string(part.size()) + ":";
  all += part;
  all += '\n';
}

std::string without_scenarios(const toml::table& root) {
  const std::string lines = canonical(root);
  std::string out;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find('\n', at) + 1;
    if (!std::string_view(lines).substr(at).starts_with("run.scenarios = ")) out.append(lines, at, end - at);
    at = end;
  }
  return out;
}

}  // namespace

void identify(Reading& reading, std::span<const std::string> settings) {
  Job& job = reading.job;
  std::string tables, defaults, given;
  for (const auto& file : reading.files.all()) {
    job.inputs.push_back({file.written, file.sha256});
    if (job.inputs.size() > 1) append(tables, file.written + " " + file.sha256);
  }
  for (const auto& line : job.defaults_used) append(defaults, line);
  for (const auto& setting : settings) append(given, setting);
  std::string all = "tailcube job 1\n";
  append(all, job.inputs.front().sha256);
  job.digest = sha256(all + tables + given + defaults);
  all = "tailcube tally 1\n";
  append(all, without_scenarios(reading.toml.root()));
  job.tally_digest = sha256(all + tables + defaults);
}

}  // namespace tailcube
