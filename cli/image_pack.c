/* image pack. */
#include <stddef.h>

#include "base/mem.h"
#include "cli/cli.h"
#include "cli/verbs.h"
#include "engine/image/pack.h"

struct pack_opts {
    const char *compression, *store;
    int64_t level;
    bool unpacked, remove;
};
#define O(field) offsetof(struct pack_opts, field)

static const struct cli_flag pack_flags[] = {
    {"compression", 0, CLI_STRING, .offset = O(compression), .def = "zstd",
     .help = "Compress with zstd, lz4, gzip, xz or none"},
    {"compression-level", 0, CLI_INT, .offset = O(level), .help = "Level of zstd (1 to 22) or gzip (1 to 9)"},
    {"remove", 0, CLI_BOOL, .offset = O(remove), .help = "Remove the images from the store given with --store"},
    {"store", 0, CLI_STRING, CLI_COMPLETE_DIR, .offset = O(store),
     .help = "Put the images into an image store that others read (additionalimagestores)"},
    {"unpacked", 0, CLI_BOOL, .offset = O(unpacked), .help = "With --store: as plain files, which belong to you"},
    {0},
};

static struct err *check(struct cli *c, const struct pack_opts *o)
{
    if (!o->store && (o->unpacked || o->remove))
        return ERR_NEW(ERR_INVALID, "--%s belongs to --store", o->unpacked ? "unpacked" : "remove");
    if (!o->store && c->n_args != 2)
        return ERR_NEW(ERR_INVALID, "an image and a file are needed, or images and --store");
    if (o->level < 0 || o->level > 22)
        return ERR_NEW(ERR_INVALID, "--compression-level is 1 to 22");
    return NULL;
}

static struct err *pack_one(struct cli *c, const struct pack_opts *o, const struct image_pack_opts *how,
                            const char *name)
{
    AUTO_FREE char *id = NULL;
    struct engine *e;
    if (o->remove) {
        TRY(image_pack_remove(name, o->store, &id));
    } else {
        TRY(cli_engine(c, &e));
        TRY(image_pack_into(e, name, o->store, how, &id));
    }
    return cli_printf(c, "%s\n", id);
}

static struct err *pack_verb(struct cli *c, void *opts, int *exit_code)
{
    const struct pack_opts *o = opts;
    const struct image_pack_opts how = {.compression = o->compression, .level = (int)o->level, .unpacked = o->unpacked};
    struct engine *e;
    (void)exit_code;
    TRY(check(c, o));
    for (size_t i = 0; o->store && i < c->n_args; i++)
        TRY(pack_one(c, o, &how, c->args[i]));
    if (o->store)
        return NULL;
    TRY(cli_engine(c, &e));
    return image_pack(e, c->args[0], c->args[1], &how);
}

const struct cli_verb cli_verb_image_pack = {
    .paths = "image pack",
    .synopsis = "[options] IMAGE FILE | --store DIR IMAGE [IMAGE...]",
    .summary = "Make one file of an image, or put images into a store that others read",
    .description = "The file holds all that the image's layers make together, compressed, with the image's config: on "
                   "a shared file system one file is read where thousands would be looked up. Run it with "
                   "packed:FILE as the image's name. With --store it goes into a directory which others name as "
                   "additionalimagestores in storage.conf, or with --storage-opt additionalimagestore=DIR.",
    .examples = "@ debian:12 /scratch/debian.packed\n@ --store /shared/images debian:12 alpine",
    .flags = pack_flags,
    .opts_size = sizeof(struct pack_opts),
    .min_args = 1,
    .max_args = -1,
    .complete = CLI_COMPLETE_IMAGE,
    .complete_args = 1,
    .run = pack_verb,
};
