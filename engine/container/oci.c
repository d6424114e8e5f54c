/* config.json, from the top: OCI runtime specification 1.0. Podman 4.3's choices are the model: what they are was read
 * off its own config.json files, flag by flag.
 *
 * One document is one `struct oci_build`: the three inputs (what was asked for, what the image says, what this host
 * has), what was computed from them once (security options, capabilities, systemd mode), and a writer. The parts, each
 * in a file of its own, append to the writer in the order of the document; nothing is read back, and no tree is built,
 * since this runs at every start.
 *
 * Three kinds of "cannot": a contradiction or a value that is wrong is an error; a confinement that was asked for and
 * that this host cannot give is an error, too; a limit that cannot be applied is left out and becomes a notice. What a
 * user did not ask for (the default number of processes, say) is left out silently. */
#include "engine/container/oci.h"

#include <signal.h>
#include <string.h>

#include "base/mem.h"
#include "base/path.h"
#include "engine/container/oci_internal.h"

#define OCI_VERSION "1.0.2"

static const struct image_config no_image;

/* Entrypoint and command as Podman combines them: an entrypoint of the user's drops the image's command as well; an
 * empty list ("[]") only drops the image's entrypoint, an empty string both. */
static struct err *combine(const struct container_spec *spec, const struct image_config *image, struct strv *ret)
{
    const struct strv *entrypoint = spec->entrypoint_set ? &spec->entrypoint : &image->entrypoint;
    bool blank = entrypoint->count == 1 && entrypoint->items[0][0] == '\0';
    if (!blank)
        TRY(strv_add_all(ret, entrypoint->items));
    bool own_entrypoint = spec->entrypoint_set && spec->entrypoint.count > 0;
    const struct strv *command = spec->command.count || own_entrypoint ? &spec->command : &image->cmd;
    TRY(strv_add_all(ret, command->items));
    if (ret->count == 0)
        return ERR_NEW(ERR_INVALID, "no command or entrypoint provided, and no CMD or ENTRYPOINT from image");
    return NULL;
}

/* Copies: the lists it is made of belong to the spec and the image. */
struct err *oci_command(const struct container_spec *spec, const struct image_config *image, struct strv *ret)
{
    AUTO_STRV struct strv args = STRV_INIT;
    TRY(combine(spec, image ? image : &no_image, &args));
    *ret = args;
    args = (struct strv)STRV_INIT;
    return NULL;
}

bool oci_is_hook_stage(const char *name)
{
    static const char *const stages[] = {"prestart",       "createRuntime", "createContainer",
                                         "startContainer", "poststart",     "poststop"};
    for (size_t i = 0; i < ARRAY_LEN(stages); i++)
        if (strcmp(stages[i], name) == 0)
            return true;
    return false;
}

/* By the command alone, as Podman: whether the program is there is not known before the root is mounted. */
bool oci_is_systemd(const struct container_spec *spec, const struct image_config *image)
{
    static const char *const inits[] = {"/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"};
    if (spec->systemd != SYSTEMD_TRUE)
        return spec->systemd == SYSTEMD_ALWAYS;
    AUTO_STRV struct strv args = STRV_INIT;
    struct err *e = combine(spec, image ? image : &no_image, &args);
    if (e) {
        err_drop(e);
        return false;
    }
    /* A shell form ("/bin/sh -c /sbin/init") counts as what it starts. */
    bool shell = args.count > 2 && strcmp(args.items[0], "/bin/sh") == 0 && strcmp(args.items[1], "-c") == 0;
    const char *program = args.items[shell ? 2 : 0];
    for (size_t i = 0; i < ARRAY_LEN(inits); i++)
        if (strcmp(inits[i], program) == 0)
            return true;
    return strcmp(path_last(program), "systemd") == 0;
}

/* Systemd stops in order on SIGRTMIN+3 and re-executes itself on SIGTERM (systemd(1), "Signals"). */
struct err *oci_stop_signal(const struct container_spec *spec, const struct image_config *image, int *ret)
{
    const char *text = spec->stop_signal ? spec->stop_signal : image ? image->stop_signal : NULL;
    if (text && text[0])
        return spec_parse_signal(text, ret);
    *ret = oci_is_systemd(spec, image) ? SIGRTMIN + 3 : SIGTERM;
    return NULL;
}

/* An empty string counts as not given, as in image configs. */
const char *oci_workdir(const struct container_spec *spec, const struct image_config *image)
{
    if (spec->workdir && spec->workdir[0])
        return spec->workdir;
    return image->workdir && image->workdir[0] ? image->workdir : "/";
}

/* NULL when nothing is known about maps: then every id counts as mapped. */
const struct idmap *oci_gid_map(const struct oci_build *b)
{
    return b->facts->ct_gids ? b->facts->ct_gids : b->facts->session_gids;
}

static void build_done(struct oci_build *b)
{
    security_opts_done(&b->sec);
    jsonout_done(&b->out);
}

/* What several parts of the document depend on, decided once. */
static struct err *build_init(struct oci_build *b)
{
    TRY(security_opts_parse(&b->spec->security_opt, &b->sec));
    TRY(cap_sets_compute(b->spec, b->facts->user->ct_uid, &b->caps));
    b->systemd = oci_is_systemd(b->spec, b->image);
    /* sysfs shows the network namespace, and may be mounted only by who owns that; a new user namespace doesn't own one
     * that was made outside it. */
    bool foreign_net = b->spec->network.mode == NS_HOST || (b->facts->ct_uids && b->facts->network_ns &&
                                                            !b->facts->owns_network_ns && !b->facts->joins_userns);
    b->bound_sys = foreign_net || !b->facts->sys_mountable;
    return NULL;
}

