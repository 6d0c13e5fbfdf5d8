/* xxHash for Swift. Where the library has loops for several kinds of processor, a second header
 * redirects to them by macros, which Swift does not see. */
#ifndef LOCKSTEP_CXXHASH_SHIM_H
#define LOCKSTEP_CXXHASH_SHIM_H

#include <xxhash.h>

#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
#include <xxh_x86dispatch.h>
#endif

static inline XXH64_hash_t CXXHash_of(const void *bytes, size_t count) {
    return XXH3_64bits(bytes, count);
}

/* Fails for no bytes at no address alone, of which there is nothing to add. */
static inline void CXXHash_add(XXH3_state_t *state, const void *bytes, size_t count) {
    (void)XXH3_64bits_update(state, bytes, count);
}

#endif
