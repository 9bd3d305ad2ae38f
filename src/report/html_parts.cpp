#include "src/report/html_parts.h"

namespace tailcube::html {

std::string chart(const std::string& name) { return "<div class=\"chart\" id=\"c-" + name + "\"></div>\n"; }
std::string note(const std::string& html) { return "<p class=\"note\">" + html + "</p>\n"; }
std::string strong(const std::string& html) { return "<strong>" + html + "</strong>"; }
std::string place(const std::string& name) { return "<b class=\"name\">" + escaped(name) + "</b>"; }
std::string details(const std::string& title, const std::string& html) {
  return "<details><summary>" + escaped(title) + "</summary>\n" + html + "</details>\n";
}

std::string shown(const View& view, const std::string& parts) {
  std::string text;
  const auto add = [&](char part, const std::string& value) {
    if (parts.find(part) != std::string::npos) text += (text.empty() ? "" : " · ") + value;
  };
  add('c', view.cube.cells[0]);
  add('n', view.cube.nodes[0]);
  if (view.split >= 0) add('p', view.cube.nodes[static_cast<std::size_t>(view.split)]);
  if (!view.parts.empty()) add('b', view.cube.nodes[static_cast<std::size_t>(view.parts.front().parent)]);
  add('h', "after " + view.horizon_name(view.horizon));
  add('k', view.level_text(view.level));
  return "<p class=\"shown\" data-parts=\"" + parts + "\">" + escaped(text) + "</p>\n";
}

std::string what_marks_mean() {
  return note(
      "± is the wider half of a 95 % interval. <b>!</b> fewer than 100 scenarios lie beyond this confidence: ask for more "
      "before relying on it. <b>±?</b> too few for an interval, or none is worse than VaR: an indication only. <b>*</b> the "
      "middle of a certified bracket, which the interval contains.");
}

}  // namespace tailcube::html
