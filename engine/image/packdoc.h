/* What a packed image says about itself: the end of its file. Computes only; the file is hostile.
 *
 *     squashfs, padded to 4096 bytes            what any program that knows squashfs mounts
 *     JSON document                             names, manifest, config, as texts
 *     PACKDOC_TAIL_LEN bytes                    "coracle-packed-1 OFFSET LENGTH SHA256-OF-THE-DOCUMENT", spaces, "\n"
 *
 * OFFSET and LENGTH (decimal) say where the document is. squashfs knows its own length, so nothing disturbs it.
 */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/strv.h"
#include "engine/store/digest.h"

#define PACKDOC_TAIL_LEN 128
#define PACKDOC_MAX_BYTES ((size_t)16 << 20) /* JSON_MAX_BYTES */

struct packdoc_tail {
    uint64_t offset, len; /* of the document; together with the tail they make the rest of the file */
    struct digest digest;
};
/* `file_bytes`: the length of the whole file. ERR_INVALID: it is no packed image. */
struct err *packdoc_tail_parse(const char tail[PACKDOC_TAIL_LEN], uint64_t file_bytes,
                               struct packdoc_tail *ret) ERR_RESULT;
struct err *packdoc_tail_text(const struct packdoc_tail *t, char ret[PACKDOC_TAIL_LEN]) ERR_RESULT;

struct packdoc {
    char *manifest, *config; /* the documents, byte for byte */
    char *media_type;        /* of the manifest */
    char *digest;            /* that users know the image by */
    struct strv names;
    uint64_t size_bytes; /* of the image, as listings show it */
};
void packdoc_done(struct packdoc *d);
#define AUTO_PACKDOC __attribute__((cleanup(packdoc_done)))
struct err *packdoc_parse(const char *text, size_t len, struct packdoc *ret) ERR_RESULT;
struct err *packdoc_text(const struct packdoc *d, char **ret) ERR_RESULT;
