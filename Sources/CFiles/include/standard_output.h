/* What the C library knows of standard output, whose name is a variable that Swift may not read. */
#ifndef LOCKSTEP_STANDARD_OUTPUT_H
#define LOCKSTEP_STANDARD_OUTPUT_H

#include <errno.h>
#include <stdio.h>

/* Writes what is left. 0 where all that was printed has arrived, else the errno of what failed. */
static inline int CFiles_output_failure(void) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    return errno != 0 ? errno : EIO;
}

#endif
