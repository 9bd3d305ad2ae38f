// Philox4x32-10 (Salmon et al., SC'11) for the 64 scenarios of a block, for kernels compiled once per instruction set.
// Bit-equal to philox(), word(), uniform() and normal() of stream.h at every width.
#if defined(TAILCUBE_KERNELS_RANDOM_PHILOX_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TAILCUBE_KERNELS_RANDOM_PHILOX_INL_H_
#undef TAILCUBE_KERNELS_RANDOM_PHILOX_INL_H_
#else
#define TAILCUBE_KERNELS_RANDOM_PHILOX_INL_H_
#endif
#include <hwy/highway.h>

#include <cstdint>

#include "kernels/block.h"
#include "kernels/math/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace tailcube {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using PhiloxTag = hn::CappedTag<std::uint64_t, lanes / 4>;  // a 64-bit lane holds one 32-bit word of one counter block
using PhiloxVector = hn::Vec<PhiloxTag>;
inline constexpr std::size_t kPhiloxBlocks =
    static_cast<std::size_t>(lanes) / 4;  // counters per draw of a block of scenarios

// Named members, not an array: g++ 12 keeps an array of vectors in memory.
struct PhiloxWords4 {
  PhiloxVector a, b, c, d;  // word 0 .. 3 in the low half of each lane; the high halves are undefined
};

// The round keys of a seed. A kernel that draws often makes them once; a seed in their place converts.
struct PhiloxKeys {
  PhiloxKeys(std::uint64_t seed) {
    auto a = static_cast<std::uint32_t>(seed), b = static_cast<std::uint32_t>(seed >> 32);
    for (std::size_t round = 0; round < 10; ++round, a += 0x9E3779B9u, b += 0xBB67AE85u) first[round] = a, second[round] = b;
  }
  std::uint64_t first[10], second[10];
};

// MulEven leaves the 64-bit product in place, so the rounds need no shuffles; it ignores the high halves of its operands.
HWY_INLINE PhiloxWords4 PhiloxRounds(const PhiloxKeys& keys, PhiloxVector stream, PhiloxVector scenario_block,
                                     PhiloxVector draw) {
  const PhiloxTag d64;
  const hn::Repartition<std::uint32_t, PhiloxTag> d32;
  const auto m0 = hn::BitCast(d32, hn::Set(d64, 0xD2511F53u)), m1 = hn::BitCast(d32, hn::Set(d64, 0xCD9E8D57u));
  PhiloxWords4 w{draw, scenario_block, stream, hn::ShiftRight<32>(stream)};
  HWY_UNROLL(10)
  for (std::size_t round = 0; round < 10; ++round) {
    const auto p0 = hn::MulEven(hn::BitCast(d32, w.a), m0), p1 = hn::MulEven(hn::BitCast(d32, w.c), m1);
    w.a = hn::Xor3(hn::ShiftRight<32>(p1), w.b, hn::Set(d64, keys.first[round]));
    w.b = p1;
    w.c = hn::Xor3(hn::ShiftRight<32>(p0), w.d, hn::Set(d64, keys.second[round]));
    w.d = p0;
  }
  return w;
}

HWY_INLINE PhiloxWords4 PhiloxRounds(const PhiloxKeys& keys, std::uint64_t stream, PhiloxVector scenario_block,
                                     PhiloxVector draw) {
  return PhiloxRounds(keys, hn::Set(PhiloxTag(), stream), scenario_block, draw);
}
HWY_INLINE PhiloxWords4 PhiloxRounds(const PhiloxKeys& keys, std::uint64_t stream, PhiloxVector scenario_block,
                                     std::uint32_t draw) {
  return PhiloxRounds(keys, stream, scenario_block, hn::Set(PhiloxTag(), draw));
}

// high << 32 | low of the low halves.
HWY_INLINE PhiloxVector JoinHalves(PhiloxVector high, PhiloxVector low) {
  const hn::Repartition<std::uint32_t, PhiloxTag> d32;
  return hn::BitCast(PhiloxTag(), hn::OddEven(hn::BitCast(d32, hn::ShiftLeft<32>(high)), hn::BitCast(d32, low)));
}

// Word (scenario mod 4) of a counter block each.
HWY_INLINE PhiloxVector WordOf(const PhiloxWords4& w, PhiloxVector scenario) {
  const PhiloxTag d64;
  const auto odd = hn::Ne(hn::And(scenario, hn::Set(d64, 1)), hn::Zero(d64));
  const auto late = hn::Ne(hn::And(scenario, hn::Set(d64, 2)), hn::Zero(d64));
  return hn::IfThenElse(late, hn::IfThenElse(odd, w.d, w.c), hn::IfThenElse(odd, w.b, w.a));
}

// word(seed, stream, scenario[lane], draw) for the 64 lanes.
HWY_INLINE void PhiloxWordsAt(const PhiloxKeys& keys, std::uint64_t stream, const std::uint32_t* HWY_RESTRICT scenario,
                              std::uint32_t draw, std::uint32_t* HWY_RESTRICT out) {
  const PhiloxTag d64;
  const hn::Rebind<std::uint32_t, PhiloxTag> d32;
  for (std::size_t i = 0; i < static_cast<std::size_t>(lanes); i += hn::MaxLanes(PhiloxTag())) {
    const auto at = hn::PromoteTo(d64, hn::LoadU(d32, scenario + i));
    const auto w = PhiloxRounds(keys, stream, hn::ShiftRight<2>(at), draw);
    hn::StoreU(hn::TruncateTo(d32, WordOf(w, at)), d32, out + i);
  }
}

