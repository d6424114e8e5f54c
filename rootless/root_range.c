#include "rootless/root_range.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "rootless/session_internal.h"

#define ROOT_RANGE_FILE "ids"
#define ROOT_RANGE_FILE_MAX ((size_t)256 << 10)
#define ROOT_RANGE_COUNT 65536u
/* Above what useradd hands out (SUB_UID_MAX, 600100000) and what systemd-nspawn takes (up to 0x6fffffff); below 2^31,
 * where programs that keep ids in an int begin to fail. */
#define ROOT_RANGE_FIRST 0x70000000u
#define ROOT_RANGE_END 0x7fff0000u

struct err *root_range_choose(const struct subid_ranges *taken, uint32_t *ret_start)
{
    for (uint32_t start = ROOT_RANGE_FIRST; start < ROOT_RANGE_END; start += ROOT_RANGE_COUNT) {
        if (subid_set_meets(&taken->uids, start, ROOT_RANGE_COUNT) ||
            subid_set_meets(&taken->gids, start, ROOT_RANGE_COUNT))
            continue;
        *ret_start = start;
        return NULL;
    }
    return ERR_NEW(ERR_NO_SPACE, "no range of %u ids from %u on is free in /etc/subuid and /etc/subgid; give root one",
                   ROOT_RANGE_COUNT, ROOT_RANGE_FIRST);
}

static struct err *root_range_free(struct subid_ranges *ret)
{
    AUTO_SUBID_RANGES struct subid_ranges taken = {0};
    AUTO_SUBID_RANGES struct subid_ranges r = {.source = "chosen"};
    const struct subid_owner everyone = {.everyone = true};
    uint32_t start = 0;
    TRY(subid_read_files(&everyone, &taken));
    TRY(root_range_choose(&taken, &start));
    TRY(subid_set_add(&r.uids, start, ROOT_RANGE_COUNT));
    TRY(subid_set_add(&r.gids, start, ROOT_RANGE_COUNT));
    *ret = r;
    r = (struct subid_ranges){0};
    return NULL;
}

/* The user "containers" has its ids for all of the host's containers; a slice is enough. */
static void root_range_limit(struct subid_set *s)
{
    s->count = 1;
    if (s->spans[0].count > ROOT_RANGE_COUNT)
        s->spans[0].count = ROOT_RANGE_COUNT;
}

static struct err *root_range_assigned(const char *self, const char *user, struct subid_ranges *ret, bool *ret_found)
{
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    struct err *e = session_ask_ranges(self, user, &r);
    if (e) {
        log_debug("no subordinate ids of %s: %s", user, err_text(e));
        err_drop(e);
    }
    *ret_found = r.uids.count > 0 && r.gids.count > 0;
    if (!*ret_found)
        return NULL;
    *ret = r;
    r = (struct subid_ranges){0};
    return NULL;
}

static struct err *root_range_find(const char *self, struct subid_ranges *ret)
{
    bool found = false;
    TRY(root_range_assigned(self, "root", ret, &found));
    if (found)
        return NULL;
    TRY(root_range_assigned(self, "containers", ret, &found));
    if (found) {
        root_range_limit(&ret->uids);
        root_range_limit(&ret->gids);
        return NULL;
    }
    return root_range_free(ret);
}

struct err *root_range_get(const char *root, const char *self, struct subid_ranges *ret)
{
    AUTO_SUBID_RANGES struct subid_ranges r = {0};
    AUTO_FREE char *text = NULL;
    AUTO_FD int dir = -1;
    TRY(file_open_dir(AT_FDCWD, root, &dir));
    struct err *e = file_read(dir, ROOT_RANGE_FILE, ROOT_RANGE_FILE_MAX, &text, NULL);
    if (!e)
        return ERR_WRAP(subid_ranges_parse(text, ret), "read %s/%s", root, ROOT_RANGE_FILE);
    if (err_kind(e) != ERR_NOT_FOUND)
        return e;
    err_drop(e);
    TRY(root_range_find(self, &r));
    TRY(subid_ranges_text(&r, &text));
    TRY_WRAP(file_write_atomic(dir, ROOT_RANGE_FILE, text, strlen(text), 0600, FILE_SYNC), "record root's ids");
    *ret = r;
    r = (struct subid_ranges){0};
    return NULL;
}
