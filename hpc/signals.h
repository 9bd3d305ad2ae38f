#pragma once
// SIGTERM and SIGINT set a flag that the work polls; the program then removes its .part files and exits 128 + the number.
namespace tailcube {
void watch_signals();
int signal_received();   // 0: none
}
