#include "kernels/instruments/instrument.h"

namespace tailcube {
extern const Instrument exposure;
const Instrument exposure{"exposure", {}, {}, Instrument::Credit::required, false, false, nullptr, nullptr, nullptr};
}  // namespace tailcube
