#include "mapped_files.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

enum { most_mappings = 8192, longest_path = 480 };

typedef struct {
    /* The end is zero while the place is free; it is written last and cleared first. */
    _Atomic(uintptr_t) start, end;
    char path[longest_path];
} mapping;

static mapping mappings[most_mappings];
/* Places from here on have never been used. */
static atomic_int used;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static struct sigaction before;
static char place[256];

static void put(const char *text) {
    size_t length = strlen(text);
    while (length > 0) {
        ssize_t written = write(STDERR_FILENO, text, length);
        if (written <= 0) return;
        text += written;
        length -= (size_t)written;
    }
}

static void answer(int number, siginfo_t *information, void *context) {
    (void)context;
    uintptr_t address = (uintptr_t)information->si_addr;
    int count = atomic_load(&used);
    for (int index = 0; index < count; index++) {
        mapping *candidate = &mappings[index];
        uintptr_t end = atomic_load(&candidate->end);
        if (end == 0 || address < atomic_load(&candidate->start) || address >= end) continue;
        char line[longest_path + 512] = "lockstep: ";
        strcat(line, place);
        strcat(line, candidate->path);
        strcat(line,
               ": was cut off, or its disk failed, while it was being read; put the whole file "
               "back, then run again to resume from the last checkpoint\n");
        put(line);
        _exit(1);
    }
    /* Not ours: the access is tried again under the handler that was there before. */
    sigaction(number, &before, NULL);
}

static void install(void) {
    struct sigaction now;
    if (sigaction(SIGBUS, NULL, &now) != 0) return;
    if ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == answer) return;
    before = now;
    struct sigaction own;
    memset(&own, 0, sizeof own);
    own.sa_sigaction = answer;
    own.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&own.sa_mask);
    sigaction(SIGBUS, &own, NULL);
}

int CFiles_watch(const void *start, size_t bytes, const char *path) {
    pthread_mutex_lock(&turn);
    install();
    int number = 0;
    while (number < most_mappings && atomic_load(&mappings[number].end) != 0) number++;
    if (number < most_mappings) {
        mapping *free_place = &mappings[number];
        strncpy(free_place->path, path, longest_path - 1);
        atomic_store(&free_place->start, (uintptr_t)start);
        atomic_store(&free_place->end, (uintptr_t)start + bytes);
        if (number >= atomic_load(&used)) atomic_store(&used, number + 1);
    } else {
        number = -1;
    }
    pthread_mutex_unlock(&turn);
    return number;
}

void CFiles_unwatch(int number) {
    if (number >= 0) atomic_store(&mappings[number].end, 0);
}

void CFiles_set_place(const char *text) {
    strncpy(place, text, sizeof place - 1);
}
