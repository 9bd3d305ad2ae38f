#pragma once
// Random numbers with an address: a pure function of (seed, stream, scenario, draw).
#include <array>
#include <cstdint>
#include <string_view>

#include "kernels/block.h"

namespace tailcube {

enum class StreamId : std::uint64_t {};

// A 64-bit hash of a named purpose ("factor", "default", "bridge") and a stable id; never of a place in an array.
// Two equal ids within a job are refused when the job is compiled.
StreamId stream(std::string_view purpose, std::string_view id);

// Philox4x32-10 (Salmon et al., SC'11): key = seed, counter = {draw, scenario div 4, stream low, stream high},
// word = scenario mod 4. 2^32 draws of a word, or 2^31 of a uniform or normal, and 2^32 scenarios.
std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);
std::uint32_t word(std::uint64_t seed, StreamId stream, std::uint32_t scenario, std::uint32_t draw);

// A 53-bit uniform in (0,1): (n + 1/2) 2^-53 with high word from draw 2d, low word from draw 2d+1. Rounded toward zero to a
// double: the least is 2^-54, the greatest 1 - 2^-53, and all 2^53 differ. normal() is its normal_quantile().
double uniform(std::uint64_t seed, StreamId stream, std::uint32_t scenario, std::uint32_t draw);
double normal(std::uint64_t seed, StreamId stream, std::uint32_t scenario, std::uint32_t draw);

// The same for the scenarios of a block; bit-equal to the functions above. Consecutive ones share Philox's work by fours.
void words(std::uint64_t seed, StreamId stream, ScenarioLanes, std::uint32_t draw, std::span<std::uint32_t, lanes> out);
void uniforms(std::uint64_t seed, StreamId stream, ScenarioLanes, std::uint32_t draw, Lanes out);
void normals(std::uint64_t seed, StreamId stream, ScenarioLanes, std::uint32_t draw, Lanes out);
// The same at any addresses: out[i] = uniform(seed, stream[i], scenario[i], draw).
void uniforms(std::uint64_t seed, std::span<const StreamId, lanes> stream, std::span<const std::uint32_t, lanes> scenario,
              std::uint32_t draw, Lanes out);
// Draws first_draw, first_draw + 1, ... as [draw][lane]; out.size() is a multiple of lanes.
void normal_draws(std::uint64_t seed, StreamId stream, ScenarioLanes, std::uint32_t first_draw, std::span<double> out);

}  // namespace tailcube
