#include "kernels/credit/defaults.h"
