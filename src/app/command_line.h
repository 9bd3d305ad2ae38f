#pragma once
// How a command line that does not make a command ends.
#include <string>

namespace CLI {
class App;
class ParseError;
}  // namespace CLI

namespace tailcube {

// What is printed instead of running.
struct Refusal {
  int exit_code = 0;  // 0: help that was asked for; 64: what is wrong
  std::string text;
};
Refusal refusal_of(const CLI::App&, const CLI::ParseError&);
// Help to standard output, anything else to standard error; returns the exit code.
int print(const Refusal&);

}  // namespace tailcube
