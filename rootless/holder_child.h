/* The starter's child between fork and exec: makes the namespaces, waits until its ids are mapped, mounts the transient
 * directory, and becomes the holder. No malloc, no locks, no stdio. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum holder_step {
    HOLDER_CREATED, /* both namespaces are there: write the maps now. errnum 0 */
    /* failures */
    HOLDER_CREATE,
    HOLDER_IDS,   /* becoming uid and gid 0 */
    HOLDER_SLAVE, /* changing mount propagation */
    HOLDER_TMPFS,
    HOLDER_HELLO,
    HOLDER_EXEC,
};
struct holder_report {
    int32_t step;
    int32_t errnum;
};

struct holder_child {
    int report_fd;        /* struct holder_report goes here; close-on-exec, its end means success */
    int go_fd;            /* one byte: the maps are written; the end: give up */
    const char *tmp_path; /* <session dir>/t */
    const char *hello_path;
    const void *hello;
    size_t hello_len;
    bool drop_groups;
    char *const *argv;
};
_Noreturn void holder_child_run(const struct holder_child *c);
