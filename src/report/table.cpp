#include "src/report/table.h"
