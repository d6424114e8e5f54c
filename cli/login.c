/* login, logout. They need no session: only the network and auth.json. */
#include <stddef.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/registry_flags.h"
#include "cli/verbs.h"
#include "engine/registry/auth.h"
#include "engine/registry/conf.h"

#define INPUT_MAX 65536

#define COMPAT_AUTHFILE                                                                                       \
    {                                                                                                         \
        "compat-auth-file", 0, CLI_STRING, CLI_COMPLETE_FILE,                                                 \
            .offset = O(compat_authfile), .help = "Path of a Docker-compatible config file to update instead" \
    }

struct login_opts {
    struct registry_flags registry; /* first: more_flags */
    const char *username, *password, *compat_authfile;
    bool password_stdin, get_login, verbose;
};
#define O(field) offsetof(struct login_opts, field)

static const struct cli_flag login_flags[] = {
    COMPAT_AUTHFILE,
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
    ssize_t n = 0;
    bool restore = hidden && tcgetattr(STDIN_FILENO, &before) == 0;
    TRY(cli_printf(c, "%s", prompt));
    TRY(cli_flush(c));
    if (restore) {
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    while (len < sizeof line - 1 && (n = read(STDIN_FILENO, line + len, 1)) == 1 && line[len] != '\n')
        len++;
    if (restore) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        TRY(cli_printf(c, "\n"));
    }
    if (n <= 0 && len == 0)
        return ERR_NEW(ERR_INVALID, "getting username and password: reading %s: EOF", hidden ? "password" : "username");
    while (len > 0 && line[len - 1] == '\r')
        len--;
    return mem_strndup(line, len, ret);
}

