#include "src/app/progress.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdio>

#include "src/report/money.h"

namespace tailcube {
namespace {

using namespace std::chrono_literals;

ProgressStyle resolved(const Options& options) {
  if (options.quiet) return ProgressStyle::silent;
  if (options.progress != ProgressStyle::automatic) return options.progress;
  return isatty(STDERR_FILENO) != 0 ? ProgressStyle::bar : ProgressStyle::lines;
}

double share(const Progress& p) {
  return p.scenario_cells_total == 0
             ? 1
             : static_cast<double>(p.scenario_cells_done) / static_cast<double>(p.scenario_cells_total);
}

// "45 %, 1,234,567 scenarios x cells per second, 12.3 s left"
std::string words(const Progress& p, double elapsed_seconds) {
  const auto done = static_cast<double>(p.scenario_cells_done);
  const double here = done - static_cast<double>(p.scenario_cells_before);
  const double rate = elapsed_seconds > 0 ? here / elapsed_seconds : 0;
  std::string text = right(grouped(100 * share(p)), 3) + " %, " + grouped(rate) + " scenarios x cells per second";
  if (rate > 0) text += ", " + duration_text((static_cast<double>(p.scenario_cells_total) - done) / rate) + " left";
  return text;
}

}  // namespace

ProgressReport::ProgressReport(const Options& options)
    : style_(resolved(options)), pause_(style_ == ProgressStyle::bar ? Clock::duration(200ms) : Clock::duration(10s)) {
  next_ = start_ + pause_;
}

ProgressReport::~ProgressReport() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void ProgressReport::operator()(const Progress& p) {
  if (style_ == ProgressStyle::silent) return;
  const auto now = Clock::now();
  if (now < next_) return;
  next_ = now + pause_;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  if (style_ == ProgressStyle::bar)
    draw_bar(p, elapsed);
  else
    log_line(p, elapsed);
}

void ProgressReport::draw_bar(const Progress& p, double elapsed_seconds) {
  constexpr std::size_t cells = 30;
  const auto filled = static_cast<std::size_t>(share(p) * static_cast<double>(cells));
  std::fprintf(stderr, "\r[%s%s] %s\033[K", std::string(filled, '=').c_str(), std::string(cells - filled, ' ').c_str(),
               words(p, elapsed_seconds).c_str());
  std::fflush(stderr);
  drawn_ = true;
}

void ProgressReport::log_line(const Progress& p, double elapsed_seconds) const { spdlog::info(words(p, elapsed_seconds)); }

}  // namespace tailcube
