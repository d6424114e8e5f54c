/* The processes that proc(5) shows, and which of them belong together. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct proclist_item {
    pid_t pid, ppid, pgrp;
    char state; /* 'R', 'S', 'T' … */
    char comm[64];
    int tty; /* device number, 0: none */
    int64_t nice, threads;
    /* sysconf(_SC_CLK_TCK) a second; waited: of children that have ended; start: since boot */
    uint64_t user_ticks, system_ticks, waited_ticks, start_ticks;
    uint64_t virtual_bytes, resident_bytes;
    bool marked; /* proclist_mark_descendants() */
};
struct proclist {
    struct proclist_item *items; /* by pid */
    size_t count, cap;
};
void proclist_done(struct proclist *l);
#define AUTO_PROCLIST __attribute__((cleanup(proclist_done)))

/* All that /proc shows; who ends meanwhile is left out. */
struct err *proclist_read(struct proclist *ret) ERR_RESULT;
struct proclist_item *proclist_find(const struct proclist *l, pid_t pid);
/* Mark what descends from marked ones. */
void proclist_mark_descendants(struct proclist *l);
/* One line of /proc/PID/stat. ERR_CORRUPT. Computes only. */
struct err *proclist_parse(const char *stat, struct proclist_item *ret) ERR_RESULT;
/* A signal for just that process, not for one that took its number since. *ret_sent (may be NULL): it was there. */
struct err *proclist_signal(const struct proclist_item *p, int sig, bool *ret_sent) ERR_RESULT;
