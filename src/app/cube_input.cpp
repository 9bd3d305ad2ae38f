#include "src/app/cube_input.h"

#include <fstream>
#include <iterator>

#include "src/app/exit_codes.h"
#include "src/app/failure.h"
#include "src/report/compare.h"
#include "src/report/json.h"
#include "src/report/selection.h"

namespace tailcube {
namespace {

class BadCube : public std::runtime_error {
 public:
  BadCube(int code, const std::string& text) : std::runtime_error(text), exit_code(code) {}
  int exit_code;
};

}  // namespace

LoadedCube load_cube(const std::filesystem::path& file_or_folder, const LeftOut& left_out) {
  std::filesystem::path path = file_or_folder;
  if (std::filesystem::is_directory(path)) path /= "cube.h5";
  if (!std::filesystem::exists(path)) throw BadCube(exit_code::missing, path.string() + ": no such file");
  try {
    return {read_cube_file(path, left_out), path};
  } catch (const FileError& error) {
    throw BadCube(exit_code::invalid, error.what());
  }
}

std::filesystem::path recorded_job(const std::filesystem::path& cube) {
  std::ifstream in(std::filesystem::absolute(cube).parent_path() / "run.json", std::ios::binary);
  return json_string(std::string{std::istreambuf_iterator<char>(in), {}}, "job_file");
}

int run_reader(const std::function<void()>& command) {
  Failure wrong;
  const Failure other = attempt([&] {
    try {
      command();
    } catch (const BadCube& error) {
      wrong = {error.exit_code, error.what()};
    } catch (const BadFilter& error) {
      wrong = {exit_code::usage, error.what()};
    } catch (const Incomparable& error) {
      wrong = {exit_code::invalid, error.what()};
    }
  });
  const Failure& failure = wrong.exit_code != exit_code::ok ? wrong : other;
  if (failure.exit_code != exit_code::ok) log_error(failure.text);
  return failure.exit_code;
}

}  // namespace tailcube
