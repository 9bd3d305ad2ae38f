#include "src/report/html_report.h"

#include "src/report/html_data.h"
#include "src/report/html_sections.h"
#include "src/report/page_files.h"

namespace tailcube {
namespace {

using html::element;
using html::escaped;

std::string data_block(const std::string& id, const std::string& json) {
  return "<script type=\"application/json\" id=\"" + id + "\">" + html::for_script(json) + "</script>\n";
}

std::string head(const ReportOrigin& origin, bool charts) {
  std::string scripts = html::policy_hash(page_files::script);
  if (charts) scripts = html::policy_hash(page_files::charts_library) + " " + scripts;
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src " +
         scripts + "; style-src " + html::policy_hash(page_files::style) +
         "; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>" +
         escaped(origin.title) + "</title>\n<style>" + std::string(page_files::style) + "</style>\n</head>\n";
}

std::string header(const Cube& cube, const ReportOrigin& origin, const std::vector<html::Section>& sections) {
  std::string links;
  for (const html::Section& section : sections)
    links += "<li><a href=\"#" + section.id + "\">" + escaped(section.title) + "</a></li>\n";
  return "<a class=\"skip\" href=\"#main\">Skip to the figures</a>\n<header>\n<h1>" + escaped(origin.title) + "</h1>\n<p>" +
         std::to_string(cube.cells.size()) + (cube.cells.size() == 1 ? " stress cell" : " stress cells") + " · " +
         std::to_string(cube.nodes.size()) + " nodes · " + grouped(static_cast<double>(cube.scenarios)) +
         " scenarios · losses in " + escaped(cube.currency) + ", positive is bad · job <code>" +
         escaped(origin.job_digest.substr(0, 12)) + "</code></p>\n<nav aria-label=\"Sections\"><ul>\n" + links +
         "</ul></nav>\n</header>\n";
}

}  // namespace

std::string chart_library() { return std::string(page_files::charts_name); }

std::string html_report(const Cube& cube, const ReportOrigin& origin, const ReportOptions& options) {
  const html::View view(cube, origin);
  const html::PageData data = html::page_data(view);
  const bool charts = options.charts && !page_files::charts_library.empty();
  std::vector<html::Section> sections{
      html::summary(view),
      html::distribution(view),
      html::nodes(view),
      html::grid(view),
      html::horizons(view),
      html::worst_scenarios(view),
      html::precision(view),
      html::provenance(view, data.left_out),
      html::section("glossary", "What each number means", std::string(page_files::glossary))};
  std::string page = head(origin, charts) + "<body>\n" + header(cube, origin, sections) + "<main id=\"main\">\n";
  page += std::string(page_files::controls);
  if (!charts)
    page +=
        "<p class=\"note\" id=\"no-charts\">" +
        std::string(page_files::charts_library.empty() ? "Charts were not built into this program; the tables are all here."
                                                       : "Charts were left out; the tables are all here.") +
        "</p>\n";
  page +=
      "<noscript><p class=\"note\">Without its script this page shows the first stress cell and no charts.</p></noscript>\n";
  for (const html::Section& section : sections) page += section.html;
  page += "</main>\n<footer><p>Made by tailcube from " + escaped(origin.file) + ", SHA-256 <code>" + escaped(origin.sha256) +
          "</code>.</p></footer>\n" + data_block("data", data.json);
  if (!origin.run_record.empty()) page += data_block("run-record", origin.run_record);
  if (charts) page += element("script", "", page_files::charts_library) + "\n";
  return page + element("script", "", page_files::script) + "\n</body>\n</html>\n";
}

}  // namespace tailcube
