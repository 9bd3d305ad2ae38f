#include "src/input/input.h"
