#include <hdf5_hl.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "hpc/cube_file.h"
#include "hpc/cube_file_hdf5.h"
#include "hpc/cube_file_layout.h"
#include "hpc/cube_file_seal.h"
#include "hpc/cube_file_trial.h"
#include "hpc/cube_whole.h"

namespace tailcube {
namespace {

using namespace hdf5;
using layout::AxisName;

// What replaying a scenario of one cell reads, beside axes, header and provenance.
constexpr std::string_view replayed[] = {"cube/gauge_mean",           "cube/gauge_se", "cube/gauge_unit", "cube/base_value",
                                         "cube/base_published_value", "tail/scenario", "tail/loss",       "tail/valid"};
constexpr std::string_view groups_replayed[] = {"cube", "tail", "quarantine"};  // the last for its axis

// One place of one axis; all of the others.
struct Slice {
  std::size_t axis;
  hsize_t place, extent;  // of that axis
};

struct StringReclaim {
  hid_t type, space;
  void* data;
  ~StringReclaim() { H5Dvlen_reclaim(type, space, H5P_DEFAULT, data); }
};

class Reader {
 public:
  Reader(hid_t file, std::size_t file_bytes) : file_(file), file_bytes_(file_bytes) {}

  CubeHeader header() {
    if (text("file_format") != "tailcube") throw Error("is not a cube: file_format is '" + text("file_format") + "'");
    CubeHeader h;
    h.format_version = text("file_format_version");
    if (const int major = major_version(h.format_version); major != cube_format_major) {
      throw Error("has format version " + h.format_version + ", this program reads version " +
                  std::to_string(cube_format_major));
    }
    h.title = text("title");
    h.source = text("source");
    h.history = text("history");
    h.job_digest = text("job_digest");
    h.sampler = text("sampler");
    h.tail_mode = text("tail_mode");
    h.currency = text("currency");
    h.seed = number<std::int64_t>("seed", H5T_INTEGER, H5T_NATIVE_INT64);
    h.scenarios = number<std::int64_t>("scenarios", H5T_INTEGER, H5T_NATIVE_INT64);
    h.loss_unit = number<double>("loss_unit", H5T_FLOAT, H5T_NATIVE_DOUBLE);
    h.complete = check(H5Aexists(file_, "complete"), "complete") > 0;
    return h;
  }

  Cube cube(const LeftOut& left_out) {
    Cube cube = empty_cube();
    for (const layout::Group& group : layout::groups()) {
      const bool wanted = !among(left_out, group.name);
      if (exists(group.name))
        for (const AxisName name : group.axes) axis(group.name, name, cube);
      for (const layout::Field& field : group.fields)
        wanted ? data(group.name, field, std::nullopt, cube) : leave_out(field, cube);
    }
    return cube;
  }

  Cube cell(const ChooseCell& choose) {
    Cube cube = empty_cube();
    for (const layout::Group& group : layout::groups())
      if (among(groups_replayed, group.name) && exists(group.name))
        for (const AxisName name : group.axes) axis(group.name, name, cube);
    const std::size_t place = choose(cube.cells), extent = cube.cells.size();
    if (place >= extent) throw Error("has " + std::to_string(extent) + " cells");
    cube.cells = {cube.cells[place]};
    for (const layout::Group& group : layout::groups())
      for (const layout::Field& field : group.fields) {
        if (!among(replayed, path_of(group.name, field))) {
          leave_out(field, cube);
          continue;
        }
        const auto axis = std::find(field.axes.begin(), field.axes.end(), AxisName::cell);
        std::optional<Slice> slice;
        if (axis != field.axes.end()) slice = {static_cast<std::size_t>(axis - field.axes.begin()), place, extent};
        data(group.name, field, slice, cube);
      }
    return cube;
  }

  Provenance provenance() {
    Provenance out;
    std::vector<std::string> job, files, digests;
    const auto read_if_there = [this](const char* path, int rank, std::vector<std::string>& values) {
      if (exists(path)) read(path, rank, values);
    };
    read_if_there("provenance/job", 0, job);
    read_if_there("provenance/defaults_used", 1, out.defaults_used);
    read_if_there("provenance/input_file", 1, files);
    read_if_there("provenance/input_digest", 1, digests);
    if (files.size() != digests.size()) throw Error("provenance/input_digest does not fit its axes");
    if (!job.empty()) out.job = job.front();
    for (std::size_t i = 0; i < files.size(); ++i) out.inputs.push_back({files[i], digests[i]});
    return out;
  }

 private:
  static int major_version(const std::string& version) {
    int major = -1;
    std::from_chars(version.data(), version.data() + version.size(), major);
    return major;
  }

