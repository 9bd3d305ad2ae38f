#pragma once
// Pieces that sections of the page share.
#include <string>

#include "src/report/html_view.h"

namespace tailcube::html {

std::string chart(const std::string& name);                              // where the script draws: #c-NAME
std::string note(const std::string& html);                               // small print
std::string strong(const std::string& html);                             // HTML already
std::string place(const std::string& name);                              // the name of a cell or a node, in a sentence
std::string details(const std::string& title, const std::string& html);  // folded; the title is text
// What is shown, which the script keeps true. `parts`: c cell, n node, p the node that is split up, b that which is by
// columns, h horizon, k confidence.
std::string shown(const View&, const std::string& parts);
std::string what_marks_mean();

}  // namespace tailcube::html
