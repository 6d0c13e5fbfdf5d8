#include <cblas.h>
#include <stddef.h>

// LAPACK, which OpenBLAS carries but cblas.h does not declare; the last argument is the hidden length
// of Fortran's character.
void sgesdd_(
    const char *job, const int *rows, const int *columns, float *a, const int *stride_a,
    float *values, float *left, const int *stride_left, float *right, const int *stride_right,
    float *scratch, const int *scratch_count, int *integers, int *status, size_t job_length);
