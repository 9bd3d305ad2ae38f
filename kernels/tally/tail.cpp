#include "kernels/tally/tail.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace tailcube {
namespace {

constexpr std::size_t chunk = 16;

// A quarter more than is kept: a shrink costs about five steps per entry that it drops.
std::size_t with_slack(std::int64_t kept) { return static_cast<std::size_t>(kept + kept / 4) + 256 + chunk; }

struct Compared {
  bool any_above;
  std::int64_t equal;
};

// A chunk against the floor; |loss| < 2^62, so that the difference cannot overflow.
inline Compared compare(const Units* losses, Units above, Units floor) {
  Units signs = 0;
  std::int64_t equal = 0;
  for (std::size_t k = 0; k < chunk; ++k) {
    signs |= above - losses[k];
    equal += losses[k] == floor ? 1 : 0;
  }
  return {signs < 0, equal};
}

}  // namespace

std::int64_t Tail::Keep::operator()(std::int64_t n) const {
  if (!grows) return at_least;
  const Wide beyond = Wide{n} * (alpha_denominator - alpha_numerator);
  const auto expected = static_cast<std::int64_t>((beyond + alpha_denominator - 1) / alpha_denominator);
  const double alpha = static_cast<double>(alpha_numerator) / static_cast<double>(alpha_denominator);
  const double deviation = std::sqrt(static_cast<double>(n) * alpha * (1 - alpha));
  return std::max(at_least, expected + static_cast<std::int64_t>(std::ceil(8 * deviation)) + 8);
}

template <class Accept>
std::size_t Tail::remove_unless(std::size_t begin, Accept accept) {
  std::size_t to = begin;
  for (std::size_t from = begin; from < size_; ++from) {
    const Mark mark{loss_[from], scenario_[from]};
    loss_[to] = mark.loss, scenario_[to] = mark.scenario;
    if (weighted_) weight_[to] = weight_[from];
    to += static_cast<std::size_t>(accept(mark));
  }
  const std::size_t removed = size_ - to;
  size_ = to;
  return removed;
}

void Tail::add(std::span<const Units> losses, std::span<const std::int64_t> weights, std::uint64_t first_scenario) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 32;
  if (losses.empty()) return;
  if (first_scenario >= limit || losses.size() > limit - first_scenario) throw std::overflow_error("scenario beyond 2^32");
  if (!weights.empty()) start_weights();
  sorted_ = false;
  for (std::size_t s = 0; s < losses.size(); s += chunk) {
    const std::size_t n = std::min(chunk, losses.size() - s);
    seen_ += static_cast<std::int64_t>(n);
    if (cut_ && n == chunk) {
      const Compared compared = compare(losses.data() + s, entering_above(first_scenario + s), floor_.loss);
      if (!compared.any_above) [[likely]] {
        unlisted_ += compared.equal;
        continue;
      }
    }
    if (size_ + chunk > loss_.size()) make_room(chunk);
    append(losses.subspan(s, n), weights.empty() ? weights : weights.subspan(s, n), first_scenario + s);
  }
}

// A scenario after the floor enters with a larger loss only; before it a tie may enter as well.
Units Tail::entering_above(std::uint64_t first_scenario) const {
  if (!cut_) return std::numeric_limits<Units>::min();
  return floor_.loss - (first_scenario < floor_.scenario ? 1 : 0);
}

void Tail::append(std::span<const Units> losses, std::span<const std::int64_t> weights, std::uint64_t first_scenario) {
  const Units above = entering_above(first_scenario);
  const auto first = static_cast<std::uint32_t>(first_scenario);
  // Written always, counted when it enters: no branch to mispredict.
  Units* loss = loss_.data() + size_;
  std::uint32_t* scenario = scenario_.data() + size_;
  std::size_t n = 0, equal = 0;
  for (std::size_t k = 0; k < losses.size(); ++k) {
    const Units x = losses[k];
    loss[n] = x, scenario[n] = first + static_cast<std::uint32_t>(k);
    n += static_cast<std::size_t>(x > above);
  }
  for (const Units x : losses) equal += static_cast<std::size_t>(x == floor_.loss);
  if (weighted_)
    for (std::size_t k = 0; k < n; ++k) weight_[size_ + k] = weights.empty() ? unit_weight : weights[scenario[k] - first];
  const std::size_t from = size_;
  size_ += n;
  if (!cut_) return;
  if (above == floor_.loss)
    unlisted_ += static_cast<std::int64_t>(equal);
  else
    unlisted_ += static_cast<std::int64_t>(remove_unless(from, [&](const Mark& mark) { return mark.precedes(floor_); }));
}

// Room for more entries: the list shrinks to what Keep asks for, or grows with it.
void Tail::make_room(std::size_t entries) {
  const std::int64_t kept = keep_(seen_);
  if (size_ + entries > with_slack(kept)) shrink(static_cast<std::size_t>(kept));
  const std::size_t capacity = std::max(with_slack(kept), size_ + entries);
  if (capacity > loss_.size()) resize(capacity);
}

