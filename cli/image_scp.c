/* image scp: a `save` here or there, a `load` there or here, and a pipe between both. The other end is reached by ssh,
 * or is another user of this machine (runuser for root, sudo for others). coracle itself opens no connection. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/self.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/verbs.h"

struct scp_opts {
    bool quiet;
};

static const struct cli_flag scp_flags[] = {
    {"quiet", 'q', CLI_BOOL, .offset = offsetof(struct scp_opts, quiet), .help = "Suppress the output"},
    {0},
};

/* "[[user@]host::]image" in its parts; host NULL: here. */
struct end {
    char *user, *host;
    const char *image; /* borrowed; "" when there is none */
};

static void end_done(struct end *e)
{
    mem_freep(&e->user);
    mem_freep(&e->host);
}
#define AUTO_END __attribute__((cleanup(end_done)))

/* What stands in a command line of ssh must not be taken for an option or for shell. */
static struct err *check_word(const char *text, const char *what)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-:/@[]+";
    if (text[0] == '-' || !text[0] || strspn(text, good) != strlen(text))
        return ERR_NEW(ERR_INVALID, "\"%s\" cannot be the name of %s", text, what);
    return NULL;
}

static struct err *parse_end(const char *text, struct end *ret)
{
    const char *sep = strstr(text, "::"), *at;
    ret->image = sep ? sep + 2 : text;
    if (ret->image[0])
        TRY(check_word(ret->image, "an image"));
    if (!sep)
        return NULL;
    at = memchr(text, '@', (size_t)(sep - text));
    if (at) {
        TRY(mem_strndup(text, (size_t)(at - text), &ret->user));
        TRY(check_word(ret->user, "a user"));
    }
    const char *host = at ? at + 1 : text;
    TRY(mem_strndup(host, (size_t)(sep - host), &ret->host));
    return check_word(ret->host, "a host");
}

static bool is_other_user(const struct end *e)
{
    return e->host && e->user && strcmp(e->host, "localhost") == 0;
}

/* --- command lines */

/* This program with the flags that say where its data is. */
static struct err *own_command(const struct cli *c, struct strv *argv)
{
    AUTO_FREE char *self = NULL;
    TRY(self_path(&self));
    TRY(strv_add(argv, self));
    if (c->globals.root)
        TRY(strv_addf(argv, "--root=%s", c->globals.root));
    if (c->globals.runroot)
        TRY(strv_addf(argv, "--runroot=%s", c->globals.runroot));
    return NULL;
}

/* For the shell of another user or host: coracle where it is, else podman. `program`: this one, or NULL. */
static struct err *shell_command(const char *program, const char *verb, bool quiet, const char *image, char **ret)
{
    const char *q = quiet ? " -q" : "";
    const char *space = image[0] ? " '" : "", *end = image[0] ? "'" : "";
    if (program)
        return mem_asprintf(ret, "exec '%s' %s%s%s%s%s", program, verb, q, space, image, end);
    return mem_asprintf(ret,
                        "if command -v " CLI_PROGRAM " >/dev/null 2>&1; then exec " CLI_PROGRAM
                        " %s%s%s%s%s; else exec podman %s%s%s%s%s; fi",
                        verb, q, space, image, end, verb, q, space, image, end);
}

static struct err *user_command(const struct cli *c, const struct end *e, const char *verb, bool quiet,
                                const char *image, struct strv *argv)
{
    AUTO_STRV struct strv own = STRV_INIT;
    AUTO_FREE char *command = NULL;
    TRY(own_command(c, &own));
    TRY(shell_command(strchr(own.items[0], '\'') ? CLI_PROGRAM : own.items[0], verb, quiet, image, &command));
    if (geteuid() == 0) {
        TRY(strv_add(argv, "runuser"));
        TRY(strv_add(argv, "-l"));
        TRY(strv_add(argv, e->user));
        TRY(strv_add(argv, "-c"));
        return strv_add(argv, command);
    }
    const char *const words[] = {"sudo", "-i", "-u", e->user, "--", "sh", "-c", command};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        TRY(strv_add(argv, words[i]));
    return NULL;
}

