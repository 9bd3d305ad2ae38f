#include "kernels/instruments/side_by_side.h"

#include <algorithm>

#include "kernels/instruments/rows.h"

namespace tailcube {
namespace {

// Passes on what it hears, by places in the table.
class Renumbering final : public DefaultListener {
 public:
  Renumbering(DefaultListener& listener, const std::vector<std::uint32_t>& places) : listener_(listener), places_(places) {}
  void hear(std::span<const Hit> hits, const double* loss) noexcept override {
    hits_.assign(hits.begin(), hits.end());
    for (Hit& hit : hits_) hit.position = places_[hit.position];
    listener_.hear(hits_, loss);
  }

 private:
  DefaultListener& listener_;
  const std::vector<std::uint32_t>& places_;
  std::vector<Hit> hits_;
};

template <class T>
void add(std::vector<T>& to, const std::vector<T>& from) {
  if (to.size() < from.size()) to.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) to[i] += from[i];
}
template <class T>
void unite(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
  std::sort(to.begin(), to.end());
  to.erase(std::unique(to.begin(), to.end()), to.end());
}

class SideBySide final : public TellingBatch {
 public:
  SideBySide(std::unique_ptr<TellingBatch> first, const Subset& of_first, std::unique_ptr<TellingBatch> second,
             const Subset& of_second)
      : TellingBatch(*first), parts_{{{std::move(first), of_first.places}, {std::move(second), of_second.places}}} {
    const Batch& other = *parts_[1].batch;
    add(value_today, other.value_today);
    add(published_today, other.published_today);
    add(gross, other.gross);
    unite(reads, other.reads);
    unite(reads_lows, other.reads_lows);
    unite(reads_curves, other.reads_curves);
    reads_defaults |= other.reads_defaults;
    bytes_per_thread += other.bytes_per_thread;
    reads_apart.clear(), bytes_kept = 0;  // it keeps nothing
  }

  void evaluate(const Block& block, Ledger& ledger, Faults& faults) const noexcept override {
    for (const Part& part : parts_) {
      const std::size_t known = faults.size();
      part.batch->evaluate(block, ledger, faults);
      part.renumber(faults, known);
    }
  }
  void evaluate_keeping(const Block& block, Ledger& ledger, Faults& faults, Kept&) const noexcept override {
    evaluate(block, ledger, faults);
  }
  void evaluate_telling(const Block& block, Ledger& ledger, Faults& faults, Kept*,
                        DefaultListener& listener) const noexcept override {
    for (const Part& part : parts_) {
      const std::size_t known = faults.size();
      Renumbering told(listener, part.places);
      part.batch->evaluate_telling(block, ledger, faults, nullptr, told);
      part.renumber(faults, known);
    }
  }
  double drawn(std::uint32_t position, const Default& d, const Block& block) const noexcept override {
    for (const Part& part : parts_) {
      const auto at = std::lower_bound(part.places.begin(), part.places.end(), position);
      if (at != part.places.end() && *at == position)
        return part.batch->drawn(static_cast<std::uint32_t>(at - part.places.begin()), d, block);
    }
    return 0;
  }

 private:
  struct Part {
    std::unique_ptr<TellingBatch> batch;
    std::vector<std::uint32_t> places;
    void renumber(Faults& faults, std::size_t from) const noexcept {
      for (std::size_t i = from; i < faults.size(); ++i)
        if (faults[i].position != none) faults[i].position = places[faults[i].position];
    }
  };
  std::array<Part, 2> parts_;
};

}  // namespace

Subset::Subset(const Positions& all, const Wiring& whole, std::vector<std::uint32_t> some)
    : places(std::move(some)), wiring(whole) {
  wiring.row.clear();
  positions.id.resize(places.size());
  for (const std::uint32_t p : places) {
    positions.leaf.push_back(all.leaf[p]);
    positions.currency.push_back(all.currency[p]);
    positions.quantity.push_back(all.quantity[p]);
    positions.obligor.push_back(all.obligor[p]);
    wiring.row.push_back(whole.row[p]);
  }
}

std::unique_ptr<TellingBatch> side_by_side(std::unique_ptr<TellingBatch> first, const Subset& of_first,
                                           std::unique_ptr<TellingBatch> second, const Subset& of_second) {
  return std::make_unique<SideBySide>(std::move(first), of_first, std::move(second), of_second);
}

}  // namespace tailcube
