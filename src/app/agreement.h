#pragma once
// Ranks agree on how things went: one message, one exit code.
#include <string>
#include <vector>

#include "hpc/communicator.h"

namespace tailcube {

// A failure with its exit code and the whole message for people. Code 0 is used by --help and the like.
struct Failure {
  int exit_code = 0;
  std::string text;
};

// What one rank has to say at a meeting point. `fact` must be equal on all ranks that did not fail (the job's digest).
struct Opinion {
  Failure failure;
  std::string fact;
};

// Collective. Returns the same failure on every rank: of the first rank with one, naming the rank if rank 0 had none; or a
// disagreement about the fact (internal). exit_code 0: all is well.
Failure agree(Communicator&, const Opinion&);

// Every rank's text at rank 0, in the order of ranks; empty elsewhere.
std::vector<std::string> gather(Communicator&, const std::string&);
std::string broadcast(Communicator&, const std::string&);

}  // namespace tailcube
