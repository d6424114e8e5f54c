/* What serve.c and companion.c share. */
#pragma once

#include "fuse-overlay/companion.h"
#include "fuse-overlay/serve.h"

struct serve_state {
    const struct serve_opts *opts;
    pthread_mutex_t lock;
    pthread_cond_t turn;
    bool has_leader, leaving, unmounted;
    unsigned n_threads, n_waiting;
    int in_vain;    /* of the last looks: positive when they were */
    unsigned rest;  /* requests until it is tried again */
    unsigned since; /* requests since signals were looked for */
    unsigned streak;
    bool had_read;      /* the last request was a large READ: who reads ahead works meanwhile */
    bool had_unawaited; /* the last request was one that nobody waits for */
    unsigned quick;     /* requests in a row that came while it was looked for them */
    struct companion companion;
    int n_cpus;
    pthread_t *threads;
};

enum serve_ready { SERVE_NOTHING, SERVE_REQUEST, SERVE_LEAVE };

/* Memory for a request, and for the answer of the calling thread. NULL, or what serve_unmap_buffer() takes. */
char *serve_map_buffer(char **ret_buf);
void serve_unmap_buffer(char *map);
/* Sleep until there is something, or `timeout` milliseconds are over (-1: never). */
enum serve_ready serve_wait(const struct serve_state *s, int timeout);
/* One request into a buffer of that kind; 0: none there, -1: leave. */
ssize_t serve_read(struct serve_state *s, char *buf);
void serve_process(const struct serve_state *s, char *buf, size_t len);
