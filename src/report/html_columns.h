#pragma once
// What the values of the book's columns (sectors, obligors, ...) add to shortfalls: docs/cube.md, /contribution_by.
#include <string>

#include "src/report/html_view.h"

namespace tailcube::html {

// Bars and a table of each column, of the first node that is split up by them; empty where none is.
std::string columns_html(const View&);

struct ColumnsData {
  std::string json;    // members of the page's data: "columns", "parts", and of each detailed cell "contributionBy"
  int deepest = 0;     // of the nodes that are in it, their depth
  bool whole = false;  // none is left out
};
// Nodes of whole levels of the tree, from the total down, as far as they fit into `room` bytes; the first level always.
ColumnsData columns_data(const View&, std::size_t room);

}  // namespace tailcube::html
