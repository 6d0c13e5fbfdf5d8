// Stands in for the compiler's own: avx512.h, read before everything else, has the intrinsics.
