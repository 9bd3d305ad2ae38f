#pragma once
// HDF5 is not safe against a file that was made to break it (about one in 100 to 300 damaged files with a valid seal ends in
// SIGSEGV, with 1.10.8). A child process therefore takes the risk first.
#include <functional>

namespace tailcube {

// Runs the action in a copy of this process, whose output is thrown away. False when the copy crashed or used more than
// `cpu_seconds`; true when the action returned or threw, or no copy could be made.
bool survives(const std::function<void()>& action, unsigned cpu_seconds);

}  // namespace tailcube
