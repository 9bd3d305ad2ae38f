// The layout, every number little endian: mark, version, head with its length, a checksum; the cells' tallies; the index
// (of each cell: what is done, where, how long, with which checksum); the index's length, a checksum, the mark again.
#include "hpc/partial_file.h"

#include <array>
#include <bit>
#include <cerrno>
#include <fstream>
#include <limits>
#include <system_error>
#include <utility>

#include "kernels/tally/byte_stream.h"

namespace tailcube {
namespace {

constexpr std::uint64_t mark = 0x4c41'4954'5241'5054;  // "TPARTIAL"
constexpr std::size_t front_size = 8 + 4 + 8, checksum_size = 8, tail_size = 24;
constexpr std::uint64_t most_scenarios = std::uint64_t{1} << 32;

void put(ByteWriter& out, const ScenarioSet& set) {
  out.put(std::uint64_t{set.ranges().size()});
  for (const Tile range : set.ranges()) out.put(range.begin), out.put(range.end);
}

ScenarioSet get_set(ByteReader& in, std::uint64_t scenarios) {
  std::vector<Tile> ranges(in.count(16));
  for (Tile& range : ranges) {
    range.begin = in.get<std::uint64_t>();
    range.end = in.get<std::uint64_t>();
    require_bytes(range.begin < range.end && range.end <= scenarios, "an impossible range of scenarios");
  }
  for (std::size_t i = 1; i < ranges.size(); ++i)
    require_bytes(ranges[i - 1].end < ranges[i].begin, "ranges of scenarios out of order");
  return ScenarioSet(ranges);
}

void put(ByteWriter& out, const PartialIdentity& id) {
  out.put_text(id.program);
  out.put_text(id.tally_digest);
  out.put(id.seed);
  out.put(std::bit_cast<std::uint64_t>(id.unit));
  out.put(std::int32_t{id.cells});
  const Shape& s = id.cell_shape;
  for (const int n : {s.replicates, s.quantities, s.nodes, s.horizons, s.gauges}) out.put(std::int32_t{n});
  const TallySettings& t = id.settings;
  out.put(std::uint8_t{t.binned});
  for (const std::int64_t x : {t.keep.alpha_numerator, t.keep.alpha_denominator, t.keep.at_least}) out.put(x);
  out.put(std::uint8_t{t.keep.grows});
  out.put(std::uint64_t{id.quarantined.size()});
  for (const std::string& position : id.quarantined) out.put_text(position);
}

PartialIdentity get_identity(ByteReader& in) {
  PartialIdentity id;
  id.program = in.text();
  id.tally_digest = in.text();
  id.seed = in.get<std::uint64_t>();
  id.unit = std::bit_cast<double>(in.get<std::uint64_t>());
  id.cells = in.get<std::int32_t>();
  id.cell_shape.cells = 1;
  for (int* n : {&id.cell_shape.replicates, &id.cell_shape.quantities, &id.cell_shape.nodes, &id.cell_shape.horizons,
                 &id.cell_shape.gauges}) {
    *n = in.get<std::int32_t>();
    require_bytes(*n >= 0, "an extent is negative");
  }
  require_bytes(id.cells > 0, "no stress cell");
  id.settings.binned = in.get<std::uint8_t>() != 0;
  for (std::int64_t* x :
       {&id.settings.keep.alpha_numerator, &id.settings.keep.alpha_denominator, &id.settings.keep.at_least})
    *x = in.get<std::int64_t>();
  id.settings.keep.grows = in.get<std::uint8_t>() != 0;
  id.quarantined.resize(in.count(8));
  for (std::string& position : id.quarantined) position = in.text();
  return id;
}

std::vector<std::byte> head_bytes(const PartialHeader& h) {
  ByteWriter out;
  put(out, h.identity);
  out.put_text(h.job);
  out.put_text(h.job_digest);
  out.put(h.scenarios);
  put(out, h.wanted);
  out.put(std::int32_t{h.shard});
  out.put(std::int32_t{h.shards});
  put(out, h.split);
  out.put_block(h.rounds);
  return std::move(out.bytes);
}

PartialHeader get_header(ByteReader& in) {
  PartialHeader h;
  h.identity = get_identity(in);
  h.job = in.text();
  h.job_digest = in.text();
  h.scenarios = in.get<std::uint64_t>();
  require_bytes(h.scenarios <= most_scenarios, "more scenarios than there are");
  h.wanted = get_set(in, h.scenarios);
  h.shard = in.get<std::int32_t>();
  h.shards = in.get<std::int32_t>();
  h.split = get_set(in, h.scenarios);
  require_bytes(h.shard >= 0 && h.shard <= h.shards && (h.shard > 0 || h.shards == 0), "an impossible shard");
  if (h.shards > 0)
    require_bytes(h.wanted == h.split.part(static_cast<std::uint64_t>(h.shard), static_cast<std::uint64_t>(h.shards)),
                  "a shard that is not the part it says");
  const auto rounds = in.block();
  h.rounds.assign(rounds.begin(), rounds.end());
  require_bytes(in.left() == 0, "its head goes on too long");
  return h;
}

std::uint64_t number_at(std::span<const std::byte> bytes, std::size_t at) {
  return ByteReader(bytes.subspan(at, 8)).get<std::uint64_t>();
}

}  // namespace

PartialWriter::PartialWriter(const std::filesystem::path& path, const PartialHeader& header)
    : file_(path), identity_(header.identity) {
  const std::vector<std::byte> head = head_bytes(header);
  ByteWriter out;
  out.put(mark);
  out.put(partial_format);
  out.put_block(head);
  out.put(tally_checksum(out.bytes));
  write(out.bytes);
}

void PartialWriter::write(std::span<const std::byte> bytes) {
  file_.write(bytes);
  written_ += bytes.size();
}

void PartialWriter::open_entry(int cell) {
  if (cell < static_cast<int>(entries_.size()) || cell >= identity_.cells)
    throw std::invalid_argument("cells of a partial are written in rising order, each once");
  entries_.resize(static_cast<std::size_t>(cell) + 1);
}

void PartialWriter::add_bytes(const ScenarioSet& done, std::span<const std::byte> bytes) {
  entries_.back() = {done, written_, bytes.size(), number_at(bytes, bytes.size() - checksum_size)};
  write(bytes);
}

void PartialWriter::add(int cell, CellPart& part) {
  open_entry(cell);
  if (part.done.empty()) return;
  if (!(part.tallies.shape == identity_.cell_shape) || !(part.tallies.settings == identity_.settings))
    throw std::invalid_argument("tallies that do not belong to this partial");
  add_bytes(part.done, to_bytes(part.tallies));
}

void PartialWriter::copy(int cell, const PartialReader& from) {
  open_entry(cell);
  const auto& [done, offset, length, checksum] = from.entries_[static_cast<std::size_t>(cell)];
  if (done.empty()) return;
  const std::vector<std::byte> bytes = from.bytes_at(offset, length);
  if (tally_checksum(std::span(bytes).first(bytes.size() - checksum_size)) != checksum)
    from.refuse("stress cell " + std::to_string(cell) + ": its checksum is not the index's");
  add_bytes(done, bytes);
}

void PartialWriter::finish() {
  entries_.resize(static_cast<std::size_t>(identity_.cells));
  ByteWriter out;
  for (const Entry& entry : entries_) {
    put(out, entry.done);
    for (const std::uint64_t x : {entry.offset, entry.length, entry.checksum}) out.put(x);
  }
  out.put(std::uint64_t{out.bytes.size()});
  out.put(tally_checksum(out.bytes));
  out.put(mark);
  write(out.bytes);
  file_.keep();
}

void PartialReader::refuse(const std::string& what) const { throw BadPartial(path_.string() + ": " + what); }

std::vector<std::byte> PartialReader::bytes_at(std::uint64_t offset, std::uint64_t length) const {
  std::ifstream in(path_, std::ios::binary);
  if (!in) throw FileError(path_.string() + ": cannot be read: " + std::generic_category().message(errno));
  if (offset > size_ || length > size_ - offset) refuse("is cut off");
  std::vector<std::byte> bytes(length);
  in.seekg(static_cast<std::streamoff>(offset));
  if (length > 0 && !in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(length)))
    refuse("ends before byte " + std::to_string(offset + length));
  return bytes;
}

