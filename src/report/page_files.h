#pragma once
// The files of src/report/page and the chart library, built into the program (embed.cmake).
#include <string_view>

namespace tailcube::page_files {

extern const std::string_view style, script, controls, glossary;
extern const std::string_view charts_library, charts_name;  // empty: the program was built without

}  // namespace tailcube::page_files
