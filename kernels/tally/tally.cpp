#include "kernels/tally/tally.h"