/* Of the flags; *ret stays NULL when they say nothing. */
static struct err *take_password(const struct login_opts *o, char **ret)
{
    if (o->password && o->password_stdin)
        return ERR_NEW(ERR_INVALID, "Can't specify both --password-stdin and --password");
    if (o->password_stdin && !o->username)
        return ERR_NEW(ERR_INVALID, "Must provide --username with --password-stdin");
    if (o->password)
        return mem_strdup(o->password, ret);
    if (!o->password_stdin)
        return NULL;
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

/* The registry named, or the first that short names go to. */
static struct err *which_registry(const struct cli *c, const struct registry_conf *conf, char **ret)
{
    AUTO_STRV struct strv names = STRV_INIT;
    if (c->n_args > 0)
        return registry_name(c->args[0], ret);
    TRY(registry_conf_search(conf, &names));
    return names.count ? mem_strdup(names.items[0], ret) : ERR_NEW(ERR_INVALID, "please specify a registry");
}

static struct err *take_places(const struct registry_conf *conf, const char *file, const char *docker_file,
                               struct auth_places *ret)
{
    if (file && docker_file)
        return ERR_NEW(ERR_INVALID, "options for paths to the credential file and to the Docker-compatible credential "
                                    "file can not be set simultaneously");
    *ret =
        (struct auth_places){.file = file, .docker_file = docker_file, .helpers = docker_file ? NULL : &conf->helpers};
    return NULL;
}

static struct err *check_credentials(const struct registry_conf *conf, const char *name, const struct auth *a,
                                     const struct registry_opts *opts)
{
    AUTO_SOURCES struct registry_sources sources = {0};
    AUTO_REGISTRY struct registry *r = NULL;
    AUTO_FREE char *domain = NULL, *creds = NULL;
    struct registry_opts with = *opts;
    TRY(mem_strndup(name, strcspn(name, "/"), &domain));
    TRY(mem_asprintf(&creds, "%s:%s", a->user, a->password));
    with.creds = creds;
    with.push = true; /* no mirrors */
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

/* Without flags: what is known may still be good. */
static struct err *try_known(struct cli *c, const struct registry_conf *conf, const char *name,
                             const struct auth *known, const struct registry_opts *opts, bool *ret_good)
{
    TRY(cli_printf(c, "Authenticating with existing credentials for %s\n", name));
    TRY(cli_flush(c));
    struct err *e = check_credentials(conf, name, known, opts);
    *ret_good = !e;
    err_drop(e);
    return cli_printf(c,
                      *ret_good ? "Existing credentials are valid. Already logged in to %s\n"
                                : "Existing credentials are invalid, please enter valid username and password\n",
                      name);
}

/* What the flags left open, from the terminal; the known user is offered. */
static struct err *ask_for(struct cli *c, const struct login_opts *o, const struct auth *known, struct auth *a)
{
    AUTO_FREE char *prompt = NULL;
    if (o->username)
        TRY(mem_strdup(o->username, &a->user));
    if (!a->user) {
        TRY(known->user ? mem_asprintf(&prompt, "Username (%s): ", known->user) : mem_strdup("Username: ", &prompt));
        TRY(ask(c, prompt, false, &a->user));
        if (!a->user[0] && known->user)
            TRY(mem_replace(&a->user, known->user));
    }
    return a->password ? NULL : ask(c, "Password: ", true, &a->password);
}

static struct err *log_in(struct cli *c, const struct login_opts *o, const struct registry_conf *conf, const char *name)
{
    struct registry_opts registry;
    struct auth_places places;
    AUTO_AUTH struct auth known = {0}, a = {0};
    AUTO_FREE char *where = NULL;
    bool good = false;
    TRY(take_places(conf, o->registry.authfile, o->compat_authfile, &places));
    TRY(registry_flags_take(c, &o->registry, &registry));
    registry.authfile = NULL; /* it may not exist yet */
    TRY(take_password(o, &a.password));
    if (!places.file || access(places.file, F_OK) == 0)
        TRY(auth_find(&places, name, &known));
    if (o->get_login)
        return known.user ? cli_printf(c, "%s\n", known.user) : ERR_NEW(ERR_NOT_FOUND, "not logged into %s", name);
    if (known.identity)
        return ERR_NEW(ERR_STATE, "currently logged in, auth file contains an Identity token");
    if (!o->username && !a.password && known.user && known.password && known.password[0])
        TRY(try_known(c, conf, name, &known, &registry, &good));
    if (good)
        return NULL;
    TRY(ask_for(c, o, &known, &a));
    TRY(check_credentials(conf, name, &a, &registry));
    TRY(auth_store(&places, name, a.user, a.password, &where));
    if (o->verbose)
        TRY(cli_printf(c, "Used:  %s\n", where));
    return cli_printf(c, "Login Succeeded!\n");
}

static struct err *login_verb(struct cli *c, void *opts, int *exit_code)
{
    AUTO_REGISTRY_CONF struct registry_conf *conf = NULL;
    AUTO_FREE char *name = NULL;
    (void)exit_code;
    TRY(registry_conf_load(&conf));
    TRY(which_registry(c, conf, &name));
    return log_in(c, opts, conf, name);
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
    const char *authfile, *compat_authfile;
};
#undef O
#define O(field) offsetof(struct logout_opts, field)

static const struct cli_flag logout_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all),
     .help = "Remove the cached credentials for all registries in the auth file"},
    {"authfile", 0, CLI_STRING, CLI_COMPLETE_FILE, .offset = O(authfile),
     .help = "Path of the authentication file. Use REGISTRY_AUTH_FILE environment variable to override"},
    COMPAT_AUTHFILE,
    {0},
};

static struct err *logout_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct logout_opts *o = opts;
    AUTO_REGISTRY_CONF struct registry_conf *conf = NULL;
    AUTO_AUTH struct auth known = {0};
    AUTO_FREE char *name = NULL;
    struct auth_places places;
    bool found = false;
    (void)exit_code;
    if (o->all && c->n_args > 0)
        return ERR_NEW(ERR_INVALID, "--all takes no arguments");
    TRY(registry_conf_load(&conf));
    TRY(take_places(conf, o->authfile, o->compat_authfile, &places));
    if (o->all) {
        TRY(auth_remove_all(&places));
        return cli_printf(c, "Removed login credentials for all registries\n");
    }
    TRY(which_registry(c, conf, &name));
    TRY_WRAP(auth_remove(&places, name, &found), "logging out of \"%s\"", name);
    if (found)
        return cli_printf(c, "Removed login credentials for %s\n", name);
    TRY(auth_find(&places, name, &known));
    if (known.user || known.identity)
        return cli_printf(c,
                          "Not logged into %s with current tool. Existing credentials were established via docker "
                          "login. Please use docker logout instead.\n",
                          name);
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
