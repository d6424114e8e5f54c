/* Errors: one type for the whole tree.
 *
 * Every function that can fail returns `struct err *`; NULL is success. An error has a kind (one table maps it to an
 * exit code and an HTTP status), an errno where there is one, a text, the place it was made, and the contexts it
 * passed through. `err_drop()` is the only way to ignore one. Out of memory is a static object, so making an error
 * never fails. Errors are values of one owner: whoever receives one frees it or hands it on.
 */
#pragma once

#include <stddef.h>

enum err_kind {
    ERR_INTERNAL,    /* a bug or an unexpected answer of the system */
    ERR_NOT_FOUND,   /* what was named does not exist */
    ERR_EXISTS,      /* a name or object exists already; a conflict */
    ERR_IN_USE,      /* something else depends on it */
    ERR_INVALID,     /* an argument, option or document that cannot be right */
    ERR_STATE,       /* the object is in a state that does not allow this (container not running …) */
    ERR_DENIED,      /* permission */
    ERR_UNSUPPORTED, /* this host or this build cannot do it */
    ERR_NETWORK,     /* the network or a remote end failed */
    ERR_CORRUPT,     /* stored or received data does not match its digest or format */
    ERR_TIMEOUT,     /* it took too long */
    ERR_NO_SPACE,    /* disk or quota full, or a limit reached */
    ERR_NO_MEMORY,   /* allocation failed */
    ERR_CANNOT_EXEC, /* the container's command cannot be run: exit code 126 */
    ERR_NO_COMMAND,  /* the container's command was not found: exit code 127 */
    ERR_KIND_MAX,
};

struct err;

#define ERR_RESULT __attribute__((warn_unused_result))

/* Make an error. `errnum` may be 0, positive or negative errno. Never returns NULL. */
struct err *err_make(const char *file, int line, enum err_kind kind, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 5, 6), returns_nonnull)) ERR_RESULT;
/* Add a context in front of `take_cause`; NULL in gives NULL out, so a result can be wrapped unchecked. */
struct err *err_wrap_at(const char *file, int line, struct err *take_cause, const char *fmt, ...)
    __attribute__((format(printf, 4, 5))) ERR_RESULT;
/* The kind that an errno means when nothing better is known (EACCES is ERR_DENIED, ENOSPC is ERR_NO_SPACE …). */
enum err_kind err_kind_of_errno(int errnum);
struct err *err_oom(void) __attribute__((returns_nonnull)) ERR_RESULT;

#define ERR_NEW(kind, ...) err_make(__FILE__, __LINE__, (kind), 0, __VA_ARGS__)
/* An error from an errno: its text gets ": strerror" appended. */
#define ERR_SYS(errnum, ...) err_make(__FILE__, __LINE__, err_kind_of_errno(errnum), (errnum), __VA_ARGS__)
/* The same with a kind that the caller knows better. */
#define ERR_SYS_AS(kind, errnum, ...) err_make(__FILE__, __LINE__, (kind), (errnum), __VA_ARGS__)
#define ERR_WRAP(cause, ...) err_wrap_at(__FILE__, __LINE__, (cause), __VA_ARGS__)

/* Return from the calling function when `expr` fails. */
#define TRY(expr)                      \
    do {                               \
        struct err *try_err_ = (expr); \
        if (try_err_)                  \
            return try_err_;           \
    } while (0)
/* The same, adding a context. */
#define TRY_WRAP(expr, ...)                         \
    do {                                            \
        struct err *try_err_ = (expr);              \
        if (try_err_)                               \
            return ERR_WRAP(try_err_, __VA_ARGS__); \
    } while (0)

enum err_kind err_kind(const struct err *e);
/* Positive errno of the innermost error that has one, or 0. */
int err_errno(const struct err *e);
/* The whole chain as one line, "create web: mount volume data: no such volume". Owned by `e`, valid until it is freed
 * or wrapped. Control characters from outside are replaced. */
const char *err_text(struct err *e);
/* "file:line < file:line …", for debug logs. Owned by `e`. */
const char *err_trace(struct err *e);
/* Exit code for coracle itself: 125, or 126/127 for ERR_CANNOT_EXEC/ERR_NO_COMMAND. */
int err_exit_code(const struct err *e);
int err_http_status(const struct err *e);
const char *err_kind_name(enum err_kind kind);

/* Two things that failed as one error, of the first one's kind: "a; b". Either may be NULL. */
struct err *err_both(struct err *take_a, struct err *take_b) ERR_RESULT;
void err_free(struct err *take_e);
/* Ignore an error on purpose. */
void err_drop(struct err *take_e);

/* Carry an outcome over a pipe or stream socket: success (NULL) or an error. err_send borrows `e`. err_recv writes
 * the peer's outcome to *ret (NULL when the peer sent success) and itself fails when the peer sent nothing valid. */
struct err *err_send(int fd, struct err *e) ERR_RESULT;
struct err *err_recv(int fd, struct err **ret) ERR_RESULT;
/* The same as bytes, for messages that carry an outcome inside. Encoded form is at most ERR_WIRE_MAX bytes. */
#define ERR_WIRE_MAX 4096
size_t err_encode(struct err *e, void *buf, size_t cap);
struct err *err_decode(const void *buf, size_t len, struct err **ret) ERR_RESULT;

void err_freep(struct err **e);
#define AUTO_ERR __attribute__((cleanup(err_freep)))
