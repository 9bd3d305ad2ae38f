#pragma once
// The values of one dataset of a cube.
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tailcube {

// A vector that a reader may leave out of a cube. Asking for anything of it is then an error of this program and throws
// std::logic_error: a dataset that was not read is not an empty one, which the cube does not have.
template <class T>
class CubeValues : public std::vector<T> {
  using Values = std::vector<T>;

 public:
  using Values::Values;
  CubeValues() = default;
  CubeValues(Values values) : Values(std::move(values)) {}  // NOLINT: stands for them

  void leave_out(const char* name) { left_out_ = name; }  // outlives it

  auto size() const { return there().size(); }
  bool empty() const { return there().empty(); }
  const T* data() const { return there().data(); }
  T* data() { return there().data(); }
  auto begin() const { return there().begin(); }
  auto begin() { return there().begin(); }
  auto end() const { return there().end(); }
  auto end() { return there().end(); }
  const T& back() const { return there().back(); }
  T& back() { return there().back(); }
  const T& operator[](std::size_t at) const { return there()[at]; }
  T& operator[](std::size_t at) { return there()[at]; }

 private:
  const Values& there() const {
    if (left_out_ != nullptr) refuse();
    return *this;
  }
  Values& there() {
    if (left_out_ != nullptr) refuse();
    return *this;
  }
  [[noreturn]] void refuse() const { throw std::logic_error(std::string("cube: ") + left_out_ + " was not read"); }

  const char* left_out_ = nullptr;
};

}  // namespace tailcube
