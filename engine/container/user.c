/* Looking up users and groups: passwd(5), group(5), of an image.
 *
 * The two files are text from outside. They are read once, whole, with a limit, and then looked at in place: a line
 * becomes an array of fields that point into it, nothing is copied before it is the answer. A line that is not an entry
 * (too few fields, an id that is no number or out of range) is as if it weren't there, so that a damaged line cannot
 * become user 0, which is what a lenient number parser would make of it.
 *
 * Podman's order of preference: the first entry whose name is the text, or whose id is the number that the text is. So
 * a user called "1001" is found by that name even when somebody else has the id 1001, if its line comes first. */
#include "engine/container/user.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/strbuf.h"

#define GROUPS_MAX 65536 /* the kernel's NGROUPS_MAX */

void oci_user_done(struct oci_user *u)
{
    free(u->groups);
    free(u->home);
    free(u->name);
    *u = (struct oci_user){0};
}

void user_db_done(struct user_db *db)
{
    free(db->passwd);
    free(db->group);
    *db = (struct user_db){0};
}

/* Looked at before it is opened, since opening a device or a FIFO already does something. */
static struct err *read_in_root(int rootfd, const char *path, char **ret)
{
    AUTO_FD int handle = -1, fd = -1;
    struct err *e = path_open_in_root(rootfd, path, O_PATH | O_CLOEXEC, 0, &handle);
    if (e && err_kind(e) == ERR_NOT_FOUND) {
        err_drop(e);
        return mem_strdup("", ret);
    }
    TRY(e);
    struct stat st;
    if (fstat(handle, &st) < 0)
        return ERR_SYS(errno, "stat");
    if (!S_ISREG(st.st_mode))
        return ERR_NEW(ERR_INVALID, "not a regular file");
    fd = open(fd_proc_path(handle).s, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return ERR_SYS(errno, "open");
    return file_read_fd(fd, USER_FILE_MAX, ret, NULL);
}

/* Only inside the root that `rootfd` is: a link to the host's file finds the container's. */
struct err *user_db_read(int rootfd, struct user_db *ret)
{
    AUTO_USER_DB struct user_db db = {0};
    TRY_WRAP(read_in_root(rootfd, "/etc/passwd", &db.passwd), "the container's /etc/passwd");
    TRY_WRAP(read_in_root(rootfd, "/etc/group", &db.group), "the container's /etc/group");
    *ret = db;
    db = (struct user_db){0};
    return NULL;
}

/* A line split at colons, without copying. Entries with fewer fields than asked for are no entries. */
struct field {
    const char *s;
    size_t len;
};

static bool field_is(const struct field *f, const char *text)
{
    return strlen(text) == f->len && memcmp(f->s, text, f->len) == 0;
}

/* Decimal digits only: no sign, no space, no overflow. */
static bool parse_id(const char *s, size_t len, uint32_t *ret)
{
    uint64_t v = 0;
    if (len == 0 || len > 10)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(s[i] - '0');
    }
    if (v > USER_ID_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

/* Next line with at least `want` fields; *pos moves behind it. */
static bool next_entry(const char **pos, struct field *fields, size_t want)
{
    while (**pos) {
        const char *line = *pos, *end = strchrnul(line, '\n');
        *pos = *end ? end + 1 : end;
        size_t n = 0;
        for (const char *p = line; n < want; n++) {
            const char *colon = memchr(p, ':', (size_t)(end - p));
            bool last = !colon || n == want - 1;
            fields[n] = (struct field){p, (size_t)((colon ? colon : end) - p)};
            p = last ? p : colon + 1;
            if (last && n + 1 < want)
                break;
        }
        if (n >= want && fields[0].len > 0 && fields[0].s[0] != '#')
            return true;
    }
    return false;
}

enum { PW_NAME, PW_PASS, PW_UID, PW_GID, PW_GECOS, PW_HOME, PW_FIELDS };
enum { GR_NAME, GR_PASS, GR_GID, GR_MEMBERS, GR_FIELDS };

/* By name, or by number when `text` is one; the first that matches either. */
static bool find_user(const char *passwd, const char *text, struct field *fields, uint32_t *ret_uid, uint32_t *ret_gid)
{
    uint32_t want = 0, uid = 0, gid = 0;
    bool numeric = parse_id(text, strlen(text), &want);
    for (const char *pos = passwd; next_entry(&pos, fields, PW_FIELDS);) {
        if (!parse_id(fields[PW_UID].s, fields[PW_UID].len, &uid) ||
            !parse_id(fields[PW_GID].s, fields[PW_GID].len, &gid))
            continue;
        if (field_is(&fields[PW_NAME], text) || (numeric && uid == want)) {
            *ret_uid = uid;
            *ret_gid = gid;
            return true;
        }
    }
    return false;
}

bool user_db_name(const char *text, uint32_t id, char *ret, size_t cap)
{
    _Static_assert((int)PW_UID == (int)GR_GID && (int)PW_NAME == (int)GR_NAME, "passwd(5) and group(5) begin alike");
    struct field fields[GR_FIELDS]; /* the fewest that an entry of either has */
    uint32_t found;
    for (const char *pos = text; next_entry(&pos, fields, GR_FIELDS);) {
        if (!parse_id(fields[PW_UID].s, fields[PW_UID].len, &found) || found != id)
            continue;
        (void)snprintf(ret, cap, "%.*s", (int)fields[PW_NAME].len, fields[PW_NAME].s);
        return true;
    }
    return false;
}

/* As find_user(). */
static bool find_group(const char *group, const char *text, uint32_t *ret_gid)
{
    struct field fields[GR_FIELDS];
    uint32_t want = 0, gid = 0;
    bool numeric = parse_id(text, strlen(text), &want);
    for (const char *pos = group; next_entry(&pos, fields, GR_FIELDS);) {
        if (!parse_id(fields[GR_GID].s, fields[GR_GID].len, &gid))
            continue;
        if (field_is(&fields[GR_NAME], text) || (numeric && gid == want)) {
            *ret_gid = gid;
            return true;
        }
    }
    return false;
}

/* A number that is not an id ("-1", "99999999999") gets a message of its own. */
static bool looks_numeric(const char *text)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    return digits[0] && strspn(digits, "0123456789") == strlen(digits);
}

/* Podman's messages. */
static struct err *not_found(const char *what, const char *text, const char *file)
{
    if (looks_numeric(text))
        return ERR_NEW(ERR_INVALID, "uids and gids must be in range 0-%u", USER_ID_MAX);
    return ERR_NEW(ERR_INVALID, "unable to find %s %s: no matching entries in %s file", what, text, file);
}

/* A number needs no entry. */
static struct err *resolve_group(const struct user_db *db, const char *text, uint32_t *ret)
{
    if (find_group(db->group, text, ret) || parse_id(text, strlen(text), ret))
        return NULL;
    return not_found("group", text, "group");
}

/* Each once; images with thousands of groups exist, hence a limit and not a list without end. */
static struct err *add_group(struct oci_user *u, size_t *cap, uint32_t gid)
{
    for (size_t i = 0; i < u->n_groups; i++)
        if (u->groups[i] == gid)
            return NULL;
    TRY(mem_grow(&u->groups, u->n_groups, cap, sizeof(*u->groups), GROUPS_MAX));
    u->groups[u->n_groups++] = gid;
    return NULL;
}

/* Whole names only: "u" is no member of "au,ub". */
static bool is_member(const struct field *members, const char *name)
{
    size_t want = strlen(name);
    for (const char *p = members->s, *end = p + members->len; p <= end;) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        size_t len = (size_t)((comma ? comma : end) - p);
        if (len == want && memcmp(p, name, len) == 0)
            return true;
        if (!comma)
            break;
        p = comma + 1;
    }
    return false;
}

