/* The computation of a process's sets. */
#include "engine/container/capability.h"

#include <string.h>
#include <strings.h>

#define BIT(n) (UINT64_C(1) << (n))
/* CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP, NET_BIND_SERVICE, SYS_CHROOT, SETFCAP */
static const uint64_t default_caps =
    BIT(0) | BIT(1) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(10) | BIT(18) | BIT(31);

/* The word in the message: as Podman normalises it. */
static struct err *unknown(const char *name)
{
    char upper[64];
    size_t n = 0;
    const char *prefix = strncasecmp(name, "CAP_", 4) == 0 ? "" : "CAP_";
    for (; n < sizeof(upper) - 1 && name[n]; n++)
        upper[n] = name[n] >= 'a' && name[n] <= 'z' ? (char)(name[n] - 'a' + 'A') : name[n];
    upper[n] = '\0';
    return ERR_NEW(ERR_INVALID, "\"%s%s\": unknown capability", prefix, upper);
}

/* One --cap-add or --cap-drop list to a mask. Words may also be separated by commas, as Docker's API sends them;
 * "ALL" is not a bit, since what it means differs between adding and dropping. */
static struct err *parse_list(const struct strv *list, uint64_t *ret_mask, bool *ret_all)
{
    *ret_mask = 0;
    *ret_all = false;
    for (size_t i = 0; i < list->count; i++) {
        AUTO_STRV struct strv words = STRV_INIT;
        TRY(strv_split(list->items[i], ',', &words));
        for (size_t k = 0; k < words.count; k++) {
            unsigned number = 0;
            if (words.items[k][0] == '\0')
                continue;
            if (strcasecmp(words.items[k], "ALL") == 0)
                *ret_all = true;
            else if (cap_find(words.items[k], &number))
                *ret_mask |= BIT(number);
            else
                return unknown(words.items[k]);
        }
    }
    return NULL;
}

/* Podman's order: the base is everything, nothing or the default; then what was added, then what was dropped. A
 * privileged container starts from everything, and what was dropped by name is dropped from that as well. */
struct err *cap_sets_compute(const struct container_spec *spec, uint32_t ct_uid, struct cap_sets *ret)
{
    uint64_t add = 0, drop = 0;
    bool add_all = false, drop_all = false;
    TRY(parse_list(&spec->cap_add, &add, &add_all));
    TRY(parse_list(&spec->cap_drop, &drop, &drop_all));
    if (add_all && drop_all)
        return ERR_NEW(ERR_INVALID, "adding all caps and removing all caps not allowed");
    for (unsigned i = 0; i < CAP_NUMBER_MAX; i++)
        if (add & drop & BIT(i))
            return ERR_NEW(ERR_INVALID, "capability \"%s\" cannot be dropped and added", cap_name(i));

    struct cap_sets sets = {.bounding = default_caps};
    if ((spec->privileged && !drop_all) || add_all)
        sets.bounding = CAP_ALL & ~drop;
    else
        sets.bounding = ((drop_all ? 0 : default_caps) | add) & ~drop;

    if (ct_uid == 0)
        sets.effective = sets.permitted = sets.bounding;
    else
        sets.effective = sets.permitted = sets.inheritable = sets.ambient = (add_all ? CAP_ALL : add) & sets.bounding;
    *ret = sets;
    return NULL;
}
