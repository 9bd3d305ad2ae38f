#include "kernels/market/market.h"
