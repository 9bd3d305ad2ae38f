#include "src/app/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "hpc/cube_file.h"
#include "src/report/json.h"

namespace tailcube {
namespace {

// %* in a pattern: the message as the inside of a JSON string.
class JsonText final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string text = json_escaped({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonText>(); }
};

// %& in a pattern: "warning: " on warnings. Errors start with what they are about.
class Warning final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    constexpr std::string_view word = "warning: ";
    if (message.level == spdlog::level::warn) out.append(word.data(), word.data() + word.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<Warning>(); }
};

std::unique_ptr<spdlog::formatter> formatter(const std::string& pattern) {
  auto result = std::make_unique<spdlog::pattern_formatter>();
  result->add_flag<JsonText>('*').add_flag<Warning>('&').set_pattern(pattern);
  return result;
}

const char* const json_pattern = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","text":"%*"})";

}  // namespace

void start_logging(const Options& options, int rank) {
  auto console = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  const std::string who = rank == 0 ? "" : "rank " + std::to_string(rank) + ": ";
  console->set_formatter(formatter(options.json_log  ? json_pattern
                                   : options.verbose ? "%H:%M:%S %l: " + who + "%v"
                                                     : "%&" + who + "%v"));
  const auto wanted = options.verbose ? spdlog::level::debug : spdlog::level::info;
  console->set_level(options.quiet || rank > 0 ? spdlog::level::warn : wanted);
  auto logger = std::make_shared<spdlog::logger>("tailcube", console);
  logger->set_level(wanted);
  logger->set_error_handler([](const std::string&) {});  // a full disk is reported by what has to be written, once
  spdlog::set_default_logger(logger);
}

void log_to_file(const std::filesystem::path& path, const Options& options, LogFile how) {
  try {
    auto file = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string(), how == LogFile::anew);
    file->set_formatter(formatter(options.json_log ? json_pattern : "%Y-%m-%d %H:%M:%S.%e %l: %v"));
    spdlog::default_logger()->sinks().push_back(file);
    spdlog::default_logger()->flush_on(spdlog::level::warn);
  } catch (const spdlog::spdlog_ex& e) {
    throw FileError(path.string() + ": " + e.what());
  }
}

}  // namespace tailcube
