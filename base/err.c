/* An error is a list: the head is the outermost context, the tail the error that was made first. Each node holds its
 * own text, already free of control characters; the joined line is made when it is asked for and cached in the head.
 *
 * Nothing here may fail: where memory is missing a context is lost, or the static out-of-memory object takes the
 * place of the error. That object is shared and never freed or written to.
 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"

/* A text from a hostile registry must not fill the terminal. */
#define ERR_TEXT_MAX ((size_t)8 << 10)
/* No call chain is that deep; err_join stops there. */
#define ERR_CHAIN_MAX 64

/* One node: an error as it was made, or a context around `cause`. */
struct err {
    enum err_kind kind;
    int errnum;
    const char *file; /* a literal, or behind `text` in an error that came over the wire (line 0) */
    int line;
    struct err *cause;
    char *joined; /* cache of err_text */
    char *trace;  /* cache of err_trace */
    char text[];
};

/* Shared by everybody and never written to: err_text and err_trace must not cache in it. */
static struct err err_no_memory = {
    .kind = ERR_NO_MEMORY,
    .errnum = ENOMEM,
    .file = "memory",
    .text = "out of memory",
};

/* What each kind means to a shell and to an HTTP client. Podman and Docker answer 400 where the command of a
 * container can't be run (moby: translateContainerdStartErr). */
static const struct {
    const char *name;
    int exit_code;
    int http_status;
} err_kinds[ERR_KIND_MAX] = {
    [ERR_INTERNAL] = {"internal", 125, 500},     [ERR_NOT_FOUND] = {"not found", 125, 404},
    [ERR_EXISTS] = {"exists", 125, 409},         [ERR_IN_USE] = {"in use", 125, 409},
    [ERR_INVALID] = {"invalid", 125, 400},       [ERR_STATE] = {"state", 125, 409},
    [ERR_DENIED] = {"denied", 125, 403},         [ERR_UNSUPPORTED] = {"unsupported", 125, 501},
    [ERR_NETWORK] = {"network", 125, 502},       [ERR_CORRUPT] = {"corrupt", 125, 500},
    [ERR_TIMEOUT] = {"timeout", 125, 504},       [ERR_NO_SPACE] = {"no space", 125, 507},
    [ERR_NO_MEMORY] = {"no memory", 125, 500},   [ERR_CANNOT_EXEC] = {"cannot exec", 126, 400},
    [ERR_NO_COMMAND] = {"no command", 127, 400},
};

/* Texts quote names from images and registries: no line breaks or terminal sequences get through. Bytes from 0x80 on
 * are UTF-8 and stay, but for the C1 controls, U+0080 to U+009F, which terminals obey as well. */
static void err_replace_controls(char *s)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        bool c1 = c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] <= 0x9f;
        if (c == '\n' || c == '\t' || c == '\r')
            *s = ' ';
        else if (c < 0x20 || c == 0x7f)
            *s = '?';
        else if (c1) {
            *s++ = '?';
            *s = '?';
        }
    }
}

/* A node with room for `len` bytes of text and a NUL; NULL when memory is out. */
static struct err *err_node(const char *file, int line, enum err_kind kind, int errnum, size_t len)
{
    struct err *e = mem_zalloc(sizeof(*e) + len + 1);
    if (!e)
        return NULL;
    e->kind = kind;
    e->errnum = errnum < 0 ? -errnum : errnum;
    e->file = file;
    e->line = line;
    return e;
}

/* A node with its text formatted, cut off at ERR_TEXT_MAX, and ": strerror" behind it where there is an errno. */
static struct err *err_vnode(const char *file, int line, enum err_kind kind, int errnum, const char *fmt, va_list ap)
    __attribute__((format(printf, 5, 0)));

