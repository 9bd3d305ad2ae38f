#include <hdf5_hl.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <type_traits>

#include "hpc/communicator.h"
#include "hpc/cube_file.h"
#include "hpc/cube_file_hdf5.h"
#include "hpc/cube_file_layout.h"
#include "hpc/cube_file_seal.h"
#include "src/report/build_info.h"

namespace tailcube {
namespace {

using namespace hdf5;
using layout::AxisName;
using layout::Unit;
using Dims = std::vector<hsize_t>;

constexpr unsigned in_order = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;

// Properties of a new object: members in the order of creation (netCDF-4 wants it), no times (two files of one job are
// equal).
Properties object_properties(hid_t kind) {
  Properties properties(H5Pcreate(kind), "properties");
  check(H5Pset_attr_creation_order(properties, in_order), "attribute order");
  check(H5Pset_obj_track_times(properties, false), "no object times");
  if (kind != H5P_DATASET_CREATE) check(H5Pset_link_creation_order(properties, in_order), "link order");
  return properties;
}

Type string_type() {
  Type type(H5Tcopy(H5T_C_S1), "string type");
  check(H5Tset_size(type, H5T_VARIABLE), "string type");
  check(H5Tset_cset(type, H5T_CSET_UTF8), "string type");
  return type;
}

template <class T>
hid_t memory_type() {
  if constexpr (std::is_same_v<T, double>)
    return H5T_NATIVE_DOUBLE;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return H5T_NATIVE_INT64;
  else
    return H5T_NATIVE_INT8;
}
template <class T>
hid_t file_type() {
  if constexpr (std::is_same_v<T, double>)
    return H5T_IEEE_F64LE;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return H5T_STD_I64LE;
  else
    return H5T_STD_I8LE;
}

void attribute(hid_t object, const char* name, const std::string& text) {
  const std::string value = text.empty() ? "none" : text;  // an empty string is a null pointer to some readers
  const Type type = string_type();
  const Space space(H5Screate(H5S_SCALAR), name);
  const Attribute made(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), name);
  const char* pointer = value.c_str();
  check(H5Awrite(made, type, &pointer), name);
}
template <class T>
requires std::is_arithmetic_v<T>
void attribute(hid_t object, const char* name, T value) {
  const Space space(H5Screate(H5S_SCALAR), name);
  const Attribute made(H5Acreate2(object, name, file_type<T>(), space, H5P_DEFAULT, H5P_DEFAULT), name);
  check(H5Awrite(made, memory_type<T>(), &value), name);
}
void attribute(hid_t object, const char* name, const std::vector<std::int8_t>& values) {
  const hsize_t count = values.size();
  const Space space(H5Screate_simple(1, &count, nullptr), name);
  const Attribute made(H5Acreate2(object, name, H5T_STD_I8LE, space, H5P_DEFAULT, H5P_DEFAULT), name);
  check(H5Awrite(made, H5T_NATIVE_INT8, values.data()), name);
}

class Writer {
 public:
  Writer(hid_t file, const Job& job, const Cube& cube) : file_(file), job_(job), cube_(cube) {}

  void everything() {
    root();
    for (const layout::Group& group : layout::groups()) data(group);
    provenance();
    attribute(file_, "complete", std::int8_t{1});
  }

 private:
  void root() {
    attribute(file_, "Conventions", "CF-1.11");
    attribute(file_, "title", "Tail-risk cube: " + job_.name);
    attribute(file_, "source",
              "tailcube " + program_version() + " (commit " + program_commit() + ", " + compiler() + ", HDF5 " +
                  hdf5_version() + ", MPI " + mpi_version() + ")");
    attribute(file_, "history", "tailcube run of the job in /provenance/job");
    attribute(file_, "file_format", "tailcube");
    attribute(file_, "file_format_version", std::to_string(cube_format_major) + "." + std::to_string(cube_format_minor));
    attribute(file_, "job_digest", job_.digest);
    attribute(file_, "seed", static_cast<std::int64_t>(job_.seed));
    attribute(file_, "scenarios", cube_.scenarios);
    attribute(file_, "currency", cube_.currency);
    attribute(file_, "loss_unit", cube_.unit);
    attribute(file_, "sampler", job_.credit.sampler == Sampler::sparse ? "sparse" : "per_obligor");
    attribute(file_, "tail_mode", job_.binned ? "binned" : "exact");
  }

  void data(const layout::Group& group) {
    const auto empty = [&](const layout::Field& field) { return layout::empty(cube_, field); };
    if (std::all_of(group.fields.begin(), group.fields.end(), empty)) return;
    const Group made = new_group(group.name);
    scales_.clear();
    for (const AxisName name : group.axes) {
      if (layout::extent(cube_, name) > 0) axis(made, name);
    }
    for (const layout::Field& field : group.fields) {
      if (!empty(field)) dataset(made, field);
    }
    scales_.clear();
  }