// word(seed, stream, first_scenario + lane, draw) for the 64 lanes; first_scenario is a multiple of 64. Counter blocks are
// taken in an order that lets two in-register interleaves leave the words in scenario order.
HWY_INLINE void PhiloxWords(const PhiloxKeys& keys, std::uint64_t stream, ScenarioLanes scenarios, std::uint32_t draw,
                            std::uint32_t* HWY_RESTRICT out) {
  if (scenarios.gathered != nullptr) return PhiloxWordsAt(keys, stream, scenarios.gathered, draw, out);
  const PhiloxTag d64;
  const hn::Repartition<std::uint32_t, PhiloxTag> d32;
  constexpr std::size_t kLanes = hn::MaxLanes(PhiloxTag());
  const auto i = hn::Iota(d64, 0);
  const auto place = hn::Add(hn::ShiftRight<1>(i), hn::IfThenElseZero(hn::Ne(hn::And(i, hn::Set(d64, 1)), hn::Zero(d64)),
                                                                      hn::Set(d64, kLanes / 2)));
  for (std::size_t block = 0; block < kPhiloxBlocks; block += kLanes) {
    const auto w = PhiloxRounds(keys, stream, hn::Add(place, hn::Set(d64, scenarios.first / 4 + block)), draw);
    const auto low = JoinHalves(w.b, w.a), high = JoinHalves(w.d, w.c);
    hn::StoreU(hn::BitCast(d32, hn::InterleaveLower(d64, low, high)), d32, out + 4 * block);
    hn::StoreU(hn::BitCast(d32, hn::InterleaveUpper(d64, low, high)), d32, out + 4 * block + 2 * kLanes);
  }
}

// uniform(seed, stream, scenario, draw) of a vector of streams and scenarios.
HWY_INLINE hn::Vec<hn::RebindToFloat<PhiloxTag>> PhiloxUniformAt(const PhiloxKeys& keys, PhiloxVector stream,
                                                                 const std::uint32_t* HWY_RESTRICT scenario,
                                                                 std::uint32_t draw) {
  const PhiloxTag d64;
  const auto at = hn::PromoteTo(d64, hn::LoadU(hn::Rebind<std::uint32_t, PhiloxTag>(), scenario));
  const auto word = [&](std::uint32_t of) {
    return WordOf(PhiloxRounds(keys, stream, hn::ShiftRight<2>(at), hn::Set(d64, of)), at);
  };
  return Uniform53(hn::RebindToFloat<PhiloxTag>(), JoinHalves(word(2 * draw), word(2 * draw + 1)));
}

// uniform(seed, stream[i], scenario[i], draw) for 64 addresses.
HWY_INLINE void PhiloxUniformsAt(const PhiloxKeys& keys, const std::uint64_t* HWY_RESTRICT stream,
                                 const std::uint32_t* HWY_RESTRICT scenario, std::uint32_t draw, double* HWY_RESTRICT out) {
  const PhiloxTag d64;
  for (std::size_t i = 0; i < static_cast<std::size_t>(lanes); i += hn::MaxLanes(PhiloxTag()))
    hn::StoreU(PhiloxUniformAt(keys, hn::LoadU(d64, stream + i), scenario + i, draw), hn::RebindToFloat<PhiloxTag>(),
               out + i);
}

// uniform(seed, stream, scenario of the lane, draw) for the 64 lanes.
HWY_INLINE void PhiloxUniforms(const PhiloxKeys& keys, std::uint64_t stream, ScenarioLanes scenarios, std::uint32_t draw,
                               double* HWY_RESTRICT out) {
  const PhiloxTag d64;
  const hn::RebindToFloat<PhiloxTag> d;
  constexpr std::size_t kLanes = hn::MaxLanes(PhiloxTag());
  if (scenarios.gathered != nullptr) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(lanes); i += kLanes)
      hn::StoreU(PhiloxUniformAt(keys, hn::Set(d64, stream), scenarios.gathered + i, draw), d, out + i);
    return;
  }
  for (std::size_t block = 0; block < kPhiloxBlocks; block += kLanes) {
    const auto place = hn::Iota(d64, scenarios.first / 4 + block);
    const auto high = PhiloxRounds(keys, stream, place, 2 * draw), low = PhiloxRounds(keys, stream, place, 2 * draw + 1);
    hn::StoreInterleaved4(Uniform53(d, JoinHalves(high.a, low.a)), Uniform53(d, JoinHalves(high.b, low.b)),
                          Uniform53(d, JoinHalves(high.c, low.c)), Uniform53(d, JoinHalves(high.d, low.d)), d,
                          out + 4 * block);
  }
}

// `count` consecutive draws, [draw][lane].
HWY_INLINE void PhiloxNormals(const PhiloxKeys& keys, std::uint64_t stream, ScenarioLanes scenarios,
                              std::uint32_t first_draw, std::uint32_t count, double* HWY_RESTRICT out) {
  for (std::uint32_t i = 0; i < count; ++i, out += lanes) {
    PhiloxUniforms(keys, stream, scenarios, first_draw + i, out);
    NormalQuantileLanes(out, out, UniformLogarithm());
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace tailcube
HWY_AFTER_NAMESPACE();
#endif
