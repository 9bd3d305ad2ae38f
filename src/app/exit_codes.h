#pragma once
// What the program returns, on every rank the same (docs/design.md).
namespace tailcube::exit_code {

inline constexpr int ok = 0;
inline constexpr int differs = 1;        // compare: a figure lies beyond tolerance and noise
inline constexpr int usage = 64;         // the command line
inline constexpr int invalid = 65;       // what the input says
inline constexpr int missing = 66;       // input that is not there or cannot be read
inline constexpr int internal = 70;      // our own fault, or a machine that cannot run the program
inline constexpr int io = 74;            // output that exists already, a full disk
inline constexpr int stopped = 75;       // by SIGTERM, SIGUSR1 or --max-hours; the same command line goes on
inline constexpr int interrupted = 130;  // by SIGINT; the same

}  // namespace tailcube::exit_code