  void axis(hid_t group, AxisName name) {
    const layout::Axis& described = layout::axis(name);
    const Dims dims{layout::extent(cube_, name)};
    const auto write = [&](const auto& values) { return array(group, described.name, dims, {}, values); };
    Dataset made = std::visit(
        [&](const auto& values) -> Dataset {
          using Values = std::decay_t<decltype(values)>;
          if constexpr (std::is_same_v<Values, layout::Levels>) {
            std::vector<double> levels;
            for (const Confidence& level : cube_.confidence) levels.push_back(level.value());
            return write(levels);
          } else if constexpr (std::is_same_v<Values, layout::Index>) {
            std::vector<std::int64_t> numbers(dims[0]);
            std::iota(numbers.begin(), numbers.end(), values.first);
            return write(numbers);
          } else {
            return write(cube_.*values);
          }
        },
        described.values);
    scale(made, described.name, described.long_name, described.unit);
    scales_.emplace(name, std::move(made));
  }

  void dataset(hid_t group, const layout::Field& field) {
    Dims dims, chunk;
    for (const AxisName name : field.axes) {
      dims.push_back(layout::extent(cube_, name));
      const bool one_by_one = name == AxisName::quantity || name == AxisName::cell || name == AxisName::gauge;
      chunk.push_back(one_by_one ? 1 : dims.back());
    }
    if (dims.size() == 1) chunk.clear();
    const Dataset made =
        std::visit([&](auto member) { return array(group, field.name, dims, chunk, cube_.*member); }, field.values);
    describe(made, field.long_name, field.unit);
    if (const auto* flags = layout::flag_meanings(field.name)) {
      attribute(made, flags->masks ? "flag_masks" : "flag_values", flags->values);
      attribute(made, "flag_meanings", std::string(flags->meanings));
    }
    for (std::size_t i = 0; i < field.axes.size(); ++i) {
      check(H5DSattach_scale(made, scales_.at(field.axes[i]), static_cast<unsigned>(i)), field.name);
    }
  }

  void provenance() {
    const Group made = new_group("provenance");
    text(made, "job", job_.text, "the job file, with the settings of the command line");
    own_axis(made, "defaults_used", job_.defaults_used, "settings and columns that were not given");
    std::vector<std::string> files, digests;
    for (const InputFile& input : job_.inputs) {
      files.push_back(input.path);
      digests.push_back(input.sha256);
    }
    if (!files.empty()) {
      const Dataset file = own_axis(made, "input_file", files, "file that was read, as written in the job").value();
      const Dataset digest = array(made, "input_digest", {files.size()}, {}, digests);
      attribute(digest, "long_name", "SHA-256 of the file");
      check(H5DSattach_scale(digest, file, 0), "input_digest");
    }
    text(made, "proposal", "none", "importance sampling proposal");
  }

  Group new_group(const char* name) {
    const Properties properties = object_properties(H5P_GROUP_CREATE);
    return Group(H5Gcreate2(file_, name, H5P_DEFAULT, properties, H5P_DEFAULT), name);
  }
  std::optional<Dataset> own_axis(hid_t group, const char* name, const std::vector<std::string>& values,
                                  const char* long_name) {
    if (values.empty()) return std::nullopt;
    Dataset made = array(group, name, {values.size()}, {}, values);
    scale(made, name, long_name, Unit::none);
    return made;
  }
  void text(hid_t group, const char* name, const std::string& value, const char* long_name) {
    const Type type = string_type();
    const Space space(H5Screate(H5S_SCALAR), name);
    const Dataset made(H5Dcreate2(group, name, type, space, H5P_DEFAULT, object_properties(H5P_DATASET_CREATE), H5P_DEFAULT),
                       name);
    const char* pointer = value.c_str();
    check(H5Dwrite(made, type, H5S_ALL, H5S_ALL, transfer_of_strings(1), &pointer), name);
    attribute(made, "long_name", std::string(long_name));
  }
  void scale(hid_t made, const char* name, const char* long_name, Unit unit) {
    check(H5DSset_scale(made, name), name);
    describe(made, long_name, unit);
  }
  void describe(hid_t made, const char* long_name, Unit unit) {
    attribute(made, "long_name", std::string(long_name));
    if (unit == Unit::none) return;
    attribute(made, "units", unit == Unit::money ? cube_.currency : unit == Unit::year ? "year" : "1");
  }

