#include "src/report/check_report.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "src/engine/parts.h"
#include "src/report/money.h"

namespace tailcube {
namespace {

void write_size(std::ostream& out, const Job& job, const CompiledBook& book) {
  const auto drivers = std::count_if(job.market.factors.begin(), job.market.factors.end(),
                                     [](const Factor& f) { return f.process == Process::driver; });
  out << job.name << ": " << grouped(static_cast<double>(job.scenarios)) << " scenarios in each of " << job.cells.size()
      << (job.cells.size() == 1 ? " cell" : " cells") << ", " << job.steps << (job.steps == 1 ? " step of " : " steps of ")
      << horizon_text(job.step_years) << ", reported after";
  for (std::size_t i = 0; i < job.report_steps.size(); ++i)
    out << (i ? ", " : " ") << horizon_text(job.report_steps[i] * job.step_years);
  std::size_t width = 10;
  for (const PositionTable& table : job.tables) width = std::max(width, table.instrument->name.size() + 1);
  const auto label = [&](std::string_view name) { return "  " + left(name, width); };
  out << "\n"
      << label("factors") << static_cast<long>(job.market.factors.size()) - drivers << " market, " << drivers
      << " credit drivers; " << job.curve_ids.size() << (job.curve_ids.size() == 1 ? " curve\n" : " curves\n")
      << label("obligors") << grouped(static_cast<double>(job.obligors.size())) << "\n";
  for (const PositionTable& table : job.tables)
    out << label(table.instrument->name) << grouped(static_cast<double>(table.positions.size())) << " positions\n";
  if (job.chain && book.publishing)
    for (std::size_t l = 0; l < job.chain->links.size(); ++l) {
      const ChainLink& link = job.chain->links[l];
      if (link.kind == ChainLink::Kind::price) continue;
      std::size_t positions = 0;
      for (const PositionTable& table : link.tables) positions += table.positions.size();
      const double today = book.publishing->links[l].today;
      const MoneyScale money = money_scale(today, job.currency);
      out << label(link.kind == ChainLink::Kind::pool ? "pool" : "account") << link.name << ": "
          << grouped(static_cast<double>(positions)) << " positions, value today " << money(today) << " " << money.unit
          << "\n";
    }
  const MoneyScale money = money_scale(std::abs(book.base_value.at(0)), job.currency);
  out << label("nodes") << job.nodes.size() << "; value today " << money(book.base_value[0]) << " " << money.unit << "\n";
}

void write_columns(std::ostream& out, const Job& job) {
  if (job.contribute_by.empty()) return;
  const PartChoice choice(job);
  out << "\nContributions by column, to the expected shortfall of " << job.contributions.size()
      << (job.contributions.size() == 1 ? " node" : " nodes") << "\n";
  for (std::size_t c = 0; c < job.contribute_by.size(); ++c) {
    const std::size_t values = choice.values(c);
    out << "  " << left(job.contribute_by[c].name, 20) << right(grouped(static_cast<double>(values)), 9)
        << (values == 1 ? " value" : " values");
    if (values > static_cast<std::size_t>(job.contribute_top))
      out << ", the " << job.contribute_top << " that contribute most are told apart";
    out << "\n";
  }
}

void write_cells(std::ostream& out, const Job& job, const CompiledBook& book) {
  out << "\nStress cells\n";
  for (std::size_t c = 0; c < job.cells.size(); ++c) {
    out << "  " << left(job.cells[c].name, 32) << (job.cells[c].propagate ? "propagates" : "does not propagate");
    const double distance = book.cells[c].distance;
    if (std::isfinite(distance) && distance > 0) out << ", " << significant(distance, 3) << " standard deviations out";
    out << "\n";
  }
}

// "3 years 1.96 %, 10 years 6.88 %"
std::string later_years(const std::vector<DefaultBy>& term) {
  std::string text;
  for (const DefaultBy& by : term) {
    if (by.years == 1) continue;
    if (!text.empty()) text += ", ";
    text += horizon_text(by.years) + " " + percent(by.probability);
  }
  return text;
}

void write_credit(std::ostream& out, const Job& job, const CompiledCredit& credit) {
  if (credit.reports.empty()) return;
  constexpr std::size_t shown = 20;
  const bool terms = !job.obligors.terms.empty();
  const std::string at_end = "PD " + horizon_text(job.steps * job.step_years);
  out << "\nCredit: default times by first passage; there is no rating migration, a loan is either performing or in "
         "default.\n"
      << "kappa scales the path's loadings so that joint defaults within a year match the one-year asset correlation;\n"
      << "the ratio is the joint default probability at the first step to that of the one-step copula.\n"
      << "    PD 1 year" << (terms ? right(at_end, 15) : "") << "   a'Ca   kappa   ratio   obligors"
      << (terms ? "   PDs by later years, else a constant hazard" : "") << "\n";
  for (std::size_t i = 0; i < std::min(shown, credit.reports.size()); ++i) {
    const CompiledCredit::Report& r = credit.reports[i];
    out << "  " << right(percent(r.pd_1y), 11) << (terms ? right(percent(r.pd_at_end), 15) : "")
        << right(grouped(r.squared_loading, 3), 7) << right(grouped(r.kappa, 4), 8)
        << right(grouped(r.first_step_joint_ratio, 3), 8) << right(grouped(r.obligors), 11);
    if (r.term != none) out << "   " << later_years(job.obligors.terms[r.term]);
    out << "\n";
  }
  if (credit.reports.size() > shown) out << "  and " << credit.reports.size() - shown << " more\n";
}

void write_list(std::ostream& out, const char* title, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  out << "\n" << title << "\n";
  for (const std::string& line : lines) out << "  " << line << "\n";
}

}  // namespace

void write_check_report(std::ostream& out, const Job& job, const CompiledBook& book, const CompiledCredit& credit) {
  write_size(out, job, book);
  write_columns(out, job);
  write_cells(out, job, book);
  write_credit(out, job, credit);
  write_list(out, "Defaults used", job.defaults_used);
  std::vector<std::string> warnings = job.warnings;
  for (std::string& warning : compiled_warnings(job, book)) warnings.push_back(std::move(warning));
  write_list(out, "Warnings", warnings);
  out << "\ndigest " << job.digest << "\n";
}

}  // namespace tailcube
