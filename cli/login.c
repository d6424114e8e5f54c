/* login, logout. They need no session: only the network and auth.json. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/registry_flags.h"
#include "cli/verbs.h"
#include "engine/registry/auth.h"

#define INPUT_MAX 65536

struct login_opts {
    struct registry_flags registry; /* first: more_flags */
    const char *username, *password;
    bool password_stdin, get_login, verbose;
};
#define O(field) offsetof(struct login_opts, field)

static const struct cli_flag login_flags[] = {
    {"get-login", 0, CLI_BOOL, .offset = O(get_login), .help = "Return the current login user for the registry"},
    {"password", 'p', CLI_STRING, .offset = O(password), .help = "Password for registry"},
    {"password-stdin", 0, CLI_BOOL, .offset = O(password_stdin), .help = "Take the password from stdin"},
    {"secret", 0, CLI_STRING, .hidden = true, .missing = "secrets are not built yet"},
    {"username", 'u', CLI_STRING, .offset = O(username), .help = "Username for registry"},
    {"verbose", 'v', CLI_BOOL, .offset = O(verbose), .help = "Write more detailed information to stdout"},
    {0},
};

/* One line without its end, maybe without showing it. */
static struct err *ask(struct cli *c, const char *prompt, bool hidden, char **ret)
{
    struct termios before, silent;
    char line[1024];
    size_t len = 0;
    bool restore = hidden && tcgetattr(STDIN_FILENO, &before) == 0;
    TRY(cli_printf(c, "%s", prompt));
    TRY(cli_flush(c));
    if (restore) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    while (len < sizeof line - 1 && read(STDIN_FILENO, line + len, 1) == 1 && line[len] != '\n')
        len++;
    if (restore) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        TRY(cli_printf(c, "\n"));
    }
    while (len > 0 && line[len - 1] == '\r')
        len--;
    return mem_strndup(line, len, ret);
}

static struct err *take_password(struct cli *c, const struct login_opts *o, char **ret)
{
    if (o->password && o->password_stdin)
        return ERR_NEW(ERR_INVALID, "Can't specify both --password-stdin and --password");
    if (o->password)
        return mem_strdup(o->password, ret);
    if (!o->password_stdin && !isatty(STDIN_FILENO))
        return ERR_NEW(ERR_INVALID, "no password: standard input is no terminal; use --password-stdin");
    if (!o->password_stdin)
        return ask(c, "Password: ", true, ret);
    TRY_WRAP(fd_read_all(STDIN_FILENO, INPUT_MAX, ret, NULL), "read the password");
    (*ret)[strcspn(*ret, "\r\n")] = '\0';
    return NULL;
}

/* "https://host/" as people paste it; "host/namespace" is kept. */
static struct err *registry_name(const char *text, char **ret)
{
    if (strncmp(text, "https://", 8) == 0)
        text += 8;
    else if (strncmp(text, "http://", 7) == 0)
        text += 7;
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == '/')
        len--;
    if (len == 0 || strpbrk(text, " \t\r\n@?#"))
        return ERR_NEW(ERR_INVALID, "'%s' is not the name of a registry", text);
    return mem_strndup(text, len, ret);
}

/* The registry named, or the one that short names go to. */
static struct err *which_registry(const struct cli *c, char **ret)
{
    if (c->n_args > 0)
        return registry_name(c->args[0], ret);
    AUTO_REGISTRY_CONF struct registry_conf *conf = NULL;
    AUTO_STRV struct strv names = STRV_INIT;
    TRY(registry_conf_load(&conf));
    struct err *e = registry_conf_short_name(conf, "any/any", false, &names);
    err_drop(e);
    if (e || names.count != 1)
        return ERR_NEW(ERR_INVALID, "please specify a registry to login to");
    names.items[0][strcspn(names.items[0], "/")] = '\0';
    return mem_strdup(names.items[0], ret);
}

