/* File descriptors: ownership, whole reads and writes, passing over sockets. Every descriptor is O_CLOEXEC at birth. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

void fd_closep(int *fd);
#define AUTO_FD __attribute__((cleanup(fd_closep)))
/* Close and return -1, so that `fd = fd_close(fd)` reads well; keeps errno; -1 is accepted. */
int fd_close(int fd);
#define TAKE_FD(fd)             \
    ({                          \
        int *take_f_ = &(fd);   \
        int take_v_ = *take_f_; \
        *take_f_ = -1;          \
        take_v_;                \
    })

/* Write everything, waiting on non-blocking descriptors. */
struct err *fd_write_all(int fd, const void *data, size_t len) ERR_RESULT;
/* Read to the end, at most `max` bytes (more is ERR_NO_SPACE); NUL-terminated. ret_len may be NULL. */
struct err *fd_read_all(int fd, size_t max, char **ret, size_t *ret_len) ERR_RESULT;
/* An unnamed file in memory that holds these bytes, to be read from its start; `name` shows in /proc alone. */
struct err *fd_memory(const char *name, const void *data, size_t len, int *ret) ERR_RESULT;
/* Read exactly len bytes; ERR_CORRUPT at an early end. */
struct err *fd_read_exact(int fd, void *buf, size_t len) ERR_RESULT;
struct err *fd_set_nonblock(int fd, bool on) ERR_RESULT;
struct err *fd_set_cloexec(int fd, bool on) ERR_RESULT;
/* "/proc/self/fd/N" in a static-size buffer. */
struct fd_path {
    char s[32];
};
struct fd_path fd_proc_path(int fd);
/* Writing past RLIMIT_FSIZE is an error then (EFBIG), not the end of the program (SIGXFSZ): for every program that
 * writes files. Those that it starts get the default back (proc_opts.default_signals). */
void fd_survive_size_limit(void);
/* Duplicate with O_CLOEXEC, at 3 or above. */
struct err *fd_duplicate(int fd, int *ret) ERR_RESULT;
/* Have RLIMIT_NOFILE allow `n` descriptors, or as many as its hard limit does. What containers may open is another
 * matter: the runtime sets their limits. */
void fd_want(size_t n);
/* First thing in a program that users start: whoever closed 0, 1 or 2 (`>&-`) gets /dev/null there, so that no file or
 * socket of ours takes the number and then what is printed. */
void fd_open_standard(void);
/* Close every descriptor from `first` on (close_range, else /proc/self/fd). */
void fd_close_from(int first);
/* The same for first to last, both included. These don't allocate: they may run between clone and exec. */
void fd_close_range(unsigned first, unsigned last);
/* Never using close_range: what the others fall back to where it is blocked. */
void fd_close_range_slow(unsigned first, unsigned last);
