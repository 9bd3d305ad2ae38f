#include "hpc/communicator.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace tailcube {
namespace {

class Alone final : public Communicator {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  int ranks_on_this_node() const override { return 1; }
  void send(int to, Tag, std::span<const std::byte>) override {
    throw std::logic_error("send to rank " + std::to_string(to) + " of 1");
  }
  std::optional<Message> poll(std::optional<int>, Tag) override { return std::nullopt; }
  void abort(int exit_code) override { std::exit(exit_code); }

 private:
  void beat(int) override {}
};

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::optional<int> number(const char* text) {
  if (text == nullptr) return std::nullopt;
  const std::string_view digits(text);
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

Launch find_launch(const std::function<const char*(const char*)>& get) {
  // Open MPI's mpirun; the process managers of MPICH and Intel MPI.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}) {
    if (const auto ranks = number(get(name))) return {name, *ranks};
  }
  // SLURM_NTASKS and SLURM_PROCID are also set in a batch script, outside of srun: only a step's own variable tells.
  const int step_ranks = number(get("SLURM_STEP_NUM_TASKS")).value_or(0);
  for (const char* name : {"PMIX_RANK", "PMI_RANK"}) {
    if (get(name) != nullptr) return {name, step_ranks};
  }
  if (step_ranks > 1) return {"SLURM_STEP_NUM_TASKS", step_ranks};
  return {};
}

void Pause::operator()() {
  if (looks_ > 0) {
    --looks_;
    return;
  }
  std::this_thread::sleep_for(next_);
  next_ = std::min(next_ + next_ / 4, longest_);
}

void Communicator::watch(double patience_seconds, std::function<void(int rank)> lost) {
  if (size() == 1) return;
  lost_ = std::move(lost);
  watchdog_.emplace(rank(), size(), patience_seconds, steady_seconds());
}

void Communicator::tend() {
  if (!watchdog_ || tending_ || !watchdog_->due(steady_seconds())) return;
  tending_ = true;  // poll() calls this
  const int first = rank() == 0 ? 1 : 0, last = rank() == 0 ? size() - 1 : 0;
  for (int to = first; to <= last; ++to) beat(to);
  while (const auto beat = poll(Tag::heartbeat)) watchdog_->heard(beat->from);
  if (const auto silent = watchdog_->silent()) lost_(*silent);
  tending_ = false;
}

Message Communicator::receive(std::optional<int> from, Tag tag) {
  if (size() == 1) throw std::logic_error("receive: there is no other rank");
  for (Pause pause;; pause())
    if (auto message = poll(from, tag)) return std::move(*message);
}

std::vector<std::byte> Communicator::broadcast(std::vector<std::byte> bytes) {
  // A binomial tree: the parent of a rank is the rank without its lowest set bit.
  int bit = 1;
  while (bit < size() && (rank() & bit) == 0) bit <<= 1;
  if (rank() != 0) bytes = receive(rank() - bit, Tag::broadcast).bytes;
  for (bit >>= 1; bit > 0; bit >>= 1) {
    if (rank() + bit < size()) send(rank() + bit, Tag::broadcast, bytes);
  }
  return bytes;
}

std::vector<std::vector<std::byte>> Communicator::gather(std::span<const std::byte> bytes) {
  if (rank() != 0) {
    send(0, Tag::report, bytes);
    return {};
  }
  std::vector<std::vector<std::byte>> all(static_cast<std::size_t>(size()));
  all[0].assign(bytes.begin(), bytes.end());
  for (int from = 1; from < size(); ++from) all[static_cast<std::size_t>(from)] = receive(from, Tag::report).bytes;
  return all;
}

#ifdef TAILCUBE_HAVE_MPI
std::unique_ptr<Communicator> connect_mpi(int& argc, char**& argv, std::size_t part);  // communicator_mpi.cpp
#else
std::string mpi_version() { return "none"; }
#endif

std::unique_ptr<Communicator> connect([[maybe_unused]] int& argc, [[maybe_unused]] char**& argv,
                                      [[maybe_unused]] std::size_t part) {
  const Launch launch = find_launch([](const char* name) -> const char* { return std::getenv(name); });
  if (launch.by.empty()) return std::make_unique<Alone>();
#ifdef TAILCUBE_HAVE_MPI
  auto communicator = connect_mpi(argc, argv, part);
  const std::string mend =
      "start it with mpirun of the MPI it was built with (" + mpi_version() + "), or with srun --mpi=pmix";
#else
  std::unique_ptr<Communicator> communicator = std::make_unique<Alone>();
  const std::string mend = "start it alone: this build has no MPI";
#endif
  if (communicator->size() == 1 && launch.ranks > 1) {
    throw std::runtime_error("started as one of " + std::to_string(launch.ranks) + " ranks (" + launch.by +
                             "), but they cannot see each other; " + mend);
  }
  return communicator;
}

}  // namespace tailcube