/* Every group that lists the user's name, whoever shares the number. */
static struct err *add_memberships(const struct user_db *db, struct oci_user *u, size_t *cap)
{
    struct field fields[GR_FIELDS];
    uint32_t gid = 0;
    for (const char *pos = db->group; next_entry(&pos, fields, GR_FIELDS);)
        if (parse_id(fields[GR_GID].s, fields[GR_GID].len, &gid) && is_member(&fields[GR_MEMBERS], u->name))
            TRY(add_group(u, cap, gid));
    return NULL;
}

/* "user[:group]" to its halves; *ret_group is NULL without a colon or with nothing behind it. */
static struct err *split_user(const char *text, char **ret_user, char **ret_group)
{
    const char *colon = strchr(text, ':');
    AUTO_FREE char *user = NULL;
    TRY(mem_strndup(text, colon ? (size_t)(colon - text) : strlen(text), &user));
    if (colon && colon[1])
        TRY(mem_strdup(colon + 1, ret_group));
    *ret_user = TAKE_PTR(user);
    return NULL;
}

/* Nobody named is root. A number without an entry has group 0 and no home, as in Docker. */
static struct err *resolve_user(const struct user_db *db, const char *text, struct oci_user *u)
{
    struct field f[PW_FIELDS];
    const char *wanted = text[0] ? text : "0";
    if (find_user(db->passwd, wanted, f, &u->ct_uid, &u->ct_gid)) {
        TRY(mem_strndup(f[PW_NAME].s, f[PW_NAME].len, &u->name));
        return f[PW_HOME].len ? mem_strndup(f[PW_HOME].s, f[PW_HOME].len, &u->home) : mem_strdup("/", &u->home);
    }
    if (!parse_id(wanted, strlen(wanted), &u->ct_uid))
        return not_found("user", text, "passwd");
    u->ct_gid = 0;
    return mem_strdup(u->ct_uid == 0 ? "/root" : "/", &u->home);
}

