int lockstep_kernels_placeholder(void);
