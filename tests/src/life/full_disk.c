// Lets a disk be full: what is written below the folder KITH_FULL_BELOW fails with ENOSPC from the call
// number KITH_FULL_AT on. The number of calls goes to the file KITH_FULL_COUNT at the end. With KITH_KILL_AT
// the process is killed before the call of that number instead; renaming and deleting count then, too.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_uint calls;

static int below(const char *path) {
    const char *folder = getenv("KITH_FULL_BELOW");
    return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

static int fd_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

// Whether this call fails.
static int full(void) {
    const char *at = getenv("KITH_FULL_AT"), *kill_at = getenv("KITH_KILL_AT");
    unsigned call = atomic_fetch_add(&calls, 1);
    if (kill_at && call >= strtoul(kill_at, NULL, 10)) raise(SIGKILL);
    if (at && call >= strtoul(at, NULL, 10)) {
        errno = ENOSPC;
        return 1;
    }
    return 0;
}

__attribute__((destructor)) static void count(void) {
    const char *file = getenv("KITH_FULL_COUNT");
    FILE *out = file ? fopen(file, "w") : NULL;
    if (!out) return;
    fprintf(out, "%u\n", atomic_load(&calls));
    fclose(out);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t size) {
    if (fd > 2 && fd_below(fd) && full()) return -1;
    return REAL(write)(fd, bytes, size);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
    if (fd > 2 && fd_below(fd) && full()) return -1;
    return REAL(writev)(fd, parts, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    if (fd_below(fd) && full()) return -1;
    return REAL(pwrite)(fd, bytes, size, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    if (fd_below(fd) && full()) return -1;
    return REAL(pwrite64)(fd, bytes, size, at);
}
int fallocate(int fd, int mode, off_t at, off_t size) {
    if (fd_below(fd) && full()) return -1;
    return REAL(fallocate)(fd, mode, at, size);
}
int posix_fallocate(int fd, off_t at, off_t size) {
    if (fd_below(fd) && full()) return ENOSPC;
    return REAL(posix_fallocate)(fd, at, size);
}
int ftruncate(int fd, off_t size) {
    struct stat now;
    // Cutting off needs no room.
    if (fstat(fd, &now) == 0 && now.st_size < size && fd_below(fd) && full()) return -1;
    return REAL(ftruncate)(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    struct stat now;
    if (fstat(fd, &now) == 0 && now.st_size < size && fd_below(fd) && full()) return -1;
    return REAL(ftruncate64)(fd, size);
}
int mkdir(const char *path, mode_t mode) {
    if (below(path) && access(path, F_OK) != 0 && full()) return -1;
    return REAL(mkdir)(path, mode);
}
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags) {
    if (fd_below(out) && full()) return -1;
    return REAL(copy_file_range)(in, from, out, to, size, flags);
}

static int creates(const char *path, int flags) {
    return (flags & O_CREAT) && below(path) && access(path, F_OK) != 0;
}
static mode_t mode_of(int flags, va_list more) {
    return (flags & (O_CREAT | O_TMPFILE)) ? va_arg(more, mode_t) : 0;
}
int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    if (creates(path, flags) && full()) return -1;
    return REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    mode_t mode = mode_of(flags, more);
    va_end(more);
    if (creates(path, flags) && full()) return -1;
    return REAL(open64)(path, flags, mode);
}

// Renaming and deleting need no room.
static void kill_before(const char *path) {
    if (getenv("KITH_KILL_AT") && below(path)) full();
}
int rename(const char *from, const char *to) {
    kill_before(to);
    return REAL(rename)(from, to);
}
int unlink(const char *path) {
    kill_before(path);
    return REAL(unlink)(path);
}
int rmdir(const char *path) {
    kill_before(path);
    return REAL(rmdir)(path);
}
int unlinkat(int folder, const char *path, int flags) {
    if (getenv("KITH_KILL_AT") && (below(path) || fd_below(folder))) full();
    return REAL(unlinkat)(folder, path, flags);
}