  Cube empty_cube() {
    const CubeHeader h = header();
    if (!h.complete) throw Error("is not complete");
    Cube cube;
    cube.scenarios = h.scenarios;
    cube.unit = h.loss_unit;
    cube.currency = h.currency;
    return cube;
  }

  static bool among(std::span<const std::string_view> names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  static std::string path_of(const char* group, const layout::Field& field) { return std::string(group) + "/" + field.name; }

  static void leave_out(const layout::Field& field, Cube& cube) {
    std::visit([&](auto member) { (cube.*member).leave_out(field.name); }, field.values);
  }

  void data(const char* group, const layout::Field& field, const std::optional<Slice>& slice, Cube& cube) {
    const std::string path = path_of(group, field);
    if (!exists(path)) return;  // its axes have no entries
    std::size_t count = 1;
    for (const AxisName name : field.axes) count *= layout::extent(cube, name);
    std::visit([&](auto member) { read(path, static_cast<int>(field.axes.size()), cube.*member, slice); }, field.values);
    const std::size_t found = std::visit([&](auto member) { return (cube.*member).size(); }, field.values);
    if (found != count) throw Error(path + " does not fit its axes");
  }

  // The axes of one name agree in all groups; the first one sets the cube's.
  void axis(const char* group, AxisName name, Cube& cube) {
    const layout::Axis& described = layout::axis(name);
    const std::string path = std::string(group) + "/" + described.name;
    if (!exists(path)) return;
    std::visit(
        [&](const auto& values) {
          using Values = std::decay_t<decltype(values)>;
          if constexpr (std::is_same_v<Values, layout::Levels>) {
            std::vector<double> levels;
            read(path, 1, levels);
            std::vector<Confidence> found;
            found.reserve(levels.size());
            for (const double level : levels) found.push_back(decimal(level));
            if (!cube.confidence.empty() && cube.confidence != found)
              throw Error(path + " differs from the axis of another group");
            cube.confidence = std::move(found);
          } else if constexpr (std::is_same_v<Values, layout::Index>) {
            std::vector<std::int64_t> numbers;
            read(path, 1, numbers);
            if (name == AxisName::rank) cube.tail_ranks = static_cast<int>(numbers.size());
          } else {
            auto found = cube.*values;
            read(path, 1, found);
            if (!(cube.*values).empty() && cube.*values != found)
              throw Error(path + " differs from the axis of another group");
            cube.*values = std::move(found);
          }
        },
        described.values);
  }

  static Confidence decimal(double level) {
    if (!(level > 0 && level < 1)) throw Error("confidence " + std::to_string(level) + " is not between 0 and 1");
    std::int64_t denominator = 10;
    for (; denominator < 1'000'000'000'000'000; denominator *= 10) {
      const Confidence found{std::llround(level * static_cast<double>(denominator)), denominator};
      if (found.value() == level) return found;
    }
    return {std::llround(level * static_cast<double>(denominator)), denominator};
  }

  bool exists(const std::string& path) const {
    const std::size_t slash = path.find('/');
    if (slash != std::string::npos && !exists(path.substr(0, slash))) return false;
    return check(H5Lexists(file_, path.c_str(), H5P_DEFAULT), path) > 0;
  }

  template <class T>
  void read(const std::string& path, int rank, std::vector<T>& values, const std::optional<Slice>& slice = {}) const {
    const Dataset dataset(H5Dopen2(file_, path.c_str(), H5P_DEFAULT), path);
    const Space space(H5Dget_space(dataset), path);
    const Type type(H5Dget_type(dataset), path);
    if (check(H5Sget_simple_extent_ndims(space), path) != rank) throw Error(path + " has a wrong number of axes");
    const auto total = static_cast<std::size_t>(check(H5Sget_simple_extent_npoints(space), path));
    // Deflate shrinks by 1032 at most: a file cannot hold more than this, whatever it claims.
    if (total > file_bytes_ * 1100 / sizeof(T)) throw Error(path + " claims to be larger than the file can hold");
    if constexpr (std::is_same_v<T, std::string>) {
      values = strings(path, dataset, type, space, total);
    } else {
      constexpr bool is_double = std::is_same_v<T, double>;
      if (H5Tget_class(type) != (is_double ? H5T_FLOAT : H5T_INTEGER) || H5Tget_size(type) != sizeof(T)) {
        throw Error(path + " has a wrong type");
      }
      const hid_t memory = is_double ? H5T_NATIVE_DOUBLE : sizeof(T) == 8 ? H5T_NATIVE_INT64 : H5T_NATIVE_INT8;
      if (slice) {
        const Space part = select(path, space, *slice);
        values.resize(static_cast<std::size_t>(check(H5Sget_simple_extent_npoints(part), path)));
        if (!values.empty()) check(H5Dread(dataset, memory, part, space, H5P_DEFAULT, values.data()), path);
      } else {
        values.resize(total);
        if (total > 0) check(H5Dread(dataset, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), path);
      }
    }
  }

  // Selects the slice in the space; returns a space of its shape.
  static Space select(const std::string& path, hid_t space, const Slice& slice) {
    const int rank = check(H5Sget_simple_extent_ndims(space), path);
    std::vector<hsize_t> count(static_cast<std::size_t>(rank));
    check(H5Sget_simple_extent_dims(space, count.data(), nullptr), path);
    if (count[slice.axis] != slice.extent) throw Error(path + " does not fit its axes");
    std::vector<hsize_t> start(count.size(), 0);
    start[slice.axis] = slice.place;
    count[slice.axis] = 1;
    check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr), path);
    return Space(H5Screate_simple(rank, count.data(), nullptr), path);
  }

