#pragma once
// The worst scenarios of the total, told: what `replay` says of them, as tables of the page.
#include <string>
#include <vector>

#include "src/model/model.h"
#include "src/report/html_view.h"

namespace tailcube::html {

struct StoryLimits {
  int scenarios = 3;                // told of each cell, worst first; 0: none
  double seconds = 10;              // no cell is begun after so long
  std::size_t bytes = 150'000;      // nor after so much of the page; one cell is always told
  static constexpr int alike = 20;  // scenarios of a cell of which it is said what they have in common
};

struct Stories {
  struct OfCell {
    int cell;
    std::string html;
  };
  std::vector<OfCell> cells;
  std::string why_not;  // text: why there are none
};
// Of the total at the view's horizon, for the cells that the view has in detail, in the order of View::ranked. `job`: that
// of the cube. Scenarios that do not come out as they were, to the bit, are none to tell: then there is no story, and the
// reason. Throws InvalidJob.
Stories tell_stories(const View&, const Job&, const StoryLimits&);

// All but those of the first cell are hidden until the script shows another.
std::string stories_html(const View&, const Stories&);

}  // namespace tailcube::html
