/* A driver through which HDF5 writes a file, and never learns that writing failed.
 *
 * HDF5 cannot close a file whose writes fail (a full disk): it keeps it open, crashes, or loops
 * when the process ends. Here the first failure is noted for the caller, and HDF5 is told that all
 * went well; the caller asks after each step and throws the file away. Errors of reading are told.
 * Fits HDF5 1.10, 1.12 and 1.14, whose driver tables differ in the first fields.
 */
#ifndef LOCKSTEP_CHDF5_STORAGE_H
#define LOCKSTEP_CHDF5_STORAGE_H

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The caller's: an open descriptor, another that goes past the system's page cache (or −1) with room
 * for a piece, and the first system call that failed with its errno. */
typedef struct {
    int descriptor;
    int direct;
    void *piece;
    int code;
    const char *call;
} CHDF5_storage;

enum {
    CHDF5_BLOCK = 4096,        /* what direct writes begin and end at multiples of, in the file and,
                                  or else they are copied, in memory */
    CHDF5_PIECE = 8 << 20,     /* bytes of a direct write: where a step keeps the processor busy, each
                                  write waits some milliseconds for its turn */
    CHDF5_LEAST = 1 << 20,     /* the least that is written so */
};

/* The system's headers name it under _GNU_SOURCE alone. */
#if !defined(O_DIRECT) && defined(__O_DIRECT)
#define O_DIRECT __O_DIRECT
#endif

/* Opens the way past the page cache, where the file system has one: large arrays then cost the
 * processor a tenth, and take no memory from what else the system keeps. */
static inline void CHDF5_open_direct(CHDF5_storage *storage, const char *path) {
    storage->direct = -1;
    storage->piece = NULL;
#ifdef O_DIRECT
    if (posix_memalign(&storage->piece, CHDF5_BLOCK, CHDF5_PIECE) != 0) storage->piece = NULL;
    if (storage->piece != NULL) storage->direct = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
#endif
}

static inline void CHDF5_close_direct(CHDF5_storage *storage) {
    if (storage->direct >= 0) close(storage->direct);
    free(storage->piece);
    storage->direct = -1;
    storage->piece = NULL;
}

typedef struct {
    H5FD_t base;
    CHDF5_storage *storage;
    haddr_t end_of_addresses;
    haddr_t end_of_file;
} CHDF5_open_file;

static inline void CHDF5_note(CHDF5_storage *storage, const char *call) {
    if (storage->code != 0) return;
    storage->code = errno;
    storage->call = call;
}

static inline H5FD_t *CHDF5_driver_open(
    const char *name, unsigned flags, hid_t properties, haddr_t limit) {
    CHDF5_storage *const *storage = (CHDF5_storage *const *)H5Pget_driver_info(properties);
    CHDF5_open_file *file = (CHDF5_open_file *)calloc(1, sizeof(CHDF5_open_file));
    (void)name, (void)flags, (void)limit;
    if (storage == NULL || file == NULL) {
        free(file);
        return NULL;
    }
    file->storage = *storage;
    return (H5FD_t *)file;
}

static inline herr_t CHDF5_driver_close(H5FD_t *file) {
    free(file);
    return 0;
}

static inline herr_t CHDF5_driver_query(const H5FD_t *file, unsigned long *features) {
    (void)file;
    *features = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA
        | H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static inline haddr_t CHDF5_driver_addresses(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const CHDF5_open_file *)file)->end_of_addresses;
}

static inline herr_t CHDF5_driver_set_addresses(H5FD_t *file, H5FD_mem_t type, haddr_t end) {
    (void)type;
    ((CHDF5_open_file *)file)->end_of_addresses = end;
    return 0;
}

static inline haddr_t CHDF5_driver_size(const H5FD_t *file, H5FD_mem_t type) {
    (void)type;
    return ((const CHDF5_open_file *)file)->end_of_file;
}

static inline herr_t CHDF5_driver_read(
    H5FD_t *base, H5FD_mem_t type, hid_t properties, haddr_t address, size_t size, void *buffer) {
    CHDF5_open_file *file = (CHDF5_open_file *)base;
    char *bytes = (char *)buffer;
    (void)type, (void)properties;
    while (size > 0) {
        ssize_t count = pread(file->storage->descriptor, bytes, size, (off_t)address);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return -1;
        if (count == 0) {
            memset(bytes, 0, size);
            return 0;
        }
        bytes += count;
        size -= (size_t)count;
        address += (haddr_t)count;
    }
    return 0;
}

static inline void CHDF5_write_plainly(
    CHDF5_storage *storage, haddr_t address, size_t size, const char *bytes) {
    while (size > 0 && storage->code == 0) {
        size_t piece = size < ((size_t)1 << 30) ? size : (size_t)1 << 30;
        ssize_t count = pwrite(storage->descriptor, bytes, piece, (off_t)address);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) {
            if (count == 0) errno = EIO;
            CHDF5_note(storage, "pwrite");
            return;
        }
        bytes += count;
        size -= (size_t)count;
        address += (haddr_t)count;
    }
}

