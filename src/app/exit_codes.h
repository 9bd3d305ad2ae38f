#pragma once
// What the program returns, on every rank the same (docs/design.md).
namespace tailcube::exit_code {

inline constexpr int ok = 0;
inline constexpr int usage = 64;       // the command line
inline constexpr int invalid = 65;     // what the input says
inline constexpr int missing = 66;     // input that is not there or cannot be read
inline constexpr int internal = 70;    // our own fault, or a machine that cannot run the program
inline constexpr int io = 74;          // output that exists already, a full disk
inline constexpr int signalled = 128;  // plus the signal's number: SIGTERM 143, SIGINT 130

}  // namespace tailcube::exit_code
