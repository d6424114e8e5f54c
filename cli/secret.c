/* The group `secret`: create, rm, exists, inspect (ls is in secret_ls.c). */
#include "engine/secret/secret.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "cli/report.h"
#include "cli/secret_rows.h"
#include "cli/verbs.h"
#include "engine/store/store.h"

const struct cli_verb cli_verb_secret = {
    .paths = "secret",
    .summary = "Manage secrets",
    .traits = CLI_GROUP,
};

/* --- create */

struct create_secret_opts {
    bool env, replace, ignore;
    const char *driver;
    struct strv driver_opts, labels;
};
#define O(field) offsetof(struct create_secret_opts, field)

static const struct cli_flag create_flags[] = {
    {"driver", 'd', CLI_STRING, .offset = O(driver), .def = "file", .help = "Specify secret driver"},
    {"driver-opts", 0, CLI_STRINGS, .offset = O(driver_opts), .arg = "stringToString",
     .help = "Specify driver specific options"},
    {"env", 0, CLI_BOOL, .offset = O(env), .help = "Read secret data from environment variable"},
    {"ignore", 0, CLI_BOOL, .offset = O(ignore), .help = "Don't fail if a secret of the same name exists"},
    {"label", 'l', CLI_ARRAY, .offset = O(labels), .help = "Specify labels on the secret"},
    {"replace", 0, CLI_BOOL, .offset = O(replace), .help = "If a secret with the same name exists, replace it"},
    {0},
};

/* A file, standard input, or with --env a variable. */
static struct err *read_data(const struct create_secret_opts *o, const char *source, char **ret, size_t *ret_len)
{
    if (o->env) {
        const char *value = getenv(source);
        if (!value)
            return ERR_NEW(ERR_NOT_FOUND, "cannot create store secret data: environment variable %s is not set",
                           source);
        *ret_len = strlen(value);
        return mem_strdup(value, ret);
    }
    if (strcmp(source, "-") == 0) {
        if (isatty(STDIN_FILENO))
            return ERR_NEW(ERR_INVALID, "if `-` is used, data must be passed into stdin");
        return fd_read_all(STDIN_FILENO, SECRET_BYTES_MAX, ret, ret_len);
    }
    return cli_read_file(source, SECRET_BYTES_MAX, ret, ret_len);
}

static struct err *create_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct create_secret_opts *o = opts;
    AUTO_FREE char *data = NULL, *id = NULL;
    struct engine *e;
    struct secret_create_opts create = {
        .name = c->args[0],
        .driver = o->driver,
        .options = o->driver_opts,
        .labels = o->labels,
        .replace = o->replace,
    };
    (void)exit_code;
    struct err *err = read_data(o, c->args[1], &data, &create.len);
    if (err && err_kind(err) == ERR_NO_SPACE) {
        err_drop(err);
        return ERR_NEW(ERR_INVALID, "secret data must be larger than 0 and less than %d bytes", SECRET_BYTES_MAX);
    }
    TRY(err);
    create.data = data;
    TRY(cli_engine(c, &e));
    err = secret_create(e, &create, &id);
    explicit_bzero(data, create.len);
    if (err && o->ignore && !o->replace && err_kind(err) == ERR_EXISTS) {
        struct secret *s;
        err_drop(err);
        TRY(secret_find(e, create.name, &s));
        err = mem_strdup(s->id, &id);
        secret_free(s);
    }
    TRY(err);
    return cli_printf(c, "%s\n", id);
}

const struct cli_verb cli_verb_secret_create = {
    .paths = "secret create",
    .synopsis = "[options] NAME FILE|-",
    .summary = "Create a new secret",
    .description = "Create a secret. Input can be a path to a file or \"-\" (read from stdin). Default driver is file "
                   "(unencrypted).",
    .examples = "@ mysecret /path/to/secret\nprintf \"secretdata\" | @ mysecret -",
    .flags = create_flags,
    .opts_size = sizeof(struct create_secret_opts),
    .min_args = 2,
    .max_args = 2,
    .complete = CLI_COMPLETE_FILE,
    .run = create_verb,
};

/* --- rm */

struct rm_opts {
    bool all, ignore;
};
#undef O
#define O(field) offsetof(struct rm_opts, field)

static const struct cli_flag rm_flags[] = {
    {"all", 'a', CLI_BOOL, .offset = O(all), .help = "Remove all secrets"},
    {"ignore", 'i', CLI_BOOL, .offset = O(ignore), .help = "Ignore errors when a specified secret is missing"},
    {0},
};

static struct err *remove_one(struct cli *c, const struct rm_opts *o, const char *name)
{
    struct secret *s;
    struct err *e = secret_find(c->engine, name, &s);
    if (e && o->ignore && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return NULL;
    }
    TRY(e);
    e = secret_remove(c->engine, s);
    if (!e)
        e = cli_printf(c, "%s\n", s->id);
    secret_free(s);
    return e;
}

static struct err *rm_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct rm_opts *o = opts;
    struct cli_errors errors = {0};
    AUTO_STRV struct strv names = STRV_INIT;
    struct engine *e;
    (void)exit_code;
    if (o->all && c->n_args)
        return ERR_NEW(ERR_INVALID, "`" CLI_PROGRAM " secret rm --all` takes no arguments");
    if (!o->all && !c->n_args)
        return ERR_NEW(ERR_INVALID, "`" CLI_PROGRAM " secret rm` requires at least one argument");
    TRY(cli_engine(c, &e));
    TRY(o->all ? secret_names(e, &names) : strv_add_all(&names, c->args));
    for (size_t i = 0; i < names.count; i++)
        cli_errors_add(&errors, remove_one(c, o, names.items[i]));
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_secret_rm = {
    .paths = "secret rm",
    .synopsis = "[options] SECRET [SECRET...]",
    .summary = "Remove one or more secrets",
    .examples = "@ mysecret1 mysecret2",
    .flags = rm_flags,
    .opts_size = sizeof(struct rm_opts),
    .max_args = -1,
    .run = rm_verb,
};

