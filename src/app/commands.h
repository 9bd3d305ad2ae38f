#pragma once
// The commands. Each returns an exit code or throws Stop; all but `run` need only rank 0 and throw nothing there.
#include "hpc/communicator.h"
#include "src/app/options.h"

namespace tailcube {

int run_command(Communicator&, const Options&);           // run.cpp
int merge_command(const Options&);                        // merge.cpp
int check_command(const Options&);                        // check.cpp
int plan_command(const Communicator&, const Options&);    // plan.cpp
int submit_command(const Communicator&, const Options&);  // submit.cpp
int info_command(const Options&);                         // info.cpp
int report_command(const Options&);                       // report.cpp
int show_command(const Options&);                         // show.cpp
int export_command(const Options&);                       // export.cpp
int compare_command(const Options&);                      // compare.cpp
int version_command();                                    // version.cpp

}  // namespace tailcube