void Tail::resize(std::size_t capacity) {
  const auto resized = [&](auto& column) {  // exactly as large as needed
    std::remove_reference_t<decltype(column)> larger(capacity);
    std::copy_n(column.begin(), size_, larger.begin());
    column.swap(larger);
  };
  resized(loss_);
  resized(scenario_);
  if (weighted_) resized(weight_);
}

// Keeps the first `entries` of the order: a threshold on the loss, then on the scenario among its ties.
void Tail::shrink(std::size_t entries) {
  if (size_ <= entries) return;
  const auto end = static_cast<std::ptrdiff_t>(size_);
  std::vector<Units> losses(loss_.begin(), loss_.begin() + end);
  const auto nth = losses.begin() + static_cast<std::ptrdiff_t>(entries) - 1;
  std::nth_element(losses.begin(), nth, losses.end(), std::greater<>());
  const Units threshold = *nth;
  const auto ties =
      entries - static_cast<std::size_t>(std::count_if(losses.begin(), nth, [&](Units x) { return x > threshold; }));
  std::vector<std::uint32_t> tied;
  for (std::size_t i = 0; i < size_; ++i)
    if (loss_[i] == threshold) tied.push_back(scenario_[i]);
  const auto last = tied.begin() + static_cast<std::ptrdiff_t>(ties) - 1;
  std::nth_element(tied.begin(), last, tied.end());
  if (!cut_ || floor_.loss != threshold) unlisted_ = 0;
  unlisted_ += static_cast<std::int64_t>(tied.size() - ties);
  floor_ = {threshold, *last};
  cut_ = true;
  remove_unless(0, [&](const Mark& mark) { return mark == floor_ || mark.precedes(floor_); });
}

void Tail::start_weights() {
  if (!weighted_) weight_.assign(loss_.size(), unit_weight);
  weighted_ = true;
}

void Tail::merge(const Tail& other) {
  if (!(other.keep_ == keep_)) throw std::invalid_argument("tails that keep different numbers of scenarios");
  if (other.seen_ == 0) return;
  if (other.weighted_) start_weights();
  seen_ += other.seen_;
  sorted_ = false;
  // Complete down to the earlier floor only: what comes after it in the other list may lack neighbours.
  const Mark floor = !other.cut_ || (cut_ && floor_.precedes(other.floor_)) ? floor_ : other.floor_;
  const bool cut = cut_ || other.cut_;
  unlisted_ = (cut_ && floor_.loss == floor.loss ? unlisted_ : 0) +
              (other.cut_ && other.floor_.loss == floor.loss ? other.unlisted_ : 0);
  cut_ = cut, floor_ = floor;
  const auto complete = [&](const Mark& mark) {
    if (!cut_ || mark == floor_ || mark.precedes(floor_)) return true;
    unlisted_ += mark.loss == floor_.loss;
    return false;
  };
  remove_unless(0, complete);
  for (std::size_t i = 0; i < other.size_; ++i) {
    if (size_ == loss_.size()) make_room(1);
    const Mark mark{other.loss_[i], other.scenario_[i]};
    if (!complete(mark)) continue;
    loss_[size_] = mark.loss, scenario_[size_] = mark.scenario;
    if (weighted_) weight_[size_] = other.weighted_ ? other.weight_[i] : unit_weight;
    ++size_;
  }
}

Tail::Worst Tail::worst() {
  shrink(static_cast<std::size_t>(keep_(seen_)));
  if (!sorted_) {
    struct Entry {
      Mark mark;
      std::int64_t weight;
    };
    std::vector<Entry> entries(size_);
    for (std::size_t i = 0; i < size_; ++i) entries[i] = {{loss_[i], scenario_[i]}, weighted_ ? weight_[i] : 0};
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.mark.precedes(b.mark); });
    for (std::size_t i = 0; i < size_; ++i) {
      loss_[i] = entries[i].mark.loss, scenario_[i] = entries[i].mark.scenario;
      if (weighted_) weight_[i] = entries[i].weight;
    }
    sorted_ = true;
  }
  return {{loss_.data(), size_}, {scenario_.data(), size_}, {weight_.data(), weighted_ ? size_ : 0}, unlisted_};
}

std::size_t Tail::bytes() const {
  return loss_.capacity() * sizeof(Units) + scenario_.capacity() * sizeof(std::uint32_t) +
         weight_.capacity() * sizeof(std::int64_t);
}

std::size_t Tail::bytes_bound(const Keep& keep, std::int64_t scenarios) {
  return with_slack(keep(scenarios)) * (sizeof(Units) + sizeof(std::uint32_t));
}

}  // namespace tailcube
