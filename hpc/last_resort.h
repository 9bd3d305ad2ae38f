#pragma once
// An end that needs no other process.
namespace tailcube {

// Ends this process with the exit code when it still exists after so many seconds, whatever it is doing then: a launcher
// that has lost a host may never answer. 0 seconds: never. Uses SIGALRM.
void end_within(unsigned seconds, int exit_code);

}  // namespace tailcube
