// The only file that includes mpi.h.
#include <mpi.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "hpc/communicator.h"
#include "hpc/last_resort.h"

namespace tailcube {
namespace {

constexpr std::size_t short_message = 4096;  // below the eager limit of every transport we know

void check(int error, const char* call) {
  if (error == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(error, text.data(), &length);
  throw std::runtime_error(std::string(call) + ": " + std::string(text.data(), static_cast<std::size_t>(length)));
}

// A message is its length in 8 bytes, followed at once by the contents when short, otherwise by parts of their own. The
// parts of a sender stay in order, so the next messages of that sender and tag are the parts.
class Mpi final : public Communicator {
 public:
  Mpi(int& argc, char**& argv, std::size_t part) : part_(part) {
    // Open MPI gives the core away at every look for a message where ranks outnumber cores. Ours look between blocks, and
    // sleep when they wait.
    setenv("OMPI_MCA_mpi_yield_when_idle", "0", 0);
    int provided = 0;
    check(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
    if (provided < MPI_THREAD_FUNNELED)
      throw std::runtime_error("MPI_Init_thread: this MPI does not allow threads beside it");
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_dup(MPI_COMM_WORLD, &world_), "MPI_Comm_dup");
    check(MPI_Comm_set_errhandler(world_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(world_, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(world_, &size_), "MPI_Comm_size");
    beats_.assign(static_cast<std::size_t>(size_), MPI_REQUEST_NULL);
    MPI_Comm node = MPI_COMM_NULL;
    check(MPI_Comm_split_type(world_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
    check(MPI_Comm_size(node, &on_node_), "MPI_Comm_size");
    check(MPI_Comm_free(&node), "MPI_Comm_free");
  }
  ~Mpi() override {
    try {  // MPI_Finalize would wait for a rank that hangs
      gather({});
      broadcast({});
    } catch (const std::exception&) {
    }
    for (MPI_Request& request : beats_)
      if (request != MPI_REQUEST_NULL) MPI_Request_free(&request);
    MPI_Comm_free(&world_);
    // UCX over TCP may wait here for ever for a rank that no longer looks (openucx/ucx issue 8738).
    end_within(30, exit_code());
    MPI_Finalize();
    end_within(0, 0);
  }
  Mpi(const Mpi&) = delete;
  Mpi& operator=(const Mpi&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int ranks_on_this_node() const override { return on_node_; }

  void send(int to, Tag tag, std::span<const std::byte> bytes) override {
    const std::uint64_t length = bytes.size();
    std::array<std::byte, 8 + short_message> first;
    std::memcpy(first.data(), &length, 8);
    if (bytes.size() <= short_message) {
      if (!bytes.empty()) std::memcpy(first.data() + 8, bytes.data(), bytes.size());
      send_part(to, tag, std::span(first).first(8 + bytes.size()));
      return;
    }
    send_part(to, tag, std::span(first).first(8));
    for (std::size_t at = 0; at < bytes.size(); at += part_) {
      send_part(to, tag, bytes.subspan(at, std::min(part_, bytes.size() - at)));
    }
  }

  std::optional<Message> poll(std::optional<int> from, Tag tag) override {
    tend();
    int found = 0;
    MPI_Status status;
    check(MPI_Iprobe(from.value_or(MPI_ANY_SOURCE), static_cast<int>(tag), world_, &found, &status), "MPI_Iprobe");
    if (found == 0) return std::nullopt;
    std::array<std::byte, 8 + short_message> first;
    const std::size_t received = receive_part(status.MPI_SOURCE, tag, first);
    std::uint64_t length = 0;
    std::memcpy(&length, first.data(), 8);
    Message message{status.MPI_SOURCE, std::vector<std::byte>(length)};
    if (length <= short_message) {
      if (length != 0) std::memcpy(message.bytes.data(), first.data() + 8, received - 8);
      return message;
    }
    for (std::size_t at = 0; at < length; at += part_) {
      receive_part(status.MPI_SOURCE, tag, std::span(message.bytes).subspan(at, std::min(part_, length - at)));
    }
    return message;
  }

  void abort(int exit_code) override {
    end_within(5, exit_code);
    MPI_Abort(world_, exit_code);
    std::abort();  // not reached: MPI_Abort does not return
  }

 private:
  void beat(int to) override {
    static const std::uint64_t length = 0;
    MPI_Request& request = beats_[static_cast<std::size_t>(to)];
    int done = 0;
    check(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done == 0) return;
    check(MPI_Isend(&length, sizeof length, MPI_BYTE, to, static_cast<int>(Tag::heartbeat), world_, &request), "MPI_Isend");
  }
  void send_part(int to, Tag tag, std::span<const std::byte> bytes) {
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Isend(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, to, static_cast<int>(tag), world_, &request),
          "MPI_Isend");
    complete(request);
  }
  std::size_t receive_part(int from, Tag tag, std::span<std::byte> into) {
    MPI_Request request = MPI_REQUEST_NULL;
    check(MPI_Irecv(into.data(), static_cast<int>(into.size()), MPI_BYTE, from, static_cast<int>(tag), world_, &request),
          "MPI_Irecv");
    MPI_Status status = complete(request);
    int count = 0;
    check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
    return static_cast<std::size_t>(count);
  }

  // A call that blocks inside MPI would not notice that the other rank hangs. A long message makes progress with each look.
  MPI_Status complete(MPI_Request& request) {
    MPI_Status status;
    int done = 0;
    for (Pause pause(2000, std::chrono::microseconds(100));; pause()) {
      check(MPI_Test(&request, &done, &status), "MPI_Test");
      if (done != 0) return status;
      tend();
    }
  }

  MPI_Comm world_ = MPI_COMM_NULL;
  std::size_t part_;
  int rank_ = 0, size_ = 1, on_node_ = 1;
  std::vector<MPI_Request> beats_;  // by rank: the last heartbeat sent
};

}  // namespace

std::unique_ptr<Communicator> connect_mpi(int& argc, char**& argv, std::size_t part) {
  return std::make_unique<Mpi>(argc, argv, part);
}

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string whole(text.data(), static_cast<std::size_t>(length));
  return whole.substr(0, whole.find_first_of(",\n"));  // "Open MPI v4.1.4", without builder and date
}

}  // namespace tailcube