/* With --init the command becomes the argument of the init program, which is bound at OCI_INIT_PATH. */
static struct err *put_container_process(struct oci_build *b)
{
    AUTO_STRV struct strv command = STRV_INIT, args = STRV_INIT, env = STRV_INIT;
    TRY(combine(b->spec, b->image, &command));
    if ((b->spec->init || b->spec->pause) && !b->facts->init_path)
        return ERR_NEW(ERR_NOT_FOUND, "container-init binary not found on the host");
    if (b->spec->init) {
        TRY(strv_add(&args, OCI_INIT_PATH));
        TRY(strv_add(&args, "--"));
    }
    TRY(strv_add_all(&args, command.items));
    TRY(oci_environment(b, &env));
    struct oci_process p = {.user = b->facts->user,
                            .args = &args,
                            .env = &env,
                            .cwd = oci_workdir(b->spec, b->image),
                            .caps = &b->caps,
                            .tty = b->spec->tty};
    oci_put_process(b, "process", &p);
    return NULL;
}

/* The root is mounted by the monitor; the runtime only makes it the container's, read-only when asked. */
static void put_root(struct oci_build *b)
{
    jsonout_open(&b->out, "root", '{');
    jsonout_str(&b->out, "path", b->facts->rootfs);
    if (b->spec->read_only)
        jsonout_bool(&b->out, "readonly", true);
    jsonout_close(&b->out, '}');
}

/* Members in the order of the specification's own example. The host name is only for a UTS namespace that is new:
 * setting it in a joined one would rename the other container. */
static struct err *put_config(struct oci_build *b)
{
    struct jsonout *j = &b->out;
    jsonout_open(j, NULL, '{');
    jsonout_str(j, "ociVersion", OCI_VERSION);
    TRY(put_container_process(b));
    put_root(b);
    bool own_uts = b->spec->uts.mode != NS_HOST && !b->facts->uts_ns && !b->facts->no_uts_ns;
    if (own_uts && b->facts->hostname)
        jsonout_str(j, "hostname", b->facts->hostname);
    TRY(oci_put_mounts(b));
    if (b->facts->hooks_json)
        jsonout_raw(j, "hooks", b->facts->hooks_json);
    TRY(oci_put_annotations(b));
    TRY(oci_put_linux(b));
    jsonout_close(j, '}');
    return NULL;
}

/* One pass over a buffer that a plain container fits into: about 40 us, most of it for the seccomp program. */
struct err *oci_generate(const struct container_spec *spec, const struct image_config *image,
                         const struct oci_facts *facts, struct strv *ret_notices, char **ret_json)
{
    __attribute__((cleanup(build_done))) struct oci_build b = {
        .spec = spec, .image = image ? image : &no_image, .facts = facts, .notices = ret_notices};
    TRY(build_init(&b));
    TRY(strbuf_reserve(&b.out.sb, 32768)); /* what a plain container takes, in one allocation */
    TRY(put_config(&b));
    return jsonout_finish(&b.out, ret_json);
}

/* Sets of a process that joins: as the container's for the same user, else root's or none. */
static struct err *exec_caps(const struct oci_build *b, const struct oci_exec *x, uint32_t ct_uid, struct cap_sets *ret)
{
    struct cap_sets sets = {.bounding = x->privileged ? CAP_ALL : b->caps.bounding};
    if (ct_uid == 0)
        sets.effective = sets.permitted = sets.bounding;
    else if (ct_uid == b->facts->user->ct_uid) {
        uint64_t bounding = sets.bounding;
        sets = b->caps;
        sets.bounding = bounding;
    }
    *ret = sets;
    return NULL;
}

/* The container's environment as it would be for this user, then what the caller adds. */
static struct err *exec_environment(const struct oci_build *b, const struct oci_exec *x, const struct oci_user *user,
                                    struct strv *env)
{
    /* HOME belongs to the user who runs, unless somebody set it. */
    struct oci_build own = *b;
    struct oci_facts facts = *b->facts;
    facts.user = user;
    own.facts = &facts;
    TRY(oci_environment(&own, env));
    for (size_t i = 0; i < x->env.count; i++)
        TRY(strv_env_set(env, x->env.items[i]));
    return NULL;
}

/* No notices here: what couldn't be applied was told when the container started. */
struct err *oci_generate_process(const struct container_spec *spec, const struct image_config *image,
                                 const struct oci_facts *facts, const struct oci_exec *exec, char **ret_json)
{
    __attribute__((cleanup(build_done))) struct oci_build b = {
        .spec = spec, .image = image ? image : &no_image, .facts = facts};
    TRY(build_init(&b));
    if (exec->command.count == 0)
        return ERR_NEW(ERR_INVALID, "must provide a non-empty command to start an exec session");
    const struct oci_user *user = exec->user ? exec->user : facts->user;
    struct cap_sets caps;
    AUTO_STRV struct strv env = STRV_INIT;
    TRY(exec_caps(&b, exec, user->ct_uid, &caps));
    TRY(exec_environment(&b, exec, user, &env));
    struct oci_process p = {.user = user,
                            .args = &exec->command,
                            .env = &env,
                            .caps = &caps,
                            .tty = exec->tty,
                            .cwd = exec->workdir && exec->workdir[0] ? exec->workdir : oci_workdir(spec, b.image)};
    oci_put_process(&b, NULL, &p);
    return jsonout_finish(&b.out, ret_json);
}
