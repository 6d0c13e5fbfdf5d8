// The MPI names that Swift cannot import, because they are macros in <mpi.h>.
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static inline MPI_Comm mpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Info mpi_info_null(void) { return MPI_INFO_NULL; }
static inline MPI_Errhandler mpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline MPI_Request mpi_request_null(void) { return MPI_REQUEST_NULL; }
static inline MPI_Status *mpi_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Status *mpi_statuses_ignore(void) { return MPI_STATUSES_IGNORE; }
static inline void *mpi_in_place(void) { return MPI_IN_PLACE; }
static inline int mpi_proc_null(void) { return MPI_PROC_NULL; }

static inline MPI_Datatype mpi_byte(void) { return MPI_BYTE; }
static inline MPI_Datatype mpi_float(void) { return MPI_FLOAT; }
static inline MPI_Datatype mpi_double(void) { return MPI_DOUBLE; }
static inline MPI_Datatype mpi_int64(void) { return MPI_INT64_T; }

static inline MPI_Op mpi_sum(void) { return MPI_SUM; }
static inline MPI_Op mpi_max(void) { return MPI_MAX; }

// Copies bytes out of another process's memory; 0, or the system error.
static inline int read_process(int process, const void *source, void *target, size_t bytes) {
    char *to = (char *)target;
    const char *from = (const char *)source;
    while (bytes > 0) {
        struct iovec here = {to, bytes}, there = {(void *)from, bytes};
        long moved = syscall(SYS_process_vm_readv, process, &here, 1L, &there, 1L, 0L);
        if (moved <= 0) return moved == 0 ? EFAULT : errno;
        to += moved;
        from += moved;
        bytes -= (size_t)moved;
    }
    return 0;
}

/* Moves the calling thread to where a process's first thread may run; from there on it may also run
 * where this process's may. The masks have room for 8192 processors. */
static inline void move_beside(int process) {
    enum { WORDS = 8192 / (8 * sizeof(unsigned long)) };
    unsigned long there[WORDS] = {0}, here[WORDS] = {0};
    long bytes = syscall(SYS_sched_getaffinity, process, sizeof there, there);
    if (bytes <= 0 || syscall(SYS_sched_getaffinity, getpid(), sizeof here, here) <= 0) return;
    if (syscall(SYS_sched_setaffinity, 0, bytes, there) != 0) return;
    for (int i = 0; i < WORDS; i++) there[i] |= here[i];
    syscall(SYS_sched_setaffinity, 0, bytes, there);
}
