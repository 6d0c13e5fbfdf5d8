/* Mapped files whose end may be cut off while they are read.
 *
 * Reading a mapped page that its file no longer has raises SIGBUS. Swift cannot answer a signal
 * safely, so this does: one line that names the file, and exit status 1, at which mpirun ends the
 * other ranks. A SIGBUS from anywhere else goes to whoever handled it before. */
#ifndef LOCKSTEP_MAPPED_FILES_H
#define LOCKSTEP_MAPPED_FILES_H

#include <stddef.h>

/* Takes note of a mapping and returns its number; -1 where no room is left, which only costs the
 * line. The handler is put in place where it is not. */
int CFiles_watch(const void *start, size_t bytes, const char *path);

/* Forgets a mapping, before it ends. */
void CFiles_unwatch(int number);

/* What stands before the cause in the line: "rank 2 on host: ". */
void CFiles_set_place(const char *place);

#endif