  // A dataset with its contents; numbers are compressed if they have chunks.
  template <class T>
  Dataset array(hid_t group, const char* name, const Dims& dims, Dims chunk, const std::vector<T>& values) {
    const Space space = space_of(dims, values.size(), name);
    const Properties properties = object_properties(H5P_DATASET_CREATE);
    if (!chunk.empty()) compress(properties, std::move(chunk), sizeof(T), name);
    const T missing = std::is_floating_point_v<T> ? std::numeric_limits<T>::quiet_NaN() : T{};
    if (std::is_floating_point_v<T>) check(H5Pset_fill_value(properties, memory_type<T>(), &missing), name);
    Dataset made(H5Dcreate2(group, name, file_type<T>(), space, H5P_DEFAULT, properties, H5P_DEFAULT), name);
    if (std::is_floating_point_v<T>) attribute(made, "_FillValue", missing);
    check(H5Dwrite(made, memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), name);
    return made;
  }
  Dataset array(hid_t group, const char* name, const Dims& dims, const Dims&, const std::vector<std::string>& values) {
    const Space space = space_of(dims, values.size(), name);
    const Type type = string_type();
    Dataset made(H5Dcreate2(group, name, type, space, H5P_DEFAULT, object_properties(H5P_DATASET_CREATE), H5P_DEFAULT),
                 name);
    std::vector<const char*> pointers;
    pointers.reserve(values.size());
    for (const std::string& value : values) pointers.push_back(value.c_str());
    check(H5Dwrite(made, type, H5S_ALL, H5S_ALL, transfer_of_strings(pointers.size()), pointers.data()), name);
    return made;
  }
  static Space space_of(const Dims& dims, std::size_t values, const char* name) {
    const auto count = std::accumulate(dims.begin(), dims.end(), hsize_t{1}, std::multiplies<>());
    if (count != values) {
      throw std::logic_error(std::string("cube: ") + name + " has " + std::to_string(values) + " values, its axes " +
                             std::to_string(count));
    }
    return Space(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), name);
  }
  static void compress(hid_t properties, Dims chunk, std::size_t value_bytes, const char* name) {
    constexpr hsize_t most = hsize_t{16} << 20;  // what a reader holds to get at one value
    const auto bytes = [&] {
      return std::accumulate(chunk.begin(), chunk.end(), hsize_t{value_bytes}, std::multiplies<>());
    };
    for (hsize_t& length : chunk) {
      while (length > 1 && bytes() > most) length = (length + 1) / 2;
    }
    check(H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data()), name);
    check(H5Pset_shuffle(properties), name);
    check(H5Pset_deflate(properties, 4), name);
  }

  hid_t file_;
  const Job& job_;
  const Cube& cube_;
  std::map<AxisName, Dataset> scales_;
};

// The memory of an HDF5 file that lives in memory. HDF5 frees it when the file has been closed, in its final state; here it
// is kept. (H5Fget_file_image gives the state before closing, and with 1.10.8 a wrong checksum.)
struct Image {
  void* memory = nullptr;
  ~Image() { std::free(memory); }
  // The memory grows in steps; where the file ends is in the superblock (version 2: 8 bytes at 28).
  std::span<const std::byte> bytes() const {
    std::uint64_t end = 0;
    std::memcpy(&end, static_cast<const std::byte*>(memory) + 28, sizeof end);
    return {static_cast<const std::byte*>(memory), end};
  }
};
void keep_image(hid_t access, Image& image) {
  H5FD_file_image_callbacks_t callbacks{};
  callbacks.image_malloc = [](size_t size, H5FD_file_image_op_t, void*) { return std::malloc(size); };
  callbacks.image_memcpy = [](void* to, const void* from, size_t size, H5FD_file_image_op_t, void*) {
    return std::memcpy(to, from, size);
  };
  callbacks.image_realloc = [](void* memory, size_t size, H5FD_file_image_op_t, void*) {
    return std::realloc(memory, size);
  };
  callbacks.image_free = [](void* memory, H5FD_file_image_op_t, void* kept) -> herr_t {
    std::free(std::exchange(static_cast<Image*>(kept)->memory, memory));
    return 0;
  };
  callbacks.udata_copy = [](void* kept) { return kept; };
  callbacks.udata_free = [](void*) -> herr_t { return 0; };
  callbacks.udata = &image;
  check(H5Pset_file_image_callbacks(access, &callbacks), "file in memory");
}

// Built in memory: nothing of HDF5 can fail for the disk's sake, and no file system has to know about locks.
void build(const Job& job, const Cube& cube, Image& image) {
  const Properties access(H5Pcreate(H5P_FILE_ACCESS), "file access");
  check(H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18), "library bounds");
  check(H5Pset_fapl_core(access, std::size_t{16} << 20, false), "file in memory");
  keep_image(access, image);
  const File file(H5Fcreate("cube", H5F_ACC_TRUNC, object_properties(H5P_FILE_CREATE), access), "new file");
  Writer(file, job, cube).everything();
}

void build_or_throw(const Job& job, const Cube& cube, Image& image, const std::string& name) {
  silence();
  try {
    build(job, cube, image);
  } catch (const Error& error) {
    throw FileError(name + ": cannot be built: " + error.what());
  }
  if (image.memory == nullptr) throw FileError(name + ": cannot be built: HDF5 left no memory");
}

}  // namespace

void write_cube(const std::filesystem::path& path, const Job& job, const Cube& cube) {
  Image image;
  build_or_throw(job, cube, image, path.string());
  const auto seal = make_seal(image.bytes());
  write_whole_file(path, {image.bytes(), seal});
}

std::size_t cube_bytes(const Job& job, const Cube& cube) {
  Image image;
  build_or_throw(job, cube, image, "cube.h5");
  return image.bytes().size() + seal_bytes;
}

std::string hdf5_version() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

}  // namespace tailcube
