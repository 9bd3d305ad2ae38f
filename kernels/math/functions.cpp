#include "kernels/math/functions.h"
