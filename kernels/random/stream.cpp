#include "kernels/random/stream.h"
