#pragma once
// Text that goes into a page.
#include <string>
#include <string_view>
#include <vector>

namespace tailcube::html {

// For text and quoted attributes: & < > " ' and control characters are replaced, whatever the bytes mean otherwise.
std::string escaped(std::string_view);
// The same for names in narrow places: a line may break after , / and _.
std::string breakable(std::string_view);
// JSON for a <script>: no < > & and no line separators are left in it, so that nothing ends the script.
std::string for_script(std::string_view json);
// 'sha256-...' of a script's or style's bytes, as a content security policy wants it.
std::string policy_hash(std::string_view bytes);

std::string element(std::string_view name, std::string_view attributes, std::string_view inner);  // inner: HTML already

// <table> in a region that scrolls on its own and takes the keyboard's focus. Cells are HTML already.
struct Cell {
  std::string inner, css;  // css: class names
};
struct Table {
  std::string id, caption;        // the caption is text
  std::vector<std::string> head;  // text; the first column names the rows
  std::vector<std::vector<Cell>> rows;
};
std::string table(const Table&);

}  // namespace tailcube::html
