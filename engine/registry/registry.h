/* Registries: names to places, credentials, and coracle-registry, the only program that talks to the network.
 *
 * The asking process reads configuration (registries.conf, auth.json, certs.d), which is the user's, and starts
 * coracle-registry with nothing but the addresses, credentials and certificates of one repository. The program confines
 * itself (confine.h) and then answers requests: it writes what it fetches into descriptors that come with the request,
 * and reads what it uploads from them. It checks sizes; the asking side checks digests, because it does not trust the
 * program that talks to strangers. Knows no store, no images: only bytes with digests.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"

/* What the user's flags say; strings borrowed. Zero is the default, but for tls_verify. */
struct registry_opts {
    const char *authfile, *creds, *cert_dir;
    bool tls_given, tls_verify; /* --tls-verify */
    bool retry_given;
    uint64_t retries;         /* per request, without progress; default 3 */
    int64_t retry_delay_nsec; /* 0: grows from a quarter of a second */
    bool push;                /* ask for the right to write */
};

/* One place that has a repository: a mirror, or the registry itself (last). */
struct registry_source {
    char *host, *repository;
    bool insecure;
    char *user, *password, *identity; /* credentials; identity: an OAuth2 refresh token */
    char *ca, *cert, *key;            /* PEM, or NULL */
};
void registry_source_done(struct registry_source *s);
struct registry_sources {
    struct registry_source *items;
    size_t count;
};
void registry_sources_done(struct registry_sources *s);
#define AUTO_SOURCES __attribute__((cleanup(registry_sources_done)))

/* registries.conf with its drop-ins; conf.c. */
struct registry_conf;
struct err *registry_conf_load(struct registry_conf **ret) ERR_RESULT;
void registry_conf_freep(struct registry_conf **c);
#define AUTO_REGISTRY_CONF __attribute__((cleanup(registry_conf_freep)))
/* From parsed files, the main one first; `where` names them. For tests as well. Takes nothing. */
struct err *registry_conf_add(struct registry_conf **conf, const char *text, size_t len, const char *file) ERR_RESULT;
/* What a short name may mean; shortname.c. */
struct short_name {
    struct strv names; /* repositories ("docker.io/library/debian"), best first */
    char *why;         /* a line for the user, or NULL */
    bool ambiguous;    /* the user should choose; the choice is to be recorded once it worked */
};
void short_name_done(struct short_name *s);
#define AUTO_SHORT_NAME __attribute__((cleanup(short_name_done)))
/* ERR_NOT_FOUND; ERR_INVALID where nobody can be asked and configuration forbids to guess. */
struct err *registry_conf_short_name(const struct registry_conf *c, const char *name, bool can_ask,
                                     struct short_name *ret) ERR_RESULT;
/* All that it may mean, whatever the mode: what is here already under one of these is meant. */
struct err *registry_conf_candidates(const struct registry_conf *c, const char *name, struct strv *ret) ERR_RESULT;
/* From now on `name` means `repository`: into short-name-aliases.conf, under its lock, by rename. */
struct err *registry_conf_record_alias(const char *name, const char *repository) ERR_RESULT;
/* Where `search` and `login` without a registry go: unqualified-search-registries, docker.io without any file. */
struct err *registry_conf_search(const struct registry_conf *c, struct strv *ret) ERR_RESULT;
/* Where a repository is, with credentials and certificates. ERR_DENIED when it is blocked. */
struct err *registry_find_sources(const struct registry_conf *c, const char *domain, const char *path,
                                  const struct registry_opts *opts, bool by_digest,
                                  struct registry_sources *ret) ERR_RESULT;

/* --- the running program */
struct registry;
struct err *registry_start(const struct registry_sources *sources, const struct registry_opts *opts,
                           struct registry **ret) ERR_RESULT;
void registry_stop(struct registry *take_r);
void registry_stopp(struct registry **r);
#define AUTO_REGISTRY __attribute__((cleanup(registry_stopp)))

enum registry_verb {
    REGISTRY_PING,         /* are the credentials good? */
    REGISTRY_GET_MANIFEST, /* `target`: tag or digest; written to fd */
    REGISTRY_GET_BLOB,     /* `target`: digest; bytes 0 to `offset` of the answer come from `resume_fd` */
    REGISTRY_PUT_BLOB,     /* read from fd, unless it is there already */
    REGISTRY_PUT_MANIFEST,
    REGISTRY_TAGS, /* one to a line, to fd */
    REGISTRY_HEAD_MANIFEST,
    REGISTRY_SEARCH,    /* `target`: url-encoded query; JSON of Docker's version 1 search to fd */
    REGISTRY_CATALOG,   /* names of repositories with `target` in them, one to a line, to fd: as many as fit */
    REGISTRY_HEAD_BLOB, /* answer.existed: is it there? */
    REGISTRY_GET_URL,   /* `target`: a whole http(s) url, of signatures; without credentials */
    REGISTRY_VERB_MAX,
};
struct registry_request {
    enum registry_verb verb;
    const char *target, *media_type;
    const struct strv *urls; /* GET_BLOB: where it is kept besides, tried first and without credentials; or NULL */
    const char *mount_from;  /* PUT_BLOB: a repository of the same registry that may have it */
    uint64_t size_bytes;     /* GET: exact for blobs, a limit for manifests; PUT: what fd has */
    uint64_t offset;
    int fd, resume_fd; /* borrowed */
};
struct registry_answer {
    char *media_type, *digest; /* as the registry says, or NULL */
    uint64_t bytes;            /* that went over the network */
    bool existed;              /* PUT_BLOB: nothing was sent */
};
void registry_answer_done(struct registry_answer *a);
#define AUTO_ANSWER __attribute__((cleanup(registry_answer_done)))
/* Several may be under way; answers come with registry_wait(), in any order. */
struct err *registry_ask(struct registry *r, const struct registry_request *request, uint32_t *ret_id) ERR_RESULT;
/* Called ten times a second while answers are waited for. How far an upload is, the position of its descriptor tells.
 */
void registry_set_tick(struct registry *r, void (*fn)(void *arg), void *arg);
/* `ret` may be NULL. */
struct err *registry_wait(struct registry *r, uint32_t id, struct registry_answer *ret) ERR_RESULT;
/* The first request that failed, when one does within so long; NULL otherwise. Takes answers away. */
struct err *registry_failure(struct registry *r, int timeout_msec) ERR_RESULT;
/* Both. */
struct err *registry_do(struct registry *r, const struct registry_request *request,
                        struct registry_answer *ret) ERR_RESULT;
