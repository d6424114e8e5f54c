/* Uploading a blob (OCI distribution specification, "Pushing Blobs").
 *
 *   HEAD ──404──► POST ──201──► done: mounted from another repository
 *                  │ 202, Location
 *                  ├─ small ────────────────► PUT ?digest= with the blob        ("monolithic")
 *                  └─ large ─► PATCH … PATCH ► PUT ?digest= with nothing         ("chunked")
 *                                │   ▲
 *                      it breaks off └─ GET Location: how much has come? 204, Range
 *
 * A large blob goes in one PATCH, or in parts where the registry (or a proxy before it) calls that too large. One that
 * has forgotten the upload, or does not tell, is begun anew.
 */
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "engine/registry/serve.h"

#define MONOLITHIC_MAX ((uint64_t)4 << 20)
#define CHUNK_BYTES ((uint64_t)8 << 20)

/* "0-N" or "bytes=0-N": the number of bytes, N + 1. */
static struct err *range_end(const struct op *o, uint64_t *ret)
{
    const char *dash = o->got_range ? strchr(o->got_range, '-') : NULL;
    uint64_t last = 0;
    if (!dash)
        return ERR_NEW(ERR_CORRUPT, "the registry does not say how much has come");
    TRY(number_parse_u64(dash + 1, UINT64_MAX - 1, &last));
    /* Nothing at all is "0-0" as well, by the specification; a byte that is sent twice would be refused. */
    *ret = last == 0 ? 0 : last + 1;
    return *ret <= o->size ? NULL : ERR_NEW(ERR_CORRUPT, "the registry has more of it than there is");
}

static struct err *take_location(struct op *o)
{
    AUTO_FREE char *url = NULL;
    TRY(http_location(o, o->got_location, &url));
    mem_freep(&o->next_url);
    o->next_url = TAKE_PTR(url);
    return NULL;
}

static void begin_anew(struct op *o)
{
    mem_freep(&o->next_url);
    o->done = 0;
    op_step(o, STEP_POST);
}

void upload_begin(struct op *o)
{
    begin_anew(o);
}

bool upload_is_chunked(const struct op *o)
{
    return o->size > MONOLITHIC_MAX || o->chunk_bytes > 0;
}

enum step upload_retry_step(const struct op *o)
{
    return o->verb == REGISTRY_PUT_BLOB && o->next_url && upload_is_chunked(o) ? STEP_STATUS : STEP_MAIN;
}

/* What is left of the blob. */
static void go_on(struct op *o)
{
    op_step(o, upload_is_chunked(o) && o->done < o->size ? STEP_PATCH : STEP_PUT);
}

static void posted(struct op *o, long status)
{
    if (status == 201) { /* mounted */
        o->existed = true;
        op_answer(o, NULL);
        return;
    }
    struct err *e = take_location(o);
    o->done = 0;
    if (e)
        op_fail(o, e, false);
    else
        go_on(o);
}

static void patched(struct op *o)
{
    uint64_t has = 0;
    struct err *e = o->got_range ? range_end(o, &has) : NULL;
    if (!e && o->got_range && has > o->from && has < o->done)
        o->done = has; /* it took less than we sent */
    if (!e && o->got_location)
        e = take_location(o);
    if (e)
        op_fail(o, e, false);
    else
        go_on(o);
}

/* The answer to "how much has come?" */
static void told(struct op *o)
{
    struct err *e = range_end(o, &o->done);
    if (!e && o->got_location)
        e = take_location(o);
    if (e) {
        err_drop(e);
        begin_anew(o);
        return;
    }
    if (o->done > o->acknowledged) { /* it goes on */
        o->acknowledged = o->done;
        o->attempts = 0;
    }
    go_on(o);
}

void upload_succeeded(struct op *o, long status)
{
    if (o->step == STEP_POST)
        posted(o, status);
    else if (o->step == STEP_PATCH)
        patched(o);
    else if (o->step == STEP_STATUS)
        told(o);
    else
        op_answer(o, NULL);
}

bool upload_goes_on(struct op *o, long status)
{
    if (o->verb != REGISTRY_PUT_BLOB)
        return false;
    if (status == 413 && (o->step == STEP_PATCH || o->step == STEP_PUT) && !o->chunk_bytes) {
        o->chunk_bytes = CHUNK_BYTES;
        begin_anew(o);
        return true;
    }
    if (o->step == STEP_STATUS && status < 500 && status != 429) { /* it knows nothing of it any more */
        begin_anew(o);
        return true;
    }
    if (o->step == STEP_POST && o->mount_from && status < 500 && status != 429) { /* it does not mount: without, then */
        mem_freep(&o->mount_from);
        begin_anew(o);
        return true;
    }
    return false;
}
