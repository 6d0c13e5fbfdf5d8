int lockstep_onednn_placeholder(void);
