#pragma once
// The command line of `reverse`.
#include <optional>
#include <string>

#include "src/app/command_line.h"
#include "src/app/revisit.h"

namespace tailcube {

struct ReverseOptions {
  RevisitOptions at;
  std::optional<double> loss, quantile;  // one of them
  int clusters = 0;                      // 0: as many as there are
  int threads = 0;
};

// Prints what goes with a large loss, or what went wrong; returns the exit code.
int reverse_command(int argc, const char* const* argv);  // reverse.cpp

struct ParsedReverse {  // the options, or what is to be printed instead
  std::optional<ReverseOptions> options;
  Refusal refusal;
};
ParsedReverse parse_reverse(int argc, const char* const* argv);

// "25M", "1.5B", "300k", "-2e6": an amount of money. Empty: none.
std::optional<double> parse_amount(const std::string&);
// "0.999" or "99.9%", above 0 and below 1. Empty: none.
std::optional<double> parse_share(const std::string&);

}  // namespace tailcube
