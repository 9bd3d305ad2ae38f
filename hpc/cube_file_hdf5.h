#pragma once
// HDF5 handles that close themselves, and its error messages. Only the cube_file_*.cpp include this.
#include <hdf5.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

namespace tailcube::hdf5 {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// HDF5 prints its errors unless told not to; the messages end up in Error instead.
inline void silence() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

// The innermost message on HDF5's error stack.
inline std::string cause() {
  std::string text;
  const H5E_walk2_t first = [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
    auto& found = *static_cast<std::string*>(out);
    if (found.empty() && error->desc != nullptr) found = error->desc;
    return 0;
  };
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, first, &text);
  H5Eclear2(H5E_DEFAULT);
  return text;
}

template <class Result>
Result check(Result result, const std::string& doing) {
  if (result < 0) throw Error(doing + ": " + cause());
  return result;
}

template <herr_t (*Close)(hid_t)>
class Handle {
 public:
  Handle(hid_t id, const std::string& doing) : id_(check(id, doing)) {}
  ~Handle() {
    if (id_ >= 0) Close(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }  // NOLINT: stands for the id

 private:
  hid_t id_;
};
using File = Handle<H5Fclose>;
using Group = Handle<H5Gclose>;
using Dataset = Handle<H5Dclose>;
using Space = Handle<H5Sclose>;
using Type = Handle<H5Tclose>;
using Properties = Handle<H5Pclose>;
using Attribute = Handle<H5Aclose>;

// For a transfer of so many strings. HDF5 clears two buffers of a megabyte for each unless it is told how little they take.
inline Properties transfer_of_strings(std::size_t count) {
  constexpr std::size_t in_file = 16, least = 4096, most = std::size_t{1} << 20;
  Properties properties(H5Pcreate(H5P_DATASET_XFER), "properties");
  check(H5Pset_buffer(properties, std::clamp(count * in_file, least, most), nullptr, nullptr), "buffer");
  return properties;
}

}  // namespace tailcube::hdf5
