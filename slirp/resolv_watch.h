/* The host's resolv.conf as it is now, and when it changes: for whoever can see the host's files, which coracle-slirp
 * itself, in its sandbox, can not. Needs base/ alone, so that coracle-monitor can do it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct resolv_watch {
    int fd; /* inotify: readable when something near the file changed; -1: not watching */
};
#define RESOLV_WATCH_INIT \
    {                     \
        .fd = -1          \
    }

/* Heap text of /etc/resolv.conf, at most SLIRP_DNS_TEXT_MAX bytes; "" if there is none. */
struct err *resolv_read(char **ret) ERR_RESULT;
/* Watch the file, and where its links lead, for being written or replaced. */
struct err *resolv_watch_open(struct resolv_watch *w) ERR_RESULT;
void resolv_watch_close(struct resolv_watch *w);
/* Take what was reported and watch anew. The file may be the same as before. */
struct err *resolv_watch_again(struct resolv_watch *w) ERR_RESULT;

/* A process of its own for those that have nobody who would do it: sends the text, each time it may have changed, as
 * one SLIRP_RESOLV message over *ret_sock, and ends when that is closed. For a process with one thread. */
struct err *resolv_watch_spawn(int *ret_sock) ERR_RESULT;
