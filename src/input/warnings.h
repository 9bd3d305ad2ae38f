#pragma once
// What a valid job should still make its owner think about: one list for `check`, for the log of a run and for the manual.
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tailcube {

enum class Warning : std::uint8_t {
  correlation_repaired,
  obligors_in_default,
  obligors_past_due,
  constant_spread,
  driver_uncorrelated,
  crypto_without_jumps,
  thin_tail,
  gaussian_tail,
  doubtful_position,
  distant_cell,
  coarse_loss_unit
};
struct WarningKind {
  std::string_view name;          // of Warning; stable
  std::string_view when, advice;  // as in docs/input.md
};
// In the order of Warning.
std::span<const WarningKind> warning_catalogue();
// "factors.csv:7: driver SME is ... [driver_uncorrelated]": a place, a sentence with its figure, the name.
std::string named(Warning, const std::string& text);

}  // namespace tailcube