static struct err *try_login(const char *name, const char *user, const char *password, const struct registry_opts *opts)
{
    AUTO_REGISTRY_CONF struct registry_conf *conf = NULL;
    AUTO_SOURCES struct registry_sources sources = {0};
    AUTO_REGISTRY struct registry *r = NULL;
    AUTO_FREE char *domain = NULL, *creds = NULL;
    struct registry_opts with = *opts;
    TRY(mem_strndup(name, strcspn(name, "/"), &domain));
    TRY(mem_asprintf(&creds, "%s:%s", user, password));
    with.creds = creds;
    with.push = true; /* no mirrors */
    TRY(registry_conf_load(&conf));
    TRY(registry_find_sources(conf, domain, "login", &with, false, &sources));
    TRY(registry_start(&sources, &with, &r));
    const struct registry_request ping = {.verb = REGISTRY_PING, .target = "login", .fd = -1};
    struct err *e = registry_do(r, &ping, NULL);
    if (e && err_kind(e) == ERR_DENIED) {
        err_drop(e);
        return ERR_NEW(ERR_DENIED, "logging into \"%s\": invalid username/password", name);
    }
    return ERR_WRAP(e, "authenticating creds for \"%s\"", name);
}

static struct err *get_login(struct cli *c, const struct login_opts *o, const char *name)
{
    AUTO_AUTH struct auth known = {0};
    TRY(auth_find(o->registry.authfile, name, &known));
    if (!known.user)
        return ERR_NEW(ERR_NOT_FOUND, "not logged into %s", name);
    return cli_printf(c, "%s\n", known.user);
}

static struct err *login_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct login_opts *o = opts;
    struct registry_opts registry;
    AUTO_FREE char *name = NULL, *user = NULL, *password = NULL;
    (void)exit_code;
    TRY(which_registry(c, &name));
    if (o->get_login)
        return get_login(c, o, name);
    TRY(registry_flags_take(c, &o->registry, &registry));
    registry.authfile = NULL; /* it may not exist yet */
    if (o->password_stdin && !o->username)
        return ERR_NEW(ERR_INVALID, "Must provide --username with --password-stdin");
    if (o->username)
        TRY(mem_strdup(o->username, &user));
    else
        TRY(ask(c, "Username: ", false, &user));
    TRY(take_password(c, o, &password));
    TRY(try_login(name, user, password, &registry));
    TRY(auth_store(o->registry.authfile, name, user, password));
    if (o->verbose) {
        AUTO_FREE char *path = NULL;
        TRY(auth_path(o->registry.authfile, &path));
        TRY(cli_printf(c, "Used: %s\n", path));
    }
    return cli_printf(c, "Login Succeeded!\n");
}

const struct cli_verb cli_verb_login = {
    .paths = "login",
    .synopsis = "[options] [REGISTRY]",
    .summary = "Login to a container registry",
    .description = "Login to a container registry on a specified server. Credentials are kept in auth.json "
                   "($XDG_RUNTIME_DIR/containers/auth.json, or as --authfile or REGISTRY_AUTH_FILE say).",
    .examples = "@ quay.io\n@ --username ... --password ... quay.io\n@ --authfile dir/auth.json quay.io",
    .flags = login_flags,
    .more_flags = cli_registry_login_flags,
    .opts_size = sizeof(struct login_opts),
    .max_args = 1,
    .run = login_verb,
};

/* --- logout */

struct logout_opts {
    bool all;
    const char *authfile;
};
#undef O
#define O(field) offsetof(struct logout_opts, field)

static const struct cli_flag logout_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all),
     .help = "Remove the cached credentials for all registries in the auth file"},
    {"authfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(authfile),
     .help = "Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override"},
    {0},
};

static struct err *logout_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct logout_opts *o = opts;
    AUTO_FREE char *name = NULL;
    bool found = false;
    (void)exit_code;
    if (o->all && c->n_args > 0)
        return ERR_NEW(ERR_INVALID, "--all takes no arguments");
    if (o->all) {
        TRY(auth_remove_all(o->authfile));
        return cli_printf(c, "Removed login credentials for all registries\n");
    }
    TRY(which_registry(c, &name));
    TRY(auth_remove(o->authfile, name, &found));
    if (found)
        return cli_printf(c, "Removed login credentials for %s\n", name);
    AUTO_AUTH struct auth known = {0};
    TRY(auth_find(o->authfile, name, &known));
    if (known.user || known.identity)
        return ERR_NEW(ERR_STATE, "not logged into %s with %s, but credentials are in another file", name,
                       CLI_PROGRAM " login");
    return ERR_NEW(ERR_NOT_FOUND, "not logged into %s", name);
}

const struct cli_verb cli_verb_logout = {
    .paths = "logout",
    .synopsis = "[options] [REGISTRY]",
    .summary = "Logout of a container registry",
    .description = "Remove the cached username and password for the registry.",
    .examples = "@ quay.io\n@ --all",
    .flags = logout_flags,
    .opts_size = sizeof(struct logout_opts),
    .max_args = 1,
    .run = logout_verb,
};
