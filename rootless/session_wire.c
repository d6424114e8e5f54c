/* The hello: a fixed head, the ranges of both maps, the root path, the notice. Native byte order: both ends run on one
 * machine. It is decoded as if it were hostile all the same. */
#include "rootless/session_wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"

#define HELLO_MAGIC 0x6f726f63u
#define HELLO_VERSION 1
#define HELLO_TEXT_MAX 8192

struct hello_head {
    uint32_t magic;
    uint32_t version;
    uint64_t digest;
    uint64_t idle_nsec;
    uint32_t flags;
    uint32_t host_uid;
    uint32_t host_gid;
    uint32_t n_uids;
    uint32_t n_gids;
    uint32_t root_len;
    uint32_t notice_len;
    uint32_t pad;
};

void session_hello_done(struct session_hello *h)
{
    idmap_done(&h->uids);
    idmap_done(&h->gids);
    free(h->root);
    free(h->notice);
    *h = (struct session_hello){0};
}

struct err *session_hello_encode(const struct session_hello *h, struct strbuf *ret)
{
    struct hello_head head = {
        .magic = HELLO_MAGIC,
        .version = HELLO_VERSION,
        .digest = h->digest,
        .idle_nsec = h->idle_nsec,
        .flags = h->flags,
        .host_uid = h->host_uid,
        .host_gid = h->host_gid,
        .n_uids = (uint32_t)h->uids.count,
        .n_gids = (uint32_t)h->gids.count,
        .root_len = (uint32_t)strlen(h->root),
        .notice_len = h->notice ? (uint32_t)strlen(h->notice) : 0,
    };
    if (head.root_len > HELLO_TEXT_MAX || head.notice_len > HELLO_TEXT_MAX)
        return ERR_NEW(ERR_INVALID, "the path of the data directory is too long");
    AUTO_STRBUF struct strbuf sb = STRBUF_INIT;
    TRY(strbuf_add(&sb, &head, sizeof(head)));
    TRY(strbuf_add(&sb, h->uids.ranges, h->uids.count * sizeof(*h->uids.ranges)));
    TRY(strbuf_add(&sb, h->gids.ranges, h->gids.count * sizeof(*h->gids.ranges)));
    TRY(strbuf_add(&sb, h->root, head.root_len));
    TRY(strbuf_add(&sb, h->notice, head.notice_len));
    *ret = sb;
    sb = (struct strbuf)STRBUF_INIT;
    return NULL;
}

/* Ranges one by one through idmap_add, which checks them. */
static struct err *hello_decode_map(const char **at, uint32_t n, struct idmap *ret)
{
    for (uint32_t i = 0; i < n; i++) {
        struct idmap_range r;
        memcpy(&r, *at, sizeof(r));
        *at += sizeof(r);
        TRY(idmap_add(ret, r.ct, r.host, r.count));
    }
    return NULL;
}

static struct err *hello_decode_body(const struct hello_head *head, const char *at, struct session_hello *h)
{
    TRY(hello_decode_map(&at, head->n_uids, &h->uids));
    TRY(hello_decode_map(&at, head->n_gids, &h->gids));
    if (memchr(at, 0, head->root_len) || memchr(at + head->root_len, 0, head->notice_len))
        return ERR_NEW(ERR_CORRUPT, "a text has a NUL byte");
    TRY(mem_strndup(at, head->root_len, &h->root));
    if (head->notice_len)
        TRY(mem_strndup(at + head->root_len, head->notice_len, &h->notice));
    return NULL;
}

struct err *session_hello_decode(const void *data, size_t len, struct session_hello *ret)
{
    struct hello_head head;
    if (len < sizeof(head))
        return ERR_NEW(ERR_CORRUPT, "the session's description has %zu bytes", len);
    memcpy(&head, data, sizeof(head));
    if (head.magic != HELLO_MAGIC || head.version != HELLO_VERSION)
        return ERR_NEW(ERR_UNSUPPORTED, "the session was started by another version of coracle");
    bool fits = head.n_uids > 0 && head.n_uids <= IDMAP_MAX && head.n_gids > 0 && head.n_gids <= IDMAP_MAX &&
                head.root_len > 0 && head.root_len <= HELLO_TEXT_MAX && head.notice_len <= HELLO_TEXT_MAX;
    size_t ranges = fits ? ((size_t)head.n_uids + head.n_gids) * sizeof(struct idmap_range) : 0;
    if (!fits || len != sizeof(head) + ranges + head.root_len + head.notice_len)
        return ERR_NEW(ERR_CORRUPT, "the session's description does not add up");
    AUTO_HELLO struct session_hello h = {
        .flags = head.flags,
        .host_uid = head.host_uid,
        .host_gid = head.host_gid,
        .digest = head.digest,
        .idle_nsec = head.idle_nsec,
    };
    TRY_WRAP(hello_decode_body(&head, (const char *)data + sizeof(head), &h), "the session's description");
    *ret = h;
    h = (struct session_hello){0};
    return NULL;
}

void session_hello_set_digest(void *data, uint64_t digest, bool stale)
{
    struct hello_head head;
    memcpy(&head, data, sizeof(head));
    head.digest = digest;
    if (stale)
        head.flags |= SESSION_STALE;
    memcpy(data, &head, sizeof(head));
}

/* FNV-1a, 64 bits. */
static uint64_t digest_mix(uint64_t digest, uint64_t value)
{
    for (unsigned i = 0; i < sizeof(value); i++)
        digest = (digest ^ (value >> (8 * i) & 0xff)) * 0x100000001b3u;
    return digest;
}

uint64_t session_sources_digest(void)
{
    static const char *const sources[] = {"/etc/subuid", "/etc/subgid", "/etc/nsswitch.conf"};
    uint64_t digest = 0xcbf29ce484222325u;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        struct stat st;
        if (stat(sources[i], &st) < 0)
            continue;
        digest = digest_mix(digest, i + 1);
        digest = digest_mix(digest, st.st_ino);
        digest = digest_mix(digest, (uint64_t)st.st_size);
        digest = digest_mix(digest, (uint64_t)st.st_mtim.tv_sec);
        digest = digest_mix(digest, (uint64_t)st.st_mtim.tv_nsec);
        digest = digest_mix(digest, (uint64_t)st.st_ctim.tv_nsec);
    }
    return digest;
}
