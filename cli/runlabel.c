/* container runlabel: a command that an image's label describes.
 *
 * The label is read, and what --replace removes is removed, by a child process that enters the session; the command
 * itself takes coracle's place outside of it, as if the user had typed it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "cli/registry_flags.h"
#include "cli/select.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "engine/image/image.h"

#define WORDS_MAX ((size_t)4 << 20) /* bytes */

struct runlabel_opts {
    struct registry_flags registry;
    struct registry_opts pull; /* what they say */
    bool display, quiet, replace;
    const char *name, *opt[3];
};
#define O(field) offsetof(struct runlabel_opts, field)

static const struct cli_flag runlabel_flags[] = {
    {"display", 0, CLI_BOOL, .offset = O(display), .help = "Preview the command that the label would run"},
    {"name", 'n', CLI_STRING, .offset = O(name), .help = "Assign a name to the container"},
    {"opt1", 0, CLI_STRING, .hidden = true, .offset = O(opt[0])},
    {"opt2", 0, CLI_STRING, .hidden = true, .offset = O(opt[1])},
    {"opt3", 0, CLI_STRING, .hidden = true, .offset = O(opt[2])},
    {"quiet", 'q', CLI_BOOL, .offset = O(quiet), .help = "Suppress output information when installing images"},
    {"replace", 0, CLI_BOOL, .offset = O(replace), .help = "Replace existing container with a new one from the image"},
    {0},
};

/* Names of labels are compared without regard to case. */
static struct err *find_label(const struct image_config *config, const char *label, const char *image, const char **ret)
{
    size_t len = strlen(label);
    for (size_t i = 0; i < config->labels.count; i++) {
        const char *item = config->labels.items[i];
        if (strncasecmp(item, label, len) == 0 && item[len] == '=' && item[len + 1]) {
            *ret = item + len + 1;
            return NULL;
        }
    }
    return ERR_NEW(ERR_NOT_FOUND, "cannot find the value of label: %s in image: %s", label, image);
}

/* IMAGE, NAME and their kin, each as a word of its own. */
static struct err *substitute(const char *word, const char *image, const char *name, struct strv *ret)
{
    const char *const keys[] = {"IMAGE", "NAME"}, *const values[] = {image, name};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        size_t len = strlen(keys[k]);
        bool pair = strncmp(word, keys[k], len) == 0 && word[len] == '=';
        const char *value = pair ? word + len + 1 : word;
        if (strcmp(value + (*value == '$'), keys[k]) == 0)
            return pair ? strv_addf(ret, "%s=%s", keys[k], values[k]) : strv_add(ret, values[k]);
    }
    return strv_add(ret, word);
}

/* OPT1 to OPT3 and PWD; what was a word with one of them may be several afterwards. */
static struct err *expand(const struct runlabel_opts *o, const struct strv *words, struct strv *ret)
{
    AUTO_STRV struct strv values = STRV_INIT;
    AUTO_FREE char *here = getcwd(NULL, 0);
    for (size_t i = 0; i < ARRAY_LEN(o->opt); i++) {
        char key[] = "OPT1";
        key[3] = (char)('1' + i);
        const char *value = o->opt[i] ? o->opt[i] : getenv(key);
        TRY(strv_addf(&values, "%s=%s", key, value ? value : ""));
    }
    TRY(strv_addf(&values, "PWD=%s", here ? here : ""));
    for (size_t i = 0; i < words->count; i++) {
        AUTO_FREE char *text = NULL;
        if (!strchr(words->items[i], '$')) {
            TRY(strv_add(ret, words->items[i]));
            continue;
        }
        TRY(words_expand(words->items[i], &values, &text));
        TRY(words_split(text, ret));
    }
    return NULL;
}

static struct err *make_command(struct cli *c, const struct runlabel_opts *o, const char *label, const char *image,
                                struct strv *ret)
{
    AUTO_STRV struct strv words = STRV_INIT, named = STRV_INIT;
    TRY_WRAP(words_split(label, &words), "label %s", c->args[0]);
    TRY(strv_add_all(&words, c->args + 2));
    for (size_t i = 0; i < words.count; i++) {
        if (strcmp(words.items[i], "$GLOBAL_OPTS") != 0)
            TRY(substitute(words.items[i], image, o->name ? o->name : image, &named));
    }
    TRY(expand(o, &named, ret));
    return ret->count ? NULL : ERR_NEW(ERR_INVALID, "label %s of %s holds no command", c->args[0], image);
}

/* Whoever has the name that the command gives. */
static struct err *replace(struct cli *c, const struct strv *command)
{
    bool was;
    for (size_t i = 0; i < command->count; i++) {
        const char *word = command->items[i], *name = NULL;
        if (strncmp(word, "--name=", 7) == 0)
            name = word + 7;
        else if ((strcmp(word, "--name") == 0 || strcmp(word, "-n") == 0) && i + 1 < command->count)
            name = command->items[i + 1];
        if (name)
            TRY(select_remove_named(c->engine, name, &was));
    }
    return NULL;
}

