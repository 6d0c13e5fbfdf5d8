/* HDF5 for Swift: its macros as functions, and its error stack as text. Nothing is kept here. */
#ifndef LOCKSTEP_CHDF5_SHIM_H
#define LOCKSTEP_CHDF5_SHIM_H

#include <hdf5.h>
#include <stdio.h>
#include <string.h>

#include "storage.h"

static inline hid_t CHDF5_everything(void) { return H5S_ALL; }
static inline hid_t CHDF5_default(void) { return H5P_DEFAULT; }

static inline hid_t CHDF5_float32(void) { return H5T_IEEE_F32LE; }
static inline hid_t CHDF5_float64(void) { return H5T_IEEE_F64LE; }
static inline hid_t CHDF5_int64(void) { return H5T_STD_I64LE; }
static inline hid_t CHDF5_uint64(void) { return H5T_STD_U64LE; }
static inline hid_t CHDF5_string(void) { return H5T_C_S1; }

static inline hid_t CHDF5_file_access(void) { return H5P_FILE_ACCESS; }
static inline hid_t CHDF5_dataset_creation(void) { return H5P_DATASET_CREATE; }
static inline hid_t CHDF5_group_creation(void) { return H5P_GROUP_CREATE; }

/* What a link is, of which there are versions: its kind, and the bytes of its value. */
static inline herr_t CHDF5_link(hid_t file, const char *path, int *kind, size_t *bytes) {
#if H5_VERSION_GE(1, 12, 0)
    H5L_info2_t information;
    herr_t status = H5Lget_info2(file, path, &information, H5P_DEFAULT);
#else
    H5L_info_t information;
    herr_t status = H5Lget_info(file, path, &information, H5P_DEFAULT);
#endif
    if (status < 0) return status;
    *kind = information.type == H5L_TYPE_HARD ? 0 : information.type == H5L_TYPE_SOFT ? 1 : 2;
    *bytes = *kind == 0 ? 0 : information.u.val_size;
    return status;
}

/* Filters come with the library or not at all: nothing is loaded that a file names. */
static inline herr_t CHDF5_load_no_plugins(void) { return H5PLset_loading_state(0); }

static inline unsigned CHDF5_read_only(void) { return H5F_ACC_RDONLY; }
static inline unsigned CHDF5_read_write(void) { return H5F_ACC_RDWR; }
static inline unsigned CHDF5_truncate(void) { return H5F_ACC_TRUNC; }

/* Turns off HDF5's printing for the calling thread and says what it was, for CHDF5_restore. */
typedef struct {
    H5E_auto2_t function;
    void *data;
} CHDF5_printing;

static inline CHDF5_printing CHDF5_silence(void) {
    CHDF5_printing before = {NULL, NULL};
    H5Eget_auto2(H5E_DEFAULT, &before.function, &before.data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return before;
}

static inline void CHDF5_restore(CHDF5_printing before) {
    H5Eset_auto2(H5E_DEFAULT, before.function, before.data);
}

typedef struct {
    char *text;
    size_t capacity;
} CHDF5_text;

/* Appends one error's description, innermost first. */
static inline herr_t CHDF5_append(unsigned n, const H5E_error2_t *error, void *data) {
    CHDF5_text *text = (CHDF5_text *)data;
    size_t used = strlen(text->text);
    if (error->desc != NULL && used + 1 < text->capacity) {
        snprintf(text->text + used, text->capacity - used, "%s%s", n == 0 ? "" : "; ", error->desc);
    }
    return 0;
}

/* The calling thread's error stack as one line, the most specific cause first; clears it. */
static inline void CHDF5_take_errors(char *buffer, size_t capacity) {
    CHDF5_text text = {buffer, capacity};
    buffer[0] = 0;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, CHDF5_append, &text);
    H5Eclear2(H5E_DEFAULT);
}

#endif