static struct err *err_vnode(const char *file, int line, enum err_kind kind, int errnum, const char *fmt, va_list ap)
{
    /* glibc's strerror keeps its buffer per thread since 2.32, and returns constants for known numbers anyway. */
    const char *why = errnum ? strerror(errnum < 0 ? -errnum : errnum) : NULL;
    va_list measure;
    va_copy(measure, ap);
    int n = vsnprintf(NULL, 0, fmt, measure);
    va_end(measure);
    size_t len = n < 0 ? 0 : (size_t)n;
    if (len > ERR_TEXT_MAX)
        len = ERR_TEXT_MAX;
    size_t room = len + (why ? strlen(why) + 2 : 0);
    struct err *e = err_node(file, line, kind, errnum, room);
    if (!e)
        return NULL;
    if (n >= 0)
        (void)vsnprintf(e->text, len + 1, fmt, ap);
    if (why)
        (void)snprintf(e->text + len, room - len + 1, ": %s", why);
    err_replace_controls(e->text);
    return e;
}

struct err *err_oom(void)
{
    return &err_no_memory;
}

struct err *err_make(const char *file, int line, enum err_kind kind, int errnum, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct err *e = err_vnode(file, line, kind, errnum, fmt, ap);
    va_end(ap);
    return e ? e : err_oom();
}

struct err *err_wrap_at(const char *file, int line, struct err *take_cause, const char *fmt, ...)
{
    if (!take_cause)
        return NULL;
    va_list ap;
    va_start(ap, fmt);
    struct err *e = err_vnode(file, line, take_cause->kind, 0, fmt, ap);
    va_end(ap);
    if (!e) /* what went wrong matters more than what was being done */
        return take_cause;
    e->cause = take_cause;
    return e;
}

enum err_kind err_kind_of_errno(int errnum)
{
    static const struct {
        int errnum;
        enum err_kind kind;
    } table[] = {{ENOENT, ERR_NOT_FOUND},
                 {ESRCH, ERR_NOT_FOUND},
                 {ENXIO, ERR_NOT_FOUND},
                 {EEXIST, ERR_EXISTS},
                 {EBUSY, ERR_IN_USE},
                 {ETXTBSY, ERR_IN_USE},
                 {ENOTEMPTY, ERR_IN_USE},
                 {EADDRINUSE, ERR_IN_USE},
                 {EINVAL, ERR_INVALID},
                 {ENOTDIR, ERR_INVALID},
                 {EISDIR, ERR_INVALID},
                 {ELOOP, ERR_INVALID},
                 {ENAMETOOLONG, ERR_INVALID},
                 {E2BIG, ERR_INVALID},
                 {EACCES, ERR_DENIED},
                 {EPERM, ERR_DENIED},
                 {EROFS, ERR_DENIED},
                 {ENOSYS, ERR_UNSUPPORTED},
                 {EOPNOTSUPP, ERR_UNSUPPORTED},
                 {ENODEV, ERR_UNSUPPORTED},
                 {EAFNOSUPPORT, ERR_UNSUPPORTED},
                 {ENOPROTOOPT, ERR_UNSUPPORTED},
                 {ENOTTY, ERR_UNSUPPORTED},
                 {EPROTONOSUPPORT, ERR_UNSUPPORTED},
                 {EPIPE, ERR_NETWORK},
                 {ECONNRESET, ERR_NETWORK},
                 {ECONNREFUSED, ERR_NETWORK},
                 {ECONNABORTED, ERR_NETWORK},
                 {EHOSTUNREACH, ERR_NETWORK},
                 {ENETUNREACH, ERR_NETWORK},
                 {ENETDOWN, ERR_NETWORK},
                 {EHOSTDOWN, ERR_NETWORK},
                 {ENOTCONN, ERR_NETWORK},
                 {EADDRNOTAVAIL, ERR_NETWORK},
                 {EBADMSG, ERR_CORRUPT},
                 {EILSEQ, ERR_CORRUPT},
                 {EUCLEAN, ERR_CORRUPT},
                 {ETIMEDOUT, ERR_TIMEOUT},
                 {EAGAIN, ERR_TIMEOUT},
                 {ENOSPC, ERR_NO_SPACE},
                 {EDQUOT, ERR_NO_SPACE},
                 {EFBIG, ERR_NO_SPACE},
                 {EMFILE, ERR_NO_SPACE},
                 {ENFILE, ERR_NO_SPACE},
                 {EMLINK, ERR_NO_SPACE},
                 {ENOMEM, ERR_NO_MEMORY},
                 {ENOEXEC, ERR_CANNOT_EXEC}};
    if (errnum < 0)
        errnum = -errnum;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].errnum == errnum)
            return table[i].kind;
    }
    return ERR_INTERNAL;
}

