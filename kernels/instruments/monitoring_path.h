#pragma once
// Paths that follow from triggers.
#include "kernels/instruments/instrument.h"

namespace tailcube {

// What an account publishes of positions that are liquidated: it depends on Block::monitor_today, as Batch::checks_triggers
// says of a batch.
class MonitoringPath : public PricePath {
 public:
  bool triggers_today = true;  // as in Batch
};

}  // namespace tailcube
