// Stands between a process and the C library (LD_PRELOAD), and does to files below one folder what a bad disk would do.
// What it is to do stands in a small file that the test maps and changes while the process runs: see shim.rs, which
// has the same fields in the same order.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { SYNC_PASS, SYNC_LIE, SYNC_FAIL, SYNC_STALL };

struct control {
    volatile int64_t sync;        // what a sync does
    volatile int64_t sync_times;  // to how many syncs; below 0: to all
    volatile int64_t write_error; // the error of writes; 0: none
    volatile int64_t write_times; // of how many writes; below 0: of all
    volatile int64_t counting;    // 0: no; 1: syncs, truncations, renames, removals; 2: writes as well; 3: the same,
                                  // but only of files that are not the database's
    volatile int64_t steps;       // how many were counted
    volatile int64_t kill_at;     // the step that is never done, or half done if it is a write
    volatile int64_t clock;       // seconds that the clock is ahead
};

static struct control *control;
static char folder[PATH_MAX];

__attribute__((constructor)) static void begin(void) {
    const char *file = getenv("FAULT_CONTROL"), *below = getenv("FAULT_FOLDER");
    int fd = file && below ? open(file, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0) return;
    snprintf(folder, sizeof folder, "%s", below);
    void *mapped = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) control = mapped;
    close(fd);
}

static int is_below(const char *path) {
    return control && strncmp(path, folder, strlen(folder)) == 0;
}

// Whether this is a file below the folder; `path` is where it is then.
static int is_ours(int fd, char path[PATH_MAX]) {
    char link[64];
    if (!control) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int ends_with(const char *path, const char *ending) {
    size_t length = strlen(path), most = strlen(ending);
    return length >= most && strcmp(path + length - most, ending) == 0;
}

// Whether the fault, which has so many times left, strikes now.
static int strikes(volatile int64_t *times) {
    if (*times == 0) return 0;
    return *times < 0 || __sync_sub_and_fetch(times, 1) >= 0;
}

// Whether this step is the one to be killed at.
static int is_last(int64_t counted_from, const char *path) {
    if (control->counting < counted_from) return 0;
    if (control->counting == 3 && strstr(path, "/mcp-audit-log.db")) return 0;
    return __sync_add_and_fetch(&control->steps, 1) == control->kill_at;
}

static void end(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int sync_through(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    if (!is_ours(fd, path)) return real(fd);
    if (is_last(1, path)) end();
    if (control->sync == SYNC_PASS) return real(fd);
    if (control->sync == SYNC_LIE && !ends_with(path, "-wal")) return real(fd);
    if (!strikes(&control->sync_times)) return real(fd);
    if (control->sync == SYNC_FAIL) {
        errno = EIO;
        return -1;
    }
    if (control->sync == SYNC_LIE) return 0;
    while (control->sync == SYNC_STALL) usleep(1000);
    return real(fd);
}

int fsync(int fd) { return sync_through(fd, REAL(fsync)); }
int fdatasync(int fd) { return sync_through(fd, REAL(fdatasync)); }

// The number of bytes that may be written, or -1.
static ssize_t allowed(int fd, size_t length, int *last) {
    char path[PATH_MAX];
    *last = 0;
    if (!is_ours(fd, path)) return (ssize_t)length;
    if ((*last = is_last(2, path))) return (ssize_t)(length / 2);
    if (control->write_error == 0 || !strikes(&control->write_times)) return (ssize_t)length;
    errno = (int)control->write_error;
    return -1;
}

#define WRITE(call)                                  \
    int last;                                        \
    ssize_t bytes = allowed(fd, length, &last);      \
    if (bytes < 0) return -1;                        \
    ssize_t written = call;                          \
    if (last) end();                                 \
    return written

ssize_t write(int fd, const void *from, size_t length) {
    WRITE(REAL(write)(fd, from, (size_t)bytes));
}
ssize_t pwrite(int fd, const void *from, size_t length, off_t at) {
    WRITE(REAL(pwrite)(fd, from, (size_t)bytes, at));
}
ssize_t pwrite64(int fd, const void *from, size_t length, off64_t at) {
    WRITE(REAL(pwrite64)(fd, from, (size_t)bytes, at));
}

int ftruncate(int fd, off_t length) {
    char path[PATH_MAX];
    if (is_ours(fd, path) && is_last(1, path)) end();
    return REAL(ftruncate)(fd, length);
}
int ftruncate64(int fd, off64_t length) {
    char path[PATH_MAX];
    if (is_ours(fd, path) && is_last(1, path)) end();
    return REAL(ftruncate64)(fd, length);
}
int rename(const char *from, const char *to) {
    if (is_below(to) && is_last(1, to)) end();
    return REAL(rename)(from, to);
}
int unlink(const char *path) {
    if (is_below(path) && is_last(1, path)) end();
    return REAL(unlink)(path);
}

int clock_gettime(clockid_t id, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = REAL(clock_gettime);
    int failed = real(id, now);
    if (!failed && control && id == CLOCK_REALTIME) now->tv_sec += control->clock;
    return failed;
}
