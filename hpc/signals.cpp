#include "hpc/signals.h"

#include <atomic>
#include <csignal>

namespace tailcube {
namespace {

std::atomic<int> received = 0;  // a signal may reach any thread
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void note(int number) {
  int none_yet = 0;
  received.compare_exchange_strong(none_yet, number);
}

}  // namespace

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGUSR1, &action, nullptr);
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  std::signal(SIGXFSZ, SIG_IGN);
}

int signal_received() { return received; }

}  // namespace tailcube
