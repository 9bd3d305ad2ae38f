#pragma once
// The sections of the page. Each returns a <section>; its tables show the first stress cell, the last horizon and the
// largest confidence up to 99 % until the page's script shows another.
#include <string>
#include <vector>

#include "src/report/html_view.h"

namespace tailcube::html {

struct Section {
  std::string id, title, html;  // html: the whole element
};
Section section(const std::string& id, const std::string& title, const std::string& inner);

Section summary(const View&);  // how bad, how sure, where from; the total of every cell
Section distribution(const View&);
Section nodes(const View&);  // node x horizon
Section grid(const View&);   // cell x first level; two axes of stresses against each other
Section horizons(const View&);
Section books(const View&);  // published values and leverage, of cubes that have them
bool has_books(const View&);
Section worst_scenarios(const View&, const std::string& stories);  // stories: HTML
Section precision(const View&);                                    // what more scenarios would bring
Section provenance(const View&, const std::vector<std::string>& left_out);

}  // namespace tailcube::html
