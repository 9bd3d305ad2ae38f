#include "src/report/html_report.h"

#include <algorithm>

#include "src/report/html_data.h"
#include "src/report/html_drivers.h"
#include "src/report/html_sections.h"
#include "src/report/html_stories.h"
#include "src/report/page_files.h"

namespace tailcube {
namespace {

constexpr std::size_t page_bytes = 1'450'000;  // of which cells, nodes and scenarios are chosen so that they fit

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

html::Stories stories_of(const html::View& view, const ReportOptions& options) {
  if (options.stories == 0) return {{}, "they were not asked for (--stories)"};
  if (options.job == nullptr) return {{}, options.no_job};
  try {
    return html::tell_stories(view, *options.job, {.scenarios = options.stories});
  } catch (const InvalidJob& e) {
    return {{}, e.messages.empty() ? e.what() : e.messages.front()};
  } catch (const std::exception& e) {  // a page without stories is better than none
    return {{}, e.what()};
  }
}

std::string page_of(const html::View& view, const html::PageData& data, const html::Stories& stories, bool charts) {
  const ReportOrigin& origin = view.origin;
  std::vector<html::Section> sections{
      html::summary(view),
      html::drivers(view),
      html::nodes(view),
      html::distribution(view),
      html::grid(view),
      html::horizons(view),
      html::worst_scenarios(view, html::stories_html(view, stories)),
      html::precision(view),
      html::provenance(view, data.left_out),
      html::section("glossary", "What each number means", std::string(page_files::glossary))};
  if (html::has_books(view)) sections.insert(sections.begin() + 6, html::books(view));
  std::string page = head(origin, charts) + "<body>\n" + header(view.cube, origin, sections) + "<main id=\"main\">\n";
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

}  // namespace

std::string chart_library() { return std::string(page_files::charts_name); }

ReportPage html_report(const Cube& cube, const ReportOrigin& origin, const ReportOptions& options) {
  const bool charts = options.charts && !page_files::charts_library.empty();
  html::View view(cube, origin);
  // What is always there; then, of what is left, three fifths for the nodes of further cells, the rest for stories of these
  // cells, distributions and worst scenarios.
  const std::size_t least = page_of(view, html::page_data(view, 0), {}, charts).size();
  std::size_t room = least < page_bytes ? page_bytes - least : 0;
  view.detail(room / 5 * 3);
  const html::Stories stories = stories_of(view, options);
  for (const html::Stories::OfCell& of : stories.cells) room -= std::min(room, of.html.size());
  const html::PageData data = html::page_data(view, room);
  return {page_of(view, data, stories, charts), static_cast<int>(stories.cells.size()),
          options.stories == 0 ? "" : stories.why_not};
}

}  // namespace tailcube
