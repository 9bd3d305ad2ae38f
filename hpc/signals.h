#pragma once
// SIGTERM and SIGINT set a flag that the work polls; the program then removes its .part files and exits 128 + the number.
namespace tailcube {

// Call once, early, on every rank. A second SIGINT ends the process at once; further SIGTERMs are taken as the first,
// because a batch system and its launcher may both send one. SIGXFSZ is ignored: a file that may not grow is reported like a
// full disk.
void watch_signals();
int signal_received();  // the first signal's number, 0: none

}  // namespace tailcube
