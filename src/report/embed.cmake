# Run at build time: writes OUTPUT, a C++ source with the bytes of the page's files and of the chart library.
#   PAGE: the folder src/report/page. LIBRARY: files of the chart library, in the order in which they are to run; may be empty.
function(bytes name files)
  set(hex "")
  foreach(file IN LISTS files)
    file(READ ${file} text)
    # A browser reads CR as LF, and these would end the element: the page's security policy has the hash of what is read.
    if(text MATCHES "\r" OR (NOT name MATCHES "controls|glossary" AND text MATCHES "</(script|style)|<!--"))
      message(FATAL_ERROR "${file} cannot be part of a page")
    endif()
    file(READ ${file} one HEX)
    string(APPEND hex "${one}0a")
  endforeach()
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  set(source "${source}const unsigned char ${name}_bytes[] = {${hex}0};\n" PARENT_SCOPE)
endfunction()

set(source "")
bytes(style "${PAGE}/page.css")
bytes(script "${PAGE}/page.js;${PAGE}/tables.js;${PAGE}/drivers.js;${PAGE}/charts.js;${PAGE}/start.js")
bytes(controls "${PAGE}/controls.html")
bytes(glossary "${PAGE}/glossary.html")
set(charts_name "")
if(LIBRARY)
  list(LENGTH LIBRARY modules)
  set(charts_name "D3 (${modules} modules)")
  bytes(charts_library "${PAGE}/d3_licence.js;${LIBRARY}")
else()
  set(source "${source}const unsigned char charts_library_bytes[] = {0};\n")
endif()
set(views "")
foreach(name style script controls glossary charts_library)
  string(APPEND views "const std::string_view ${name} = text(${name}_bytes, sizeof ${name}_bytes - 1);\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"src/report/page_files.h\"

namespace tailcube::page_files {
namespace {
${source}
std::string_view text(const unsigned char* bytes, std::size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }
}  // namespace

${views}const std::string_view charts_name = \"${charts_name}\";

}  // namespace tailcube::page_files
")