static struct err *command_for(const struct cli *c, const struct end *e, const char *verb, bool quiet,
                               const char *image, struct strv *argv)
{
    AUTO_FREE char *command = NULL;
    if (!e->host) {
        TRY(own_command(c, argv));
        TRY(strv_add(argv, verb));
        if (quiet)
            TRY(strv_add(argv, "-q"));
        return image[0] ? strv_add(argv, image) : NULL;
    }
    if (is_other_user(e))
        return user_command(c, e, verb, quiet, image, argv);
    TRY(shell_command(NULL, verb, quiet, image, &command));
    TRY(strv_add(argv, "ssh"));
    TRY(strv_add(argv, "--"));
    TRY(strv_addf(argv, "%s%s%s", e->user ? e->user : "", e->user ? "@" : "", e->host));
    return strv_add(argv, command);
}

/* --- running them */

static struct err *start(const struct strv *argv, int in, int out, struct proc *ret)
{
    const struct proc_fd fds[] = {{in, STDIN_FILENO}, {out, STDOUT_FILENO}};
    const struct proc_opts opts = {
        .path = argv->items[0], .argv = argv->items, .fds = fds, .n_fds = ARRAY_LEN(fds), .default_signals = true};
    return proc_spawn(&opts, ret);
}

static struct err *finish(struct proc *p, const struct strv *argv, const char *what)
{
    int status = 0;
    TRY(proc_wait(p, &status));
    int code = proc_exit_code(status);
    return code ? ERR_NEW(ERR_INTERNAL, "%s: %s ended with code %d", what, argv->items[0], code) : NULL;
}

/* When both fail, the writer's reason is the first: an empty archive makes a poor image. */
static struct err *run_pipe(const struct strv *from, const struct strv *to)
{
    AUTO_PROC struct proc writer = PROC_INIT;
    AUTO_PROC struct proc reader = PROC_INIT;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return ERR_NEW(ERR_INTERNAL, "make a pipe");
    AUTO_FD int read_end = ends[0];
    AUTO_FD int write_end = ends[1];
    TRY(start(from, STDIN_FILENO, write_end, &writer)); /* ssh may have to ask for a password */
    TRY(start(to, read_end, STDOUT_FILENO, &reader));
    read_end = fd_close(read_end);
    write_end = fd_close(write_end);
    struct err *loaded = finish(&reader, to, "loading the image");
    struct err *saved = finish(&writer, from, "saving the image");
    if (saved) {
        err_drop(loaded);
        return saved;
    }
    return loaded;
}

static struct err *scp_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct scp_opts *o = opts;
    AUTO_END struct end from = {0}, to = {0};
    AUTO_STRV struct strv save = STRV_INIT, load = STRV_INIT;
    (void)exit_code;
    TRY(parse_end(c->args[0], &from));
    if (c->n_args > 1)
        TRY(parse_end(c->args[1], &to));
    if (!from.image[0])
        return ERR_NEW(ERR_INVALID, "%s: an image is missing behind ::", c->args[0]);
    if (c->n_args > 1 && (!to.host || to.image[0]))
        return ERR_NEW(ERR_INVALID, "%s: the destination must be HOST:: or USER@localhost::", c->args[1]);
    if (!from.host && !to.host)
        return ERR_NEW(ERR_INVALID, "no host is named: IMAGE HOST::, HOST::IMAGE, or USER@localhost:: for either");
    TRY(command_for(c, &from, "save", true, from.image, &save));
    TRY(command_for(c, &to, "load", o->quiet, "", &load));
    return run_pipe(&save, &load);
}

const struct cli_verb cli_verb_image_scp = {
    .paths = "image scp",
    .synopsis = "[options] IMAGE [HOST::]",
    .summary = "securely copy images",
    .description =
        "Securely copy an image from one host to another: [[USER@]HOST::]IMAGE [[USER@]HOST::].\n\nHOST is what the "
        "program ssh takes. USER@localhost is another user of this machine, reached by runuser (as root) or "
        "sudo. On the other side " CLI_PROGRAM " is used, or podman where there is no " CLI_PROGRAM ".",
    .examples = "@ myimage:latest otherhost::\n@ me@otherhost::myimage\n@ myimage root@localhost::",
    .flags = scp_flags,
    .opts_size = sizeof(struct scp_opts),
    .min_args = 1,
    .max_args = 2,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = scp_verb,
};
