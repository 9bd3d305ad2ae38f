#include "src/engine/engine.h"
