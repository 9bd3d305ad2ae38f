#pragma once
// Messages between ranks. communicator.cpp and communicator_mpi.cpp are the only files that know MPI; alone it is rank 0 of 1.
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace tailcube {

enum class Tag : int { lease_request = 1, lease = 2, reduce = 3, text = 4 };
struct Message {
  int from;
  std::vector<std::byte> bytes;
};

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual void send(int to, Tag, std::span<const std::byte>) = 0;      // may block until received; any length
  virtual Message receive(std::optional<int> from, Tag) = 0;           // blocks
  virtual std::optional<Message> poll(Tag) = 0;                        // does not block
  virtual std::vector<std::byte> broadcast(std::vector<std::byte>) = 0;  // rank 0's bytes to all
  virtual int ranks_on_this_node() const = 0;
  // Ends every rank with this exit code. Does not return.
  [[noreturn]] virtual void abort(int exit_code) = 0;
};

// Initialises MPI when the program was started by a launcher (mpirun, srun), otherwise is alone.
std::unique_ptr<Communicator> connect(int& argc, char**& argv);
std::string mpi_version();  // "none" in a serial build

}  // namespace tailcube
