#pragma once
// SIGTERM, SIGUSR1 and SIGINT set a flag that the work polls; what was done is then saved and the program ends in order.
namespace tailcube {

// Call once, early, on every rank. A second SIGINT ends the process at once; a further SIGTERM or SIGUSR1 changes
// nothing, because a batch system and its launcher may both send one. SIGXFSZ is ignored: a file that may not grow is
// reported like a full disk.
void watch_signals();
int signal_received();  // the first signal's number, 0: none

}  // namespace tailcube