PartialReader::PartialReader(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  size_ = std::filesystem::file_size(path_, error);
  if (error) throw FileError(path_.string() + ": cannot be read: " + error.message());
  if (size_ < front_size + checksum_size + tail_size)
    refuse("is no .tally file: it has " + std::to_string(size_) + " bytes");
  const std::vector<std::byte> front = bytes_at(0, front_size);
  if (number_at(front, 0) != mark) refuse("is no .tally file");
  const auto version = ByteReader(std::span(front).subspan(8)).get<std::uint32_t>();
  if (version != partial_format)
    refuse("has format " + std::to_string(version) + " of .tally files; this program reads format " +
           std::to_string(partial_format) + " only");
  const std::uint64_t rest = size_ - front_size - checksum_size - tail_size, head_size = number_at(front, 12);
  const std::vector<std::byte> tail = bytes_at(size_ - tail_size, tail_size);
  const std::uint64_t index_size = number_at(tail, 0);
  if (number_at(tail, 16) != mark) refuse("is cut off: its end is missing");
  if (head_size > rest || index_size > rest - head_size) refuse("is damaged: its head or index is longer than the file");
  const std::vector<std::byte> head = bytes_at(0, front_size + head_size + checksum_size);
  const auto sealed_head = std::span(head).first(front_size + head_size);
  if (number_at(head, sealed_head.size()) != tally_checksum(sealed_head))
    refuse("is damaged: the checksum of its head differs");
  const std::uint64_t index_at = size_ - tail_size - index_size;
  const std::vector<std::byte> index = bytes_at(index_at, index_size + 8);
  if (number_at(tail, 8) != tally_checksum(index)) refuse("is damaged: the checksum of its index differs");
  try {
    ByteReader in(sealed_head.subspan(front_size));
    header_ = get_header(in);
    read_index(std::span(index).first(index_size), head.size(), index_at);
  } catch (const std::runtime_error& wrong) {
    refuse(wrong.what());
  }
}

