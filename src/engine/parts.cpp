#include "src/engine/parts.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <unordered_map>

namespace tailcube {
namespace {

// The value of a position in a column; empty where it has none.
std::string_view value_of(const Job& job, std::size_t column, const Positions& positions, std::size_t p) {
  const ContributionColumn& by = job.contribute_by[column];
  if (by.name == "position") return positions.id[p];
  if (column < positions.labels.size() && !positions.labels[column].empty())
    if (const std::uint32_t label = positions.labels[column][p]; label != none) return by.values[label];
  if (is_none(positions.obligor[p])) return {};
  const auto obligor = static_cast<std::size_t>(positions.obligor[p]);
  if (by.name == "sector") return job.obligors.sector[obligor];
  if (by.name == "country") return job.obligors.country[obligor];
  return {};
}

template <class Look>
void for_each(const Job& job, const Look& look) {
  for (std::size_t t = 0; t < job.tables.size(); ++t)
    for (std::size_t p = 0; p < job.tables[t].positions.size(); ++p) look(t, p, job.tables[t].positions.leaf[p]);
}

}  // namespace

PartChoice::PartChoice(const Job& job)
    : job_(job), all_(job.contributions.size()), above_(job.nodes.size()), columns_(job.contribute_by.size()) {
  std::iota(all_.begin(), all_.end(), 0u);
  for (std::size_t node = 0; node < job.nodes.size(); ++node) {
    if (node > 0) above_[node] = above_[static_cast<std::size_t>(job.nodes[node].parent)];
    const auto at = std::lower_bound(job.contributions.begin(), job.contributions.end(), static_cast<NodeIndex>(node));
    if (at != job.contributions.end() && *at == static_cast<NodeIndex>(node))
      above_[node].push_back(static_cast<std::uint32_t>(at - job.contributions.begin()));
  }
  present_.resize(all_.size() * columns_.size());
  for (std::size_t c = 0; c < columns_.size(); ++c) read(c), look(c);
}

void PartChoice::read(std::size_t c) {
  Column& column = columns_[c];
  std::unordered_map<std::string_view, std::uint32_t> places;
  std::vector<std::string_view> met;
  for (const PositionTable& table : job_.tables) column.of.emplace_back(table.positions.size(), none);
  for_each(job_, [&](std::size_t t, std::size_t p, NodeIndex) {
    const std::string_view value = value_of(job_, c, job_.tables[t].positions, p);
    if (value.empty()) return;
    const auto [at, fresh] = places.try_emplace(value, static_cast<std::uint32_t>(met.size()));
    if (fresh) met.push_back(value);
    column.of[t][p] = at->second;
  });
  column.values = met;
  std::sort(column.values.begin(), column.values.end());
  std::vector<std::uint32_t> rank(met.size());
  for (std::uint32_t i = 0; i < met.size(); ++i) rank[places[column.values[i]]] = i;
  for (auto& of_table : column.of)
    for (std::uint32_t& place : of_table)
      if (place != none) place = rank[place];
}

// Which values there are below each parent.
void PartChoice::look(std::size_t c) {
  const auto present = [&](std::uint32_t parent) -> Present& { return present_[parent * columns_.size() + c]; };
  for_each(job_, [&](std::size_t t, std::size_t p, NodeIndex leaf) {
    const std::uint32_t value = columns_[c].of[t][p];
    for (const std::uint32_t parent : above_[static_cast<std::size_t>(leaf)])
      if (value == none)
        present(parent).blank = true;
      else
        present(parent).values.push_back(value);
  });
  for (const std::uint32_t parent : all_) {
    std::vector<std::uint32_t>& values = present(parent).values;
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    values.shrink_to_fit();
    present(parent).crowded = values.size() > static_cast<std::size_t>(job_.contribute_top);
  }
}

// `part_of(place of the parent, column, value)`: number of the part, or `none`.
template <class PartOf>
void PartChoice::gather(Parts& parts, Parents parents, const PartOf& part_of) const {
  std::map<std::vector<std::uint32_t>, std::uint32_t> groups;  // by leaf and parts
  std::vector<std::uint32_t> key, place(all_.size(), none);
  for (std::uint32_t i = 0; i < parents.size(); ++i) place[parents[i]] = i;
  for (const PositionTable& table : job_.tables) parts.group.emplace_back(table.positions.size());
  for_each(job_, [&](std::size_t t, std::size_t p, NodeIndex leaf) {
    key.assign(1, static_cast<std::uint32_t>(leaf));
    for (const std::uint32_t parent : above_[static_cast<std::size_t>(leaf)])
      for (std::size_t c = 0; c < columns_.size() && place[parent] != none; ++c)
        if (const std::uint32_t part = part_of(place[parent], c, columns_[c].of[t][p]); part != none) key.push_back(part);
    parts.group[t][p] = groups.try_emplace(key, static_cast<std::uint32_t>(groups.size())).first->second;
  });
  std::vector<std::uint32_t> number(groups.size());
  for (const auto& [parts_of_it, met] : groups) {
    number[met] = static_cast<std::uint32_t>(parts.leaf.size());
    parts.leaf.push_back(NodeIndex{parts_of_it.front()});
    parts.of.emplace_back(parts_of_it.begin() + 1, parts_of_it.end());
  }
  for (auto& of_table : parts.group)
    for (std::uint32_t& group : of_table) group = number[group];
}

Parts PartChoice::crowded(Parents parents) const {
  Parts parts;
  std::vector<std::uint32_t> first(parents.size() * columns_.size(), none);
  for (std::uint32_t i = 0; i < parents.size(); ++i)
    for (std::uint32_t c = 0; c < columns_.size(); ++c) {
      const Present& here = present(parents[i], c);
      if (!here.crowded) continue;
      first[i * columns_.size() + c] = static_cast<std::uint32_t>(parts.all.size());
      for (const std::uint32_t value : here.values) parts.all.push_back({i, c, std::string(columns_[c].values[value])});
    }
  if (parts.all.empty()) return parts;
  gather(parts, parents, [&](std::uint32_t i, std::size_t c, std::uint32_t value) {
    const std::uint32_t begin = first[i * columns_.size() + c];
    if (begin == none || value == none) return none;
    const std::vector<std::uint32_t>& values = present(parents[i], c).values;
    return begin + static_cast<std::uint32_t>(std::lower_bound(values.begin(), values.end(), value) - values.begin());
  });
  return parts;
}

Parts PartChoice::chosen(std::span<const std::uint8_t> kept, Parents parents) const {
  Parts parts;
  struct Numbers {
    std::vector<std::uint32_t> of;  // [value below the parent]
    std::uint32_t blank = none;
  };
  std::vector<Numbers> numbers(parents.size() * columns_.size());
  std::size_t candidate = 0;
  for (std::uint32_t i = 0; i < parents.size(); ++i)
    for (std::uint32_t c = 0; c < columns_.size(); ++c) {
      const Present& here = present(parents[i], c);
      Numbers& mine = numbers[i * columns_.size() + c];
      const auto add = [&](std::string_view value) {
        parts.all.push_back({i, c, std::string(value)});
        return static_cast<std::uint32_t>(parts.all.size() - 1);
      };
      for (const std::uint32_t value : here.values)
        mine.of.push_back(!here.crowded || kept[candidate++] != 0 ? add(columns_[c].values[value]) : none);
      if (here.blank) mine.blank = add(no_value);
      if (!here.crowded) continue;
      const std::uint32_t rest = add(other_values);
      std::replace(mine.of.begin(), mine.of.end(), none, rest);
    }
  if (parts.all.empty()) return parts;
  gather(parts, parents, [&](std::uint32_t i, std::size_t c, std::uint32_t value) {
    const Numbers& mine = numbers[i * columns_.size() + c];
    if (value == none) return mine.blank;
    const std::vector<std::uint32_t>& values = present(parents[i], c).values;
    return mine.of[static_cast<std::size_t>(std::lower_bound(values.begin(), values.end(), value) - values.begin())];
  });
  return parts;
}

PartChoice::Size PartChoice::most() const {
  Size size;
  for (const Present& present : present_) {
    const std::size_t values = present.values.size(), top = static_cast<std::size_t>(job_.contribute_top);
    size.crowded += present.crowded ? values : 0;
    size.chosen += std::min(values, top) + (present.blank ? 1 : 0) + (present.crowded ? 1 : 0);
  }
  for (const PositionTable& table : job_.tables) size.rows.push_back(table.positions.size());
  if (size.crowded > 0) return size;
  const Parts parts = chosen({});
  for (std::size_t t = 0; t < parts.group.size(); ++t) {
    std::vector<std::uint32_t> groups = parts.group[t];
    std::sort(groups.begin(), groups.end());
    size.rows[t] = static_cast<std::size_t>(std::unique(groups.begin(), groups.end()) - groups.begin());
  }
  return size;
}

int cells_looked_at(std::size_t bytes) {
  constexpr std::size_t room = std::size_t{64} << 20, most = 16;
  return static_cast<int>(std::clamp<std::size_t>(room / std::max<std::size_t>(1, bytes), 1, most));
}

}  // namespace tailcube
