#pragma once
// From exceptions to exit codes, the same on every rank. Only main turns the result into the end of the program.
#include <functional>
#include <string>

#include "src/app/agreement.h"

namespace tailcube {

// Runs `step` and says what went wrong: invalid input 65 or 66 with every issue, files 74, everything else 70.
Failure attempt(const std::function<void()>& step);
// What asks to stop: a signal's number, or the time limit of --max-hours.
inline constexpr int time_limit = -1;
// As a failure that ends the run, though the same command line goes on; `how_far` says with what. 0: no failure.
Failure stop_failure(int stop, const std::string& how_far = "before anything was evaluated");

// One log record per line: a line starts with the file it is about, as editors expect.
void log_error(const std::string& lines);

// Ends a command on every rank; the text has been printed.
struct Stop {
  int exit_code;
  std::string text;
};
// What the command line asks for is not there.
[[noreturn]] void refuse(const std::string& text);
// Collective: if any rank failed, rank 0 prints why, once, and every rank throws Stop.
void meet(Communicator&, const Failure&, const std::string& fact = {});

}  // namespace tailcube
