/* Put one layer on top of a directory tree, as a union file system would show it: for hosts without overlay.
 *
 * Understands each way in which a layer can say "deleted" or "hides what is below": .wh. names and .wh..wh..opq (the
 * OCI image layer specification), 0/0 character devices and the opaque and whiteout attributes of overlayfs.rst.
 * Private to engine/storage.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* How file contents get there. */
enum apply_how {
    APPLY_COPY, /* reflinks where the file system has them, else copies: the result may be written to */
    APPLY_LINK, /* hard links to the layer's own files: only for trees that nobody can write to, since writing to such
                   a file would change the layer */
};

/* Both directories on the same file system for APPLY_LINK. Never follows links in either. */
struct err *apply_layer(int layer_dirfd, int to_dirfd, enum apply_how how) ERR_RESULT;
