#include "engine/registry/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/strbuf.h"

#define PROGRAM_PREFIX "docker-credential-"
#define NAME_CHARS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."
#define INPUT_MAX ((size_t)32 << 10) /* fits into a pipe, so that writing it never waits for the helper */
#define OUTPUT_MAX ((size_t)1 << 20)
#define TIMEOUT_MSEC 300000
#define MESSAGE_MAX 200
/* The helper's user name for an OAuth2 refresh token. */
#define TOKEN_USER "<token>"
/* The protocol has no other way to say it (credentials/error.go). */
#define NOT_FOUND_TEXT "credentials not found in native keychain"

/* What key rings and their prompts need: where they are, who asks, on which screen, in which language. */
static const char *const passed[] = {
    "HOME",
    "PATH",
    "USER",
    "LOGNAME",
    "LANG",
    "TERM",
    "TZ",
    "DISPLAY",
    "GPG_TTY",
    "GNUPGHOME",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
};
/* What those of clouds are configured with. */
static const char *const passed_prefixes[] = {
    "LC_", "XDG_", "AWS_", "AZURE_", "GOOGLE_", "CLOUDSDK_", "PASSWORD_STORE_", "DOCKER_"};

static bool is_passed(const char *assignment)
{
    size_t len = strcspn(assignment, "=");
    for (size_t i = 0; i < ARRAY_LEN(passed); i++)
        if (strlen(passed[i]) == len && memcmp(passed[i], assignment, len) == 0)
            return true;
    for (size_t i = 0; i < ARRAY_LEN(passed_prefixes); i++)
        if (strncmp(passed_prefixes[i], assignment, strlen(passed_prefixes[i])) == 0)
            return true;
    return false;
}

static struct err *environment(struct strv *ret)
{
    for (char *const *e = environ; e && *e; e++)
        if (is_passed(*e))
            TRY(strv_add(ret, *e));
    return NULL;
}

