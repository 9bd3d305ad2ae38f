#include "kernels/evaluate.h"