/* --- exists */

static struct err *exists_verb(struct cli *c, void *opts, int *exit_code)
{
    struct engine *e;
    struct secret *s = NULL;
    (void)opts;
    TRY(cli_engine(c, &e));
    struct err *err = secret_find(e, c->args[0], &s);
    secret_free(s);
    return cli_exists(err, exit_code);
}

const struct cli_verb cli_verb_secret_exists = {
    .paths = "secret exists",
    .synopsis = "SECRET",
    .summary = "Check if a secret exists in local storage",
    .description = "If the named secret exists in local storage, it exits with 0, otherwise the exit code will be 1.",
    .examples = "@ mysecret",
    .opts_size = 1,
    .min_args = 1,
    .max_args = 1,
    .run = exists_verb,
};

/* --- inspect */

struct inspect_secret_opts {
    const char *format;
    bool pretty, show;
};
#undef O
#define O(field) offsetof(struct inspect_secret_opts, field)

static const struct cli_flag inspect_flags[] = {
    {"format", 'f', CLI_STRING, .offset = O(format), .help = "Format inspect output using Go template"},
    {"pretty", 0, CLI_BOOL, .offset = O(pretty), .help = "Print inspect output in human-readable format"},
    {"showsecret", 0, CLI_BOOL, .offset = O(show), .help = "Display the secret"},
    {0},
};

static const struct template_member members[] = {{"Spec", TEMPLATE_STRUCT, "types.SecretSpec"},
                                                 {"Driver", TEMPLATE_STRUCT, "types.SecretDriverSpec"},
                                                 {"Options", TEMPLATE_MAP, "map[string]string"},
                                                 {"Labels", TEMPLATE_MAP, "map[string]string"},
                                                 {"CreatedAt", TEMPLATE_TIME, NULL},
                                                 {"UpdatedAt", TEMPLATE_TIME, NULL},
                                                 {0}};

static struct err *add_secret(struct cli *c, const struct inspect_secret_opts *o, const char *name, json_t *list)
{
    struct secret *s;
    json_t *object = NULL;
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    TRY_WRAP(secret_find(c->engine, name, &s), "inspecting secret");
    struct err *e = secret_object(c->engine, s, &object);
    if (!e && o->show)
        e = secret_data(c->engine, s, &data, &len);
    if (!e && o->show)
        e = json_put(object, "SecretData", json_stringn(data, len));
    secret_free(s);
    if (e) {
        json_decref(object);
        return e;
    }
    return json_push(list, object);
}

static struct err *print_pretty(struct cli *c, const json_t *list)
{
    size_t i;
    const char *key;
    json_t *o, *value;
    json_array_foreach (list, i, o) {
        json_t *spec = json_object_get(o, "Spec");
        int64_t created = 0, updated = 0;
        TRY(timefmt_parse_rfc3339(json_string_value(json_object_get(o, "CreatedAt")), &created));
        TRY(timefmt_parse_rfc3339(json_string_value(json_object_get(o, "UpdatedAt")), &updated));
        TRY(cli_printf(c, "ID:              %s\nName:              %s\n", json_string_value(json_object_get(o, "ID")),
                       json_string_value(json_object_get(spec, "Name"))));
        if (json_object_size(json_object_get(spec, "Labels")))
            TRY(cli_printf(c, "Labels:\n"));
        json_object_foreach (json_object_get(spec, "Labels"), key, value)
            TRY(cli_printf(c, " - %s=%s\n", key, json_string_value(value)));
        TRY(cli_printf(c, "Driver:            %s\n",
                       json_string_value(json_object_get(json_object_get(spec, "Driver"), "Name"))));
        TRY(cli_printf(c, "Created at:        %s\nUpdated at:        %s\n", timefmt_go(created).s,
                       timefmt_go(updated).s));
    }
    return NULL;
}

static struct err *inspect_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct inspect_secret_opts *o = opts;
    struct cli_errors errors = {0};
    AUTO_JSON json_t *list = json_array();
    struct engine *e;
    (void)exit_code;
    if (o->pretty && o->format)
        return ERR_NEW(ERR_INVALID, "cannot use --format and --pretty together");
    TRY(cli_engine(c, &e));
    for (size_t i = 0; i < c->n_args; i++)
        cli_errors_add(&errors, add_secret(c, o, c->args[i], list));
    if (o->pretty)
        cli_errors_add(&errors, print_pretty(c, list));
    else if (o->format && !report_is_json(o->format))
        cli_errors_add(&errors, report_objects(c, "inspect", o->format, list, members));
    else
        cli_errors_add(&errors, report_json(c, list, 4));
    if (errors.last)
        err_drop(cli_flush(c)); /* what was found comes before what was not */
    return cli_errors_finish(&errors);
}

const struct cli_verb cli_verb_secret_inspect = {
    .paths = "secret inspect",
    .synopsis = "[options] SECRET [SECRET...]",
    .summary = "Inspect a secret",
    .description = "Display detail information on one or more secrets",
    .examples = "@ MYSECRET",
    .flags = inspect_flags,
    .opts_size = sizeof(struct inspect_secret_opts),
    .min_args = 1,
    .max_args = -1,
    .run = inspect_verb,
};
