#include "src/app/agreement.h"

#include "tests/catch_any.h"

namespace tailcube {
namespace {

// Rank 0 of several, whose other ranks have already sent what they think.
class Meeting : public Communicator {
 public:
  explicit Meeting(std::vector<std::string> others) : others_(std::move(others)) {}
  int rank() const override { return 0; }
  int size() const override { return static_cast<int>(others_.size()) + 1; }
  int ranks_on_this_node() const override { return size(); }
  void send(int, Tag, std::span<const std::byte>) override {}
  std::optional<Message> poll(std::optional<int> from, Tag) override {
    const int other = from.value_or(1);
    const auto bytes = std::as_bytes(std::span(others_.at(static_cast<std::size_t>(other - 1))));
    return Message{other, {bytes.begin(), bytes.end()}};
  }
  void abort(int) override { throw std::logic_error("aborted"); }

 private:
  void beat(int) override {}
  std::vector<std::string> others_;
};

TEST_CASE("ranks that agree go on") {
  Meeting world({"0\nabc\n", "0\nabc\n"});
  CHECK(agree(world, {{0, ""}, "abc"}).exit_code == 0);
}

TEST_CASE("the first failure counts and names its rank, unless it is rank 0") {
  Meeting world({"0\nabc\n", "66\n\njob.toml: no such file\nsecond line"});
  const Failure one = agree(world, {{0, ""}, "abc"});
  CHECK(one.exit_code == 66);
  CHECK(one.text == "rank 2: job.toml: no such file\nsecond line");
  const Failure zero = agree(world, {{65, "job.toml:1:1: bad"}, ""});
  CHECK(zero.exit_code == 65);
  CHECK(zero.text == "job.toml:1:1: bad");
}

TEST_CASE("another job on another rank is refused") {
  Meeting world({"0\nabc\n", "0\nabd\n"});
  const Failure failure = agree(world, {{0, ""}, "abc"});
  CHECK(failure.exit_code == 70);
  CHECK(failure.text.starts_with("rank 2 read another job"));
}

}  // namespace
}  // namespace tailcube
