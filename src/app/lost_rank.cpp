#include "src/app/lost_rank.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include "hpc/last_resort.h"
#include "src/app/agreement.h"
#include "src/app/exit_codes.h"

namespace tailcube {
namespace {

std::string host_name() {
  std::string name(256, '\0');
  gethostname(name.data(), name.size() - 1);
  return name.c_str();
}

}  // namespace

void watch_ranks(Communicator& world, double patience_seconds, const std::shared_ptr<const CheckpointFiles>& checkpoints) {
  std::vector<std::string> hosts = gather(world, host_name());
  const std::string first = broadcast(world, hosts.empty() ? "" : hosts[0]);
  if (hosts.empty()) hosts = {first};  // a worker listens to rank 0 alone
  world.watch(patience_seconds, [&world, patience_seconds, hosts, checkpoints](int lost) {
    end_within(10, exit_code::internal);  // a shared folder or standard error may have gone with the host
    const bool resume = checkpoints->any();
    spdlog::error(
        "nothing was heard of rank {} on {} for {:g} seconds (--patience): it hangs, or its host is cut off. {}", lost,
        hosts[static_cast<std::size_t>(lost)], patience_seconds,
        resume ? "There is a checkpoint: the same command goes on from it" : "There is no checkpoint yet: start again");
    world.abort(resume ? exit_code::stopped : exit_code::internal);
  });
}

}  // namespace tailcube
