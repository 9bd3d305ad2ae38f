#include "src/report/html_sections.h"

namespace tailcube::html {
namespace {

std::string row(const std::string& name, const std::string& html) {
  return "<tr><th scope=\"row\">" + name + "<td class=\"text\">" + html + "\n";
}
std::string code(const std::string& text) { return "<code>" + escaped(text) + "</code>"; }

std::string made(const View& view) {
  const ReportOrigin& from = view.origin;
  return "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"How it was made\"><table id=\"t-origin\">"
         "<caption>How it was made</caption><tbody>\n" +
         row("Cube", escaped(from.title) + ", file " + code(from.file) + ", " + bytes_text(static_cast<double>(from.bytes)) +
                         ", format " + escaped(from.format_version)) +
         row("Written by", escaped(from.source)) + row("Seed", code(std::to_string(from.seed))) +
         row("Scenarios", grouped(static_cast<double>(view.cube.scenarios)) + " in each of " + std::to_string(view.cells()) +
                              " stress cells") +
         row("Sampler, tail", escaped(from.sampler) + ", " + escaped(from.tail_mode)) +
         row("Loss unit",
             significant(from.loss_unit, 6) + " " + escaped(view.cube.currency) + ": what losses were rounded to, once") +
         row("Digest of the job", code(from.job_digest) + "<br>SHA-256 over every input byte, setting and default") +
         row("Digest of the cube", code(from.sha256) + "<br>SHA-256 of the file, as <code>sha256sum</code> prints it") +
         "</tbody></table></div>\n";
}

std::string again(const View& view) {
  return "<h3>How to run it again</h3>\n<p>Put the job file below beside its input files and run</p>\n"
         "<pre tabindex=\"0\">tailcube run job.toml -o again\nsha256sum again/cube.h5</pre>\n"
         "<p>with the same program. The job's digest must be " +
         code(view.origin.job_digest) + " and the cube's " + code(view.origin.sha256) +
         ", on any machine, with any number of ranks and threads. Another build of the program may differ in the last "
         "bit.</p>\n";
}

std::string inputs(const View& view) {
  Table t{"t-inputs", "Files that were read", {"File", "SHA-256"}, {}};
  for (const auto& [file, digest] : view.origin.input_digests)
    t.rows.push_back({{escaped(file), ""}, {code(digest), "text"}});
  std::string text = t.rows.empty() ? "" : table(t);
  if (!view.origin.defaults_used.empty()) {
    text += "<details><summary>Defaults that were taken (" + std::to_string(view.origin.defaults_used.size()) +
            ")</summary><ul>\n";
    for (const std::string& line : view.origin.defaults_used) text += "<li>" + escaped(line) + "</li>\n";
    text += "</ul></details>\n";
  }
  return text + "<details><summary>The job file</summary><pre tabindex=\"0\">" + escaped(view.origin.job) +
         "</pre></details>\n";
}

std::string cost(const View& view) {
  if (view.origin.run_record.empty())
    return "<h3>What it cost</h3>\n<p>There was no run.json beside the cube: what the run cost is not known here.</p>\n";
  return "<h3>What it cost</h3>\n<p id=\"cost-note\" class=\"note\">From run.json beside the cube.</p>\n"
         "<table id=\"t-cost\"><caption>What the run cost</caption><tbody></tbody></table>\n"
         "<details><summary>run.json</summary><pre tabindex=\"0\">" +
         escaped(view.origin.run_record) + "</pre></details>\n";
}

std::string quarantine(const View& view) {
  const Cube& cube = view.cube;
  if (cube.quarantined.empty()) return {};
  constexpr std::size_t most = 100;
  Table t{"t-quarantine",
          "Positions that could not be valued and are in none of the figures",
          {"Position", "Instrument", "Node", "Reason", "Share of the value today"},
          {}};
  for (std::size_t i = 0; i < std::min(most, cube.quarantined.size()); ++i)
    t.rows.push_back({{escaped(cube.quarantined[i]), ""},
                      {escaped(cube.quarantined_instrument[i]), "text"},
                      {escaped(cube.quarantined_path[i]), "text"},
                      {escaped(cube.quarantined_reason[i]), "text"},
                      {percent(cube.quarantined_share[i]), ""}});
  const std::size_t more = cube.quarantined.size() - t.rows.size();
  return "<h3>Left out of the book</h3>\n" + table(t) +
         (more > 0 ? "<p class=\"note\">" + std::to_string(more) + " more are in the cube.</p>\n" : "");
}

}  // namespace

Section provenance(const View& view, const std::vector<std::string>& left_out) {
  std::string omitted = "<h3>What this page leaves out</h3>\n<ul>\n";
  for (const std::string& sentence : left_out) omitted += "<li>" + escaped(sentence) + "</li>\n";
  return section("provenance", "Provenance and cost",
                 made(view) + again(view) + inputs(view) + cost(view) + quarantine(view) + omitted +
                     "</ul>\n<p>The cube has all of it.</p>\n");
}

}  // namespace tailcube::html
