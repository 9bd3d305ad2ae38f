#pragma once
// The tables that a story is told in.
#include <string>
#include <vector>

#include "src/report/html_view.h"
#include "src/report/replay_common.h"
#include "src/report/replay_story.h"

namespace tailcube::html {

// One scenario, folded unless `open`. `usual`: how factors move in any scenario of the cell.
std::string story_html(const View&, const Story&, const std::vector<Common::Factor>& usual, bool open);
// What the worst scenarios have in common.
std::string alike_html(const View&, const Common&);

}  // namespace tailcube::html