static int64_t now_msec(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* To its end, not longer than TIMEOUT_MSEC, not more than OUTPUT_MAX. */
static struct err *read_output(int fd, struct strbuf *out)
{
    char buf[4096];
    int64_t end = now_msec() + TIMEOUT_MSEC;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - now_msec();
        int n = poll(&p, 1, left > 0 ? (int)left : 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_NEW(ERR_TIMEOUT, "it gave no answer within %d seconds", TIMEOUT_MSEC / 1000);
        ssize_t got = read(fd, buf, sizeof buf);
        if (got < 0)
            return ERR_SYS(errno, "read its answer");
        if (got == 0)
            return NULL;
        if (out->len + (size_t)got > OUTPUT_MAX)
            return ERR_NEW(ERR_NO_SPACE, "its answer is longer than %zu bytes", OUTPUT_MAX);
        TRY(strbuf_add(out, buf, (size_t)got));
    }
}

struct running {
    struct proc proc;
    int out;
};

static void running_done(struct running *r)
{
    r->out = fd_close(r->out);
    proc_done(&r->proc);
}
#define AUTO_RUNNING __attribute__((cleanup(running_done)))

/* stderr goes nowhere: what is wrong, the protocol says on stdout. */
static struct err *start(const char *path, char *const *argv, const char *input, struct running *r)
{
    AUTO_STRV struct strv env = STRV_INIT;
    int to[2], from[2];
    TRY(environment(&env));
    if (pipe2(to, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int their_in = to[0];
    AUTO_FD int our_in = to[1];
    /* Before anybody reads: it fits, and no reader can be gone (SIGPIPE). */
    TRY(fd_write_all(our_in, input, strlen(input)));
    if (pipe2(from, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int their_out = from[1];
    r->out = from[0];
    AUTO_FD int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0)
        return ERR_SYS(errno, "open /dev/null");
    const struct proc_fd fds[] = {{their_in, STDIN_FILENO}, {their_out, STDOUT_FILENO}, {null, STDERR_FILENO}};
    static char *no_env[] = {NULL};
    const struct proc_opts opts = {.path = path,
                                   .argv = argv,
                                   .envp = env.items ? env.items : no_env,
                                   .fds = fds,
                                   .n_fds = ARRAY_LEN(fds),
                                   .parent_death_signal = SIGKILL,
                                   .default_signals = true};
    return proc_spawn(&opts, &r->proc);
}

/* One verb. *ret_ok: it ended with 0; what it printed is in `out` in both cases. */
static struct err *call(const char *name, const char *verb, const char *input, struct strbuf *out, bool *ret_ok)
{
    AUTO_FREE char *program = NULL, *path = NULL, *verb_copy = NULL;
    AUTO_RUNNING struct running r = {.proc = PROC_INIT, .out = -1};
    int status = 0;
    if (!name[0] || name[0] == '.' || strspn(name, NAME_CHARS) != strlen(name))
        return ERR_NEW(ERR_INVALID, "\"%s\" cannot be the name of a credential helper", name);
    if (strlen(input) > INPUT_MAX)
        return ERR_NEW(ERR_INVALID, "credentials longer than %zu bytes", INPUT_MAX);
    TRY(mem_asprintf(&program, PROGRAM_PREFIX "%s", name));
    TRY(mem_strdup(verb, &verb_copy));
    TRY(proc_find(program, &path));
    char *const argv[] = {program, verb_copy, NULL};
    TRY(start(path, argv, input, &r));
    TRY(read_output(r.out, out));
    TRY(proc_wait_timeout(&r.proc, TIMEOUT_MSEC, &status));
    *ret_ok = proc_exit_code(status) == 0;
    return NULL;
}

static bool says_not_found(const struct strbuf *out)
{
    return strncmp(strbuf_str(out), NOT_FOUND_TEXT, strlen(NOT_FOUND_TEXT)) == 0;
}

static struct err *refused(const struct strbuf *out)
{
    const char *text = out->len ? strbuf_str(out) : "it failed without a word";
    size_t len = strcspn(text, "\n");
    return ERR_NEW(ERR_DENIED, "%.*s", (int)(len < MESSAGE_MAX ? len : MESSAGE_MAX), text);
}

static struct err *take_credentials(const struct strbuf *out, struct auth *ret)
{
    AUTO_JSON json_t *root = NULL;
    AUTO_AUTH struct auth a = {0};
    const char *user = NULL, *secret = NULL;
    TRY(json_parse(strbuf_str(out), out->len, "its answer", &root));
    TRY(json_get_str(root, "Username", "its answer", &user));
    TRY(json_get_str(root, "Secret", "its answer", &secret));
    if (!user || !user[0])
        return ERR_NEW(ERR_CORRUPT, "its answer has no Username");
    if (strcmp(user, TOKEN_USER) == 0) {
        TRY(mem_strdup(secret ? secret : "", &a.identity));
    } else {
        TRY(mem_strdup(user, &a.user));
        TRY(mem_strdup(secret ? secret : "", &a.password));
    }
    *ret = a;
    a = (struct auth){0};
    return NULL;
}

static struct err *get(const char *name, const char *server, struct auth *ret)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    bool ok = false;
    TRY(call(name, "get", server, &out, &ok));
    if (ok)
        return take_credentials(&out, ret);
    return says_not_found(&out) ? NULL : refused(&out);
}

struct err *keyring_get(const char *name, const char *server, struct auth *ret)
{
    return ERR_WRAP(get(name, server, ret), "credential helper %s: get %s", name, server);
}

static struct err *store(const char *name, const char *server, const char *user, const char *password)
{
    AUTO_JSON json_t *root = json_object();
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    AUTO_FREE char *text = NULL;
    bool ok = false;
    TRY(json_put_str(root, "ServerURL", server));
    TRY(json_put_str(root, "Username", user));
    TRY(json_put_str(root, "Secret", password));
    TRY(json_text(root, &text));
    TRY(call(name, "store", text, &out, &ok));
    return ok ? NULL : refused(&out);
}

struct err *keyring_store(const char *name, const char *server, const char *user, const char *password)
{
    return ERR_WRAP(store(name, server, user, password), "credential helper %s: store %s", name, server);
}

static struct err *erase(const char *name, const char *server, bool *ret_found)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    bool ok = false;
    /* Some erase what they don't have without a word. */
    AUTO_AUTH struct auth known = {0};
    TRY(get(name, server, &known));
    *ret_found = known.user || known.identity;
    if (!*ret_found)
        return NULL;
    TRY(call(name, "erase", server, &out, &ok));
    return ok || says_not_found(&out) ? NULL : refused(&out);
}

struct err *keyring_erase(const char *name, const char *server, bool *ret_found)
{
    return ERR_WRAP(erase(name, server, ret_found), "credential helper %s: erase %s", name, server);
}

static struct err *list(const char *name, struct strv *ret)
{
    AUTO_STRBUF struct strbuf out = STRBUF_INIT;
    AUTO_JSON json_t *root = NULL;
    const char *server;
    json_t *v;
    bool ok = false;
    TRY(call(name, "list", "", &out, &ok));
    if (!ok)
        return refused(&out);
    TRY(json_parse(strbuf_str(&out), out.len, "its answer", &root));
    if (!json_is_object(root))
        return ERR_NEW(ERR_CORRUPT, "its answer is no object");
    json_object_foreach (root, server, v) {
        TRY(strv_add(ret, server));
    }
    return NULL;
}

struct err *keyring_list(const char *name, struct strv *ret_servers)
{
    return ERR_WRAP(list(name, ret_servers), "credential helper %s: list", name);
}