struct err *oci_user_add_group(struct oci_user *u, uint32_t gid)
{
    for (size_t i = 0; i < u->n_groups; i++)
        if (u->groups[i] == gid)
            return NULL;
    uint32_t *grown = mem_realloc_array(u->groups, u->n_groups + 1, sizeof(*grown));
    if (!grown)
        return err_oom();
    u->groups = grown;
    u->groups[u->n_groups++] = gid;
    return NULL;
}

/* See user.h; `cap` is the capacity of u.groups. */
struct err *user_resolve(const struct user_db *db, const char *user, const struct strv *group_add, struct oci_user *ret)
{
    AUTO_OCI_USER struct oci_user u = {0};
    AUTO_FREE char *name = NULL, *group = NULL;
    size_t cap = 0;
    TRY(split_user(user ? user : "", &name, &group));
    TRY(resolve_user(db, name, &u));
    if (group)
        TRY(resolve_group(db, group, &u.ct_gid));
    /* The primary group is among the supplementary ones, else dropping it by setgid would open files that deny it
     * (CVE-2022-2989). */
    if (user && user[0])
        TRY(add_group(&u, &cap, u.ct_gid));
    if (name[0] && !group && u.name)
        TRY(add_memberships(db, &u, &cap));
    for (size_t i = 0; group_add && i < group_add->count; i++) {
        uint32_t gid = 0;
        if (strcmp(group_add->items[i], "keep-groups") == 0)
            continue;
        TRY_WRAP(resolve_group(db, group_add->items[i], &gid), "looking up supplemental groups");
        TRY(add_group(&u, &cap, gid));
    }
    *ret = u;
    u = (struct oci_user){0};
    return NULL;
}

struct err *user_lookup(int rootfd, const char *user, const struct strv *group_add, struct oci_user *ret)
{
    AUTO_USER_DB struct user_db db = {0};
    TRY(user_db_read(rootfd, &db));
    return user_resolve(&db, user, group_add, ret);
}

/* ':' and line breaks would make other entries of it. */
static bool is_plain(const char *text)
{
    return text && text[0] && !strpbrk(text, ":\r\n");
}

/* What may stand in --passwd-entry and --group-entry, and what it becomes. */
struct word {
    const char *name, *value;
};

static struct err *put_words(struct strbuf *sb, const char *entry, const struct word *words, size_t n)
{
    while (*entry) {
        size_t i = 0;
        while (i < n && strncmp(entry, words[i].name, strlen(words[i].name)) != 0)
            i++;
        TRY(i < n ? strbuf_puts(sb, words[i].value) : strbuf_putc(sb, *entry));
        entry += i < n ? strlen(words[i].name) : 1;
    }
    return strbuf_putc(sb, '\n');
}

/* One line of /etc/passwd: Podman's, or --passwd-entry with what it asks for in place. */
static struct err *put_entry(struct strbuf *sb, const char *entry, const char *name, uint32_t uid, uint32_t gid,
                             const char *gecos, const char *home)
{
    char uid_text[16], gid_text[16];
    (void)snprintf(uid_text, sizeof(uid_text), "%u", uid);
    (void)snprintf(gid_text, sizeof(gid_text), "%u", gid);
    const struct word words[] = {
        {"$USERNAME", name}, {"$UID", uid_text}, {"$GID", gid_text}, {"$NAME", gecos}, {"$HOME", home}};
    if (!entry)
        return strbuf_printf(sb, "%s:*:%u:%u:%s:%s:/bin/sh\n", name, uid, gid, gecos, home);
    return put_words(sb, entry, words, ARRAY_LEN(words));
}

