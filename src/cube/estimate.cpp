#include "src/cube/cube.h"