/* Writes whole blocks past the page cache. Returns the bytes written: fewer than there are blocks of
 * where the rest must be written plainly, which also finds out why. */
static inline size_t CHDF5_write_blocks(
    CHDF5_storage *storage, haddr_t address, size_t size, const char *bytes) {
    size_t done = 0;
    while (size - done >= CHDF5_BLOCK) {
        size_t piece = (size - done) / CHDF5_BLOCK * CHDF5_BLOCK;
        if (piece > CHDF5_PIECE) piece = CHDF5_PIECE;
        const void *from = bytes + done;
        if ((uintptr_t)from % CHDF5_BLOCK != 0) from = memcpy(storage->piece, from, piece);
        ssize_t count = pwrite(storage->direct, from, piece, (off_t)(address + done));
        if (count < 0 && errno == EINTR) continue;
        if (count < CHDF5_BLOCK) return done;
        done += (size_t)count / CHDF5_BLOCK * CHDF5_BLOCK;
    }
    return done;
}

static inline herr_t CHDF5_driver_write(
    H5FD_t *base, H5FD_mem_t type, hid_t properties, haddr_t address, size_t size,
    const void *buffer) {
    CHDF5_open_file *file = (CHDF5_open_file *)base;
    CHDF5_storage *storage = file->storage;
    const char *bytes = (const char *)buffer;
    size_t done = 0;
    (void)type, (void)properties;
    if (address + size > file->end_of_file) file->end_of_file = address + size;
    if (storage->direct >= 0 && size >= CHDF5_LEAST) {
        done = (CHDF5_BLOCK - address % CHDF5_BLOCK) % CHDF5_BLOCK;
        CHDF5_write_plainly(storage, address, done, bytes);
        done += CHDF5_write_blocks(storage, address + done, size - done, bytes + done);
    }
    CHDF5_write_plainly(storage, address + done, size - done, bytes + done);
    return 0;
}

static inline herr_t CHDF5_driver_truncate(H5FD_t *base, hid_t properties, hbool_t closing) {
    CHDF5_open_file *file = (CHDF5_open_file *)base;
    (void)properties, (void)closing;
    if (file->end_of_addresses == file->end_of_file) return 0;
    if (file->storage->code == 0
        && ftruncate(file->storage->descriptor, (off_t)file->end_of_addresses) != 0) {
        CHDF5_note(file->storage, "ftruncate");
    }
    file->end_of_file = file->end_of_addresses;
    return 0;
}

/* A new driver id; given back by H5Idec_ref once the file is closed. */
static inline hid_t CHDF5_register_driver(void) {
    H5FD_class_t driver;
    memset(&driver, 0, sizeof driver);
#ifdef H5FD_CLASS_VERSION
    driver.version = H5FD_CLASS_VERSION;
    driver.value = (H5FD_class_value_t)600;
#endif
    driver.name = "lockstep";
    driver.maxaddr = ((haddr_t)1 << 62) - 1;
    driver.fc_degree = H5F_CLOSE_WEAK;
    driver.fapl_size = sizeof(CHDF5_storage *);
    driver.open = CHDF5_driver_open;
    driver.close = CHDF5_driver_close;
    driver.query = CHDF5_driver_query;
    driver.get_eoa = CHDF5_driver_addresses;
    driver.set_eoa = CHDF5_driver_set_addresses;
    driver.get_eof = CHDF5_driver_size;
    driver.read = CHDF5_driver_read;
    driver.write = CHDF5_driver_write;
    driver.truncate = CHDF5_driver_truncate;
    for (int type = 0; type < H5FD_MEM_NTYPES; type++) driver.fl_map[type] = H5FD_MEM_SUPER;
    return H5FDregister(&driver);
}

/* Makes files of these access properties go through `driver` to `storage`. */
static inline herr_t CHDF5_set_driver(hid_t properties, hid_t driver, CHDF5_storage *storage) {
    return H5Pset_driver(properties, driver, &storage);
}

/* Keeps metadata in memory until the file is flushed or closed, so that none is read back. */
static inline herr_t CHDF5_keep_metadata(hid_t properties) {
    H5AC_cache_config_t configuration;
    configuration.version = H5AC__CURR_CACHE_CONFIG_VERSION;
    if (H5Pget_mdc_config(properties, &configuration) < 0) return -1;
    configuration.evictions_enabled = 0;
    configuration.incr_mode = H5C_incr__off;
    configuration.flash_incr_mode = H5C_flash_incr__off;
    configuration.decr_mode = H5C_decr__off;
    return H5Pset_mdc_config(properties, &configuration);
}

#endif
