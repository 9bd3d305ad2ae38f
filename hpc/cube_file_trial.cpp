#include "hpc/cube_file_trial.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tailcube {
namespace {

[[noreturn]] void run_and_exit(const std::function<void()>& action, unsigned cpu_seconds) {
  for (const int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTERM, SIGINT}) std::signal(number, SIG_DFL);
  const rlimit no_core{0, 0}, time{cpu_seconds, cpu_seconds + 1};
  setrlimit(RLIMIT_CORE, &no_core);
  setrlimit(RLIMIT_CPU, &time);
  if (const int null = ::open("/dev/null", O_WRONLY); null >= 0) {
    ::dup2(null, STDOUT_FILENO);
    ::dup2(null, STDERR_FILENO);
  }
  try {
    action();
  } catch (...) {  // the parent meets the same error and reports it
  }
  ::_exit(0);
}

}  // namespace

bool survives(const std::function<void()>& action, unsigned cpu_seconds) {
  const pid_t child = ::fork();
  if (child < 0) return true;
  if (child == 0) run_and_exit(action, cpu_seconds);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return true;  // someone else collects our children
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace tailcube
