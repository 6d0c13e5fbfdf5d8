#include "CKernels.h"
int lockstep_kernels_placeholder(void) { return 0; }