/* Likewise of /etc/group. */
static struct err *put_group_entry(struct strbuf *sb, const char *entry, const char *name, uint32_t gid,
                                   const char *member)
{
    char gid_text[16];
    (void)snprintf(gid_text, sizeof(gid_text), "%u", gid);
    const struct word words[] = {{"$GROUPNAME", name}, {"$GID", gid_text}, {"$USERLIST", member}};
    if (!entry)
        return strbuf_printf(sb, "%s:x:%u:%s\n", name, gid, member);
    return put_words(sb, entry, words, ARRAY_LEN(words));
}

/* The user of keep-id by name, and a number as its own name, so that `whoami` and ssh work. */
static struct err *extend_passwd(const struct user_db *db, const char *user, uint32_t gid,
                                 const struct user_additions *add, struct strbuf *sb)
{
    struct field f[PW_FIELDS];
    uint32_t uid = 0, other = 0;
    const struct user_self *self = add->self;
    const char *workdir = is_plain(add->workdir) ? add->workdir : "/";
    if (self && is_plain(self->name) && !find_user(db->passwd, self->name, f, &uid, &other))
        TRY(put_entry(sb, add->entry, self->name, self->ct_uid, self->ct_gid,
                      is_plain(self->gecos) ? self->gecos : self->name, is_plain(self->home) ? self->home : workdir));
    bool is_self = self && parse_id(user, strlen(user), &uid) && uid == self->ct_uid && sb->len > 0;
    if (!is_self && parse_id(user, strlen(user), &uid) && !find_user(db->passwd, user, f, &other, &other)) {
        char name[16];
        (void)snprintf(name, sizeof(name), "%u", uid);
        TRY(put_entry(sb, add->entry, name, uid, gid, "container user", workdir));
    }
    for (const char *line = add->more; line && *line; line = strchr(line, '\n') + 1) {
        AUTO_FREE char *name = NULL;
        TRY(mem_strndup(line, strcspn(line, ":"), &name));
        if (!find_user(db->passwd, name, f, &other, &other))
            TRY(strbuf_printf(sb, "%.*s\n", (int)strcspn(line, "\n"), line));
    }
    return NULL;
}

/* As extend_passwd(), with the user as the only member. */
static struct err *extend_group(const struct user_db *db, const char *group, const char *user,
                                const struct user_additions *add, struct strbuf *sb)
{
    const struct user_self *self = add->self;
    uint32_t gid = 0, other = 0;
    if (self && is_plain(self->group) && !find_group(db->group, self->group, &gid))
        TRY(put_group_entry(sb, add->group_entry, self->group, self->ct_gid, is_plain(self->name) ? self->name : ""));
    bool is_self = self && group && parse_id(group, strlen(group), &gid) && gid == self->ct_gid && sb->len > 0;
    if (!group || is_self || !parse_id(group, strlen(group), &gid) || find_group(db->group, group, &other))
        return NULL;
    char name[16];
    (void)snprintf(name, sizeof(name), "%u", gid);
    return put_group_entry(sb, add->group_entry, name, gid, user);
}

/* `old` with `more` behind it, on a line of its own. */
static struct err *join(const char *old, const struct strbuf *more, char **ret)
{
    if (more->len == 0)
        return NULL;
    size_t len = strlen(old);
    return mem_asprintf(ret, "%s%s%s", old, len && old[len - 1] != '\n' ? "\n" : "", strbuf_str(more));
}

/* What is added comes last, so that no existing entry is hidden. */
struct err *user_db_extend(const struct user_db *db, const char *user, const struct user_additions *add,
                           char **ret_passwd, char **ret_group)
{
    AUTO_FREE char *name = NULL, *group = NULL, *passwd_text = NULL, *group_text = NULL;
    AUTO_STRBUF struct strbuf passwd = STRBUF_INIT, groups = STRBUF_INIT;
    uint32_t gid = 0;
    TRY(split_user(user ? user : "", &name, &group));
    if (group)
        TRY(resolve_group(db, group, &gid));
    TRY(extend_passwd(db, name, gid, add, &passwd));
    TRY(extend_group(db, group, name, add, &groups));
    TRY(join(db->passwd, &passwd, &passwd_text));
    TRY(join(db->group, &groups, &group_text));
    *ret_passwd = TAKE_PTR(passwd_text);
    *ret_group = TAKE_PTR(group_text);
    return NULL;
}