// Cells stand one after the other between head and index, without gaps.
void PartialReader::read_index(std::span<const std::byte> bytes, std::uint64_t begin, std::uint64_t end) {
  ByteReader in(bytes);
  constexpr std::size_t smallest = 32;
  require_bytes(static_cast<std::size_t>(header_.identity.cells) <= in.left() / smallest, "its index is too short");
  entries_.resize(static_cast<std::size_t>(header_.identity.cells));
  for (Entry& entry : entries_) {
    entry.done = get_set(in, header_.scenarios);
    for (std::uint64_t* x : {&entry.offset, &entry.length, &entry.checksum}) *x = in.get<std::uint64_t>();
    if (entry.done.empty()) {
      require_bytes(entry.length == 0, "a cell without scenarios has tallies");
      continue;
    }
    require_bytes(entry.offset == begin && entry.length > checksum_size && entry.length <= end - begin,
                  "a cell is not where its index says");
    require_bytes(header_.wanted.contains(entry.done), "a cell has scenarios that were not to be evaluated");
    begin += entry.length;
  }
  require_bytes(in.left() == 0, "its index goes on too long");
  require_bytes(begin == end, "there is something between its cells and its index");
}

bool PartialReader::complete() const {
  for (const Entry& entry : entries_)
    if (!(entry.done == header_.wanted)) return false;
  return true;
}

CellPart PartialReader::read(int cell) const {
  const Entry& entry = entries_[static_cast<std::size_t>(cell)];
  CellPart part{entry.done, {}};
  if (entry.done.empty()) return part;
  const std::vector<std::byte> bytes = bytes_at(entry.offset, entry.length);
  try {
    require_bytes(number_at(bytes, bytes.size() - checksum_size) == entry.checksum, "its checksum is not the index's");
    part.tallies = tallies_from_bytes(bytes);
    require_bytes(part.tallies.shape == header_.identity.cell_shape && part.tallies.settings == header_.identity.settings,
                  "it has another shape or other settings than the file");
    const auto scenarios = static_cast<std::int64_t>(entry.done.size());
    for (const Tally& tally : part.tallies.losses)
      require_bytes(tally.moments.count == scenarios, "it does not hold the scenarios that it says");
  } catch (const std::runtime_error& wrong) {
    refuse("stress cell " + std::to_string(cell) + ": " + wrong.what());
  }
  return part;
}

void PartialReader::check_all() const {
  for (int cell = 0; cell < header_.identity.cells; ++cell) read(cell);
}

}  // namespace tailcube