/* In the child: the command's words. */
static struct err *work_out(struct cli *c, struct runlabel_opts *o, struct strv *ret)
{
    struct image_config config = {0};
    struct image *image = NULL;
    struct engine *e;
    const char *label = NULL;
    c->quiet = o->quiet;
    TRY(registry_flags_take(c, &o->registry, &o->pull));
    c->registry = &o->pull;
    TRY(cli_engine(c, &e));
    struct err *err = image_ensure(e, c->args[1], NULL, NULL, &image);
    if (!err)
        err = image_read_config(e, image, &config);
    if (!err)
        err = find_label(&config, c->args[0], c->args[1], &label);
    if (!err)
        err = make_command(c, o, label, image->names.count ? image->names.items[0] : image->id, ret);
    image_config_done(&config);
    image_free(image);
    TRY(err);
    return o->replace && !o->display ? replace(c, ret) : NULL;
}

static struct err *send_words(int fd, const struct strv *words)
{
    for (size_t i = 0; i < words->count; i++)
        TRY(fd_write_all(fd, words->items[i], strlen(words->items[i]) + 1));
    return NULL;
}

static struct err *receive_words(int fd, struct strv *ret)
{
    AUTO_FREE char *text = NULL;
    struct err *outcome = NULL;
    size_t len = 0;
    TRY(err_recv(fd, &outcome));
    TRY(outcome);
    TRY(fd_read_all(fd, WORDS_MAX, &text, &len));
    for (size_t at = 0; at < len; at += strlen(text + at) + 1)
        TRY(strv_add(ret, text + at));
    return NULL;
}

static void child(struct cli *c, struct runlabel_opts *o, int fd)
{
    AUTO_STRV struct strv words = STRV_INIT;
    struct err *e = work_out(c, o, &words);
    cli_show_notices(c);
    struct err *told = err_send(fd, e);
    if (!told && !e)
        told = send_words(fd, &words);
    err_drop(told);
    err_drop(e);
}

static struct err *ask_child(struct cli *c, struct runlabel_opts *o, struct strv *ret)
{
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0)
        return ERR_SYS(errno, "make a pipe");
    AUTO_FD int ours = pair[0];
    AUTO_FD int theirs = pair[1];
    pid_t pid = fork();
    if (pid < 0)
        return ERR_SYS(errno, "fork");
    if (pid == 0) {
        child(c, o, theirs);
        _exit(0);
    }
    theirs = fd_close(theirs);
    struct err *e = receive_words(ours, ret);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return e;
}

static bool is_ours(const char *program)
{
    return strcmp(program, CLI_PROGRAM) == 0 || strcmp(program, "podman") == 0 || strcmp(program, "docker") == 0;
}

/* "command: coracle run …" */
static struct err *show(struct cli *c, const struct strv *command)
{
    AUTO_FREE char *text = NULL;
    bool ours = is_ours(command->items[0]);
    TRY(strv_join(command, " ", &text));
    return cli_printf(c, "command: %s%s\n", ours ? CLI_PROGRAM : "", ours ? text + strlen(command->items[0]) : text);
}

/* This program, on the same store, for what names an engine. */
static struct err *settle_program(struct cli *c, const struct strv *command, const char **ret_path, struct strv *argv)
{
    const struct cli_globals *g = &c->globals;
    const char *const names[] = {"root", "runroot", "runtime", "storage-driver", "cgroup-manager"};
    const char *const values[] = {g->root, g->runroot, g->runtime, g->storage_driver, g->cgroup_manager};
    *ret_path = command->items[0];
    if (!is_ours(command->items[0]))
        return strv_copy(command, argv);
    *ret_path = "/proc/self/exe";
    TRY(strv_add(argv, c->argv[0]));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (values[i])
            TRY(strv_addf(argv, "--%s=%s", names[i], values[i]));
    return strv_add_all(argv, command->items + 1);
}

static struct err *become(struct cli *c, const struct runlabel_opts *o, const struct strv *command)
{
    AUTO_STRV struct strv argv = STRV_INIT;
    const char *path;
    TRY(settle_program(c, command, &path, &argv));
    if (o->quiet) {
        AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int fd = 0; null >= 0 && fd < 3; fd++)
            if (dup2(null, fd) < 0)
                return ERR_SYS(errno, "redirect the command's output");
    }
    (void)execvp(path, argv.items);
    return ERR_NEW(errno == ENOENT ? ERR_NO_COMMAND : ERR_CANNOT_EXEC, "label %s: run %s: %s", c->args[0],
                   command->items[0], strerrordesc_np(errno));
}

static struct err *runlabel_verb(struct cli *c, void *opts, int *exit_code)
{
    struct runlabel_opts *o = opts;
    AUTO_STRV struct strv command = STRV_INIT;
    (void)exit_code;
    TRY(ask_child(c, o, &command));
    if (o->display || !o->quiet)
        TRY(show(c, &command));
    if (o->display)
        return NULL;
    TRY(cli_flush(c));
    return become(c, o, &command);
}

const struct cli_verb cli_verb_container_runlabel = {
    .paths = "container runlabel",
    .synopsis = "[options] LABEL IMAGE [ARG...]",
    .summary = "Execute the command described by an image label",
    .description = "Executes a command as described by a container image label. IMAGE and NAME stand for the image and "
                   "the container's name in it, $OPT1, $OPT2, $OPT3 and $PWD for what the environment has.",
    .examples = "@ run imageID\n@ install imageID arg1 arg2\n@ --display run myImage",
    .flags = runlabel_flags,
    .more_flags = cli_registry_flags,
    .opts_size = sizeof(struct runlabel_opts),
    .min_args = 2,
    .max_args = -1,
    .traits = CLI_ARGS_LAST,
    .complete = CLI_COMPLETE_IMAGE,
    .run = runlabel_verb,
};
