// The functions of stream.h over a block of scenarios.
#include "kernels/random/stream.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/random/lanes.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/random/philox-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {
void WordLanes(std::uint64_t seed, std::uint64_t stream, ScenarioLanes scenarios, std::uint32_t draw, std::uint32_t* out) {
  PhiloxWords(seed, stream, scenarios, draw, out);
}
void UniformLanes(std::uint64_t seed, std::uint64_t stream, ScenarioLanes scenarios, std::uint32_t draw, double* out) {
  PhiloxUniforms(seed, stream, scenarios, draw, out);
}
void UniformsAt(std::uint64_t seed, const StreamId* stream, const std::uint32_t* scenario, std::uint32_t draw, double* out) {
  PhiloxUniformsAt(seed, reinterpret_cast<const std::uint64_t*>(stream), scenario, draw, out);
}
void NormalLanes(std::uint64_t seed, std::uint64_t stream, ScenarioLanes scenarios, std::uint32_t first_draw,
                 std::uint32_t count, double* out) {
  PhiloxNormals(seed, stream, scenarios, first_draw, count, out);
}
}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace tailcube {
HWY_EXPORT(WordLanes);
HWY_EXPORT(UniformLanes);
HWY_EXPORT(UniformsAt);
HWY_EXPORT(NormalLanes);

void words(std::uint64_t seed, StreamId stream, ScenarioLanes scenarios, std::uint32_t draw,
           std::span<std::uint32_t, lanes> out) {
  HWY_DYNAMIC_DISPATCH(WordLanes)(seed, static_cast<std::uint64_t>(stream), scenarios, draw, out.data());
}
void uniforms(std::uint64_t seed, StreamId stream, ScenarioLanes scenarios, std::uint32_t draw, Lanes out) {
  HWY_DYNAMIC_DISPATCH(UniformLanes)(seed, static_cast<std::uint64_t>(stream), scenarios, draw, out.data());
}
void uniforms(std::uint64_t seed, std::span<const StreamId, lanes> stream, std::span<const std::uint32_t, lanes> scenario,
              std::uint32_t draw, Lanes out) {
  HWY_DYNAMIC_DISPATCH(UniformsAt)(seed, stream.data(), scenario.data(), draw, out.data());
}
void normals(std::uint64_t seed, StreamId stream, ScenarioLanes scenarios, std::uint32_t draw, Lanes out) {
  HWY_DYNAMIC_DISPATCH(NormalLanes)(seed, static_cast<std::uint64_t>(stream), scenarios, draw, 1, out.data());
}
void normal_draws(std::uint64_t seed, StreamId stream, ScenarioLanes scenarios, std::uint32_t first_draw,
                  std::span<double> out) {
  const auto count = static_cast<std::uint32_t>(out.size() / static_cast<std::size_t>(lanes));
  HWY_DYNAMIC_DISPATCH(NormalLanes)(seed, static_cast<std::uint64_t>(stream), scenarios, first_draw, count, out.data());
}
}  // namespace tailcube
#endif