enum err_kind err_kind(const struct err *e)
{
    return e ? e->kind : ERR_INTERNAL;
}

int err_errno(const struct err *e)
{
    int found = 0;
    /* The innermost one is what the kernel said; those further out may have been chosen for the kind. */
    for (; e; e = e->cause) {
        if (e->errnum)
            found = e->errnum;
    }
    return found;
}

/* The texts, or the places, of the whole chain with `sep` between; NULL when memory is out. */
static char *err_join(const struct err *e, const char *sep, bool places)
{
    char *out = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&out, &size);
    if (!f)
        return NULL;
    unsigned n = 0;
    for (const struct err *i = e; i && n < ERR_CHAIN_MAX; i = i->cause, n++) {
        const char *before = n ? sep : "";
        if (!places)
            fprintf(f, "%s%s", before, i->text);
        else if (i->line)
            fprintf(f, "%s%s:%d", before, i->file, i->line);
        else
            fprintf(f, "%s%s", before, i->file);
    }
    if (fclose(f) != 0) {
        free(out);
        return NULL;
    }
    return out;
}

const char *err_text(struct err *e)
{
    if (!e)
        return "success";
    /* The common case, and the only one for the static object. */
    if (!e->cause)
        return e->text;
    if (!e->joined)
        e->joined = err_join(e, ": ", false);
    return e->joined ? e->joined : e->text;
}

const char *err_trace(struct err *e)
{
    if (!e)
        return "";
    if (e == &err_no_memory)
        return e->file;
    if (!e->trace)
        e->trace = err_join(e, " < ", true);
    return e->trace ? e->trace : e->file;
}

int err_exit_code(const struct err *e)
{
    return e ? err_kinds[e->kind].exit_code : 0;
}

int err_http_status(const struct err *e)
{
    return e ? err_kinds[e->kind].http_status : 200;
}

const char *err_kind_name(enum err_kind kind)
{
    return (unsigned)kind < ERR_KIND_MAX ? err_kinds[kind].name : "unknown";
}

void err_free(struct err *take_e)
{
    /* The static object can only be the last of a chain. */
    while (take_e && take_e != &err_no_memory) {
        struct err *cause = take_e->cause;
        free(take_e->joined);
        free(take_e->trace);
        free(take_e);
        take_e = cause;
    }
}

void err_drop(struct err *take_e)
{
    err_free(take_e);
}

void err_freep(struct err **e)
{
    err_free(*e);
    *e = NULL;
}

/* The wire form: this header, the text, the trace. Native byte order, since both ends run on one machine. */
struct err_wire {
    uint32_t magic;
    uint32_t kind; /* ERR_WIRE_SUCCESS, or an enum err_kind */
    int32_t errnum;
    uint32_t text_len;
    uint32_t trace_len;
};

/* Tells an outcome from whatever else may arrive on a pipe, the output of a library for one. */
#define ERR_WIRE_MAGIC 0x52524531u
#define ERR_WIRE_SUCCESS UINT32_MAX

