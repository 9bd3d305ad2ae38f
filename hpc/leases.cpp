#include "hpc/leases.h"