  std::vector<std::string> strings(const std::string& path, hid_t dataset, hid_t type, hid_t space,
                                   std::size_t count) const {
    if (check(H5Tis_variable_str(type), path) == 0) throw Error(path + " has a wrong type");
    if (count > file_bytes_) throw Error(path + " claims to be larger than the file can hold");
    std::vector<char*> pointers(count, nullptr);
    const StringReclaim reclaim{type, space, pointers.data()};
    if (count > 0) check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, transfer_of_strings(count), pointers.data()), path);
    std::vector<std::string> values;
    values.reserve(count);
    for (const char* pointer : pointers) values.emplace_back(pointer == nullptr ? "" : pointer);
    return values;
  }

  std::string text(const char* name) const {
    const Attribute attribute(H5Aopen(file_, name, H5P_DEFAULT), name);
    const Type type(H5Aget_type(attribute), name);
    const Space space(H5Aget_space(attribute), name);
    if (check(H5Tis_variable_str(type), name) == 0 || H5Sget_simple_extent_npoints(space) != 1) {
      throw Error(std::string(name) + " has a wrong type");
    }
    char* pointer = nullptr;
    const StringReclaim reclaim{type, space, &pointer};
    check(H5Aread(attribute, type, &pointer), name);
    return pointer == nullptr ? "" : pointer;
  }
  template <class T>
  T number(const char* name, H5T_class_t kind, hid_t memory) const {
    const Attribute attribute(H5Aopen(file_, name, H5P_DEFAULT), name);
    const Type type(H5Aget_type(attribute), name);
    const Space space(H5Aget_space(attribute), name);
    if (H5Tget_class(type) != kind || H5Sget_simple_extent_npoints(space) != 1)
      throw Error(std::string(name) + " has a wrong type");
    T value{};
    check(H5Aread(attribute, memory, &value), name);
    return value;
  }

  hid_t file_;
  std::size_t file_bytes_;
};

template <class Read>
auto parse(std::vector<std::byte>& bytes, Read read) {
  constexpr unsigned in_place = H5LT_FILE_IMAGE_DONT_COPY | H5LT_FILE_IMAGE_DONT_RELEASE;  // read only
  const File file(H5LTopen_file_image(bytes.data(), bytes.size(), in_place), "open");
  Reader reader(file, bytes.size());
  return read(reader);
}

// HDF5 sees the bytes only once their seal has been found right, and first in a process that may crash.
template <class Read>
auto with_reader(const std::filesystem::path& path, Read read) {
  silence();
  std::vector<std::byte> bytes = read_sealed(path);
  const auto seconds = static_cast<unsigned>(60 + bytes.size() / 1'000'000);
  if (!survives([&] { parse(bytes, read); }, seconds)) {
    throw FileError(path.string() + ": is damaged, or made to do harm: reading it ends in a crash");
  }
  try {
    return parse(bytes, read);
  } catch (const Error& error) {
    throw FileError(path.string() + ": " + error.what());
  }
}

}  // namespace

CubeFile read_cube_file(const std::filesystem::path& path, const LeftOut& left_out) {
  return with_reader(path, [&left_out](Reader& reader) {
    return CubeFile{reader.header(), reader.cube(left_out), reader.provenance()};
  });
}

CubeFile read_cube_cell(const std::filesystem::path& path, const ChooseCell& choose) {
  return with_reader(path, [&choose](Reader& reader) {
    return CubeFile{reader.header(), reader.cell(choose), reader.provenance()};
  });
}

Cube read_cube(const std::filesystem::path& path) {
  return with_reader(path, [](Reader& reader) { return reader.cube({}); });
}

}  // namespace tailcube