static size_t err_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t err_encode(struct err *e, void *buf, size_t cap)
{
    /* Whatever is too long is cut off: the trace first, it is only for debugging. */
    cap = err_min(cap, ERR_WIRE_MAX);
    struct err_wire w = {.magic = ERR_WIRE_MAGIC, .kind = ERR_WIRE_SUCCESS};
    if (cap < sizeof(w))
        return 0;
    size_t text_len = 0, trace_len = 0;
    char *body = (char *)buf + sizeof(w);
    if (e) {
        const char *text = err_text(e), *trace = err_trace(e);
        text_len = err_min(strlen(text), cap - sizeof(w));
        trace_len = err_min(strlen(trace), cap - sizeof(w) - text_len);
        memcpy(body, text, text_len);
        memcpy(body + text_len, trace, trace_len);
        w.kind = (uint32_t)e->kind;
        w.errnum = err_errno(e);
        w.text_len = (uint32_t)text_len;
        w.trace_len = (uint32_t)trace_len;
    }
    memcpy(buf, &w, sizeof(w));
    return sizeof(w) + text_len + trace_len;
}

/* The header comes from a process that may have parsed hostile bytes: nothing in it is believed unchecked. */
static struct err *err_wire_check(const struct err_wire *w)
{
    const uint32_t body_max = (uint32_t)(ERR_WIRE_MAX - sizeof(*w));
    if (w->magic != ERR_WIRE_MAGIC)
        return ERR_NEW(ERR_CORRUPT, "outcome: not an outcome");
    if (w->kind != ERR_WIRE_SUCCESS && w->kind >= ERR_KIND_MAX)
        return ERR_NEW(ERR_CORRUPT, "outcome: unknown kind %u", w->kind);
    if (w->text_len > body_max || w->trace_len > body_max - w->text_len || w->errnum < 0)
        return ERR_NEW(ERR_CORRUPT, "outcome: impossible length");
    return NULL;
}

struct err *err_decode(const void *buf, size_t len, struct err **ret)
{
    struct err_wire w;
    if (len < sizeof(w))
        return ERR_NEW(ERR_CORRUPT, "outcome: %zu bytes are too few", len);
    memcpy(&w, buf, sizeof(w));
    TRY(err_wire_check(&w));
    if (len - sizeof(w) != (size_t)w.text_len + w.trace_len)
        return ERR_NEW(ERR_CORRUPT, "outcome: %zu bytes do not match the header", len);
    if (w.kind == ERR_WIRE_SUCCESS) {
        *ret = NULL;
        return NULL;
    }
    /* One node for the peer's whole chain: its text, a NUL, its trace, a NUL. */
    struct err *e = err_node("", 0, (enum err_kind)w.kind, w.errnum, (size_t)w.text_len + w.trace_len + 1);
    if (!e)
        return err_oom();
    const char *body = (const char *)buf + sizeof(w);
    char *trace = e->text + w.text_len + 1;
    memcpy(e->text, body, w.text_len);
    memcpy(trace, body + w.text_len, w.trace_len);
    err_replace_controls(e->text);
    err_replace_controls(trace);
    e->file = trace;
    *ret = e;
    return NULL;
}

struct err *err_send(int fd, struct err *e)
{
    char buf[ERR_WIRE_MAX];
    return fd_write_all(fd, buf, err_encode(e, buf, sizeof(buf)));
}

struct err *err_recv(int fd, struct err **ret)
{
    char buf[ERR_WIRE_MAX];
    struct err_wire w;
    /* An early end here means that the peer died before it could tell how it went. */
    TRY_WRAP(fd_read_exact(fd, buf, sizeof(w)), "receive an outcome");
    memcpy(&w, buf, sizeof(w));
    TRY(err_wire_check(&w));
    size_t body = (size_t)w.text_len + w.trace_len;
    TRY_WRAP(fd_read_exact(fd, buf + sizeof(w), body), "receive an outcome");
    return err_decode(buf, sizeof(w) + body, ret);
}

struct err *err_both(struct err *take_a, struct err *take_b)
{
    if (!take_a || !take_b)
        return take_a ? take_a : take_b;
    struct err *both = ERR_NEW(err_kind(take_a), "%s; %s", err_text(take_a), err_text(take_b));
    err_free(take_a);
    err_free(take_b);
    return both;
}
