#pragma once
// How much of a book hangs on few names. Pure: today's values, no scenario.
#include <cstdint>
#include <string>
#include <vector>

#include "src/model/model.h"

namespace tailcube {

// Of the obligors below a node. The exposure to an obligor is what its positions are worth today, short ones taken away from
// long ones; one that is not above 0 is no exposure. Positions without an obligor are left out: nobody's default is their
// risk. Money is in the job's currency. Without any exposure numbers are NaN and names are empty.
struct Concentration {
  double exposure = 0;     // to all of them
  std::int64_t names = 0;  // with an exposure
  // Sum of the squares of the shares of the exposure (Hirschman 1964), from 1 / names to 1; its inverse is the number of
  // equal names that would give the same ("numbers equivalent", Adelman 1969).
  double herfindahl_index, effective_names;
  std::string largest_name;  // of equals the first by id
  double largest_exposure, largest_share;
  // What one obligor loses them that defaults alone: credit loss at the first reporting step of a default at the first step,
  // with its mean loss given default and every price as it is today. The largest of any.
  std::string largest_loss_name;
  double largest_loss;
};
std::vector<Concentration> concentration(const Job&);  // by node

}  // namespace tailcube
