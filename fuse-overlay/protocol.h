/* What the kernel can and libfuse 3.14 does not know yet, on the level of messages.
 *
 *  - FUSE_HANDLE_KILLPRIV_V2 (5.12): we take set-user-id bits away where the kernel asks for it, so that it need not
 * ask for a file's capabilities before each write. The flag is added to libfuse's answer to INIT; where it is asked for
 * is read from the request before libfuse gets it.
 *  - FUSE_TMPFILE (6.1): O_TMPFILE.
 * Source: include/uapi/linux/fuse.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "fuse-overlay/overlay.h"

#define PROTOCOL_DIRECT_MINOR 39 /* Linux 6.6 */

struct protocol {
    uint64_t init_unique; /* of the INIT request, 0: seen and answered */
    uint32_t init_flags;  /* what the kernel offers */
    bool has_direct;      /* its writes past the page cache are seen by others */
};

/* Look at a request, before libfuse does. True: it was answered. */
bool protocol_request(struct overlay *fs, int fd, const void *buf, size_t len);
/* Does the request at hand (of this thread) ask for set-user-id bits to go? */
bool protocol_kill_suid(void);
/* Memory of this thread for the answer at hand, so that large ones need not be allocated each time. */
void protocol_set_scratch(char *buf, size_t size);
char *protocol_scratch(size_t *ret_size);
/* What comes before the data of a WRITE. */
size_t protocol_write_header(void);
/* Is it a request that may take long, so that another thread should read the next one meanwhile? */
bool protocol_may_block(const void *buf, size_t len);
/* Or one that copies so much data that another processor should help where there is more of it? */
bool protocol_is_large(const void *buf, size_t len);
bool protocol_is_large_read(const void *buf, size_t len);
/* Or one whose answer, if it has any, nobody waits for? */
bool protocol_is_unawaited(const void *buf, size_t len);
/* How libfuse writes its answers: `userdata` is the struct overlay. */
ssize_t protocol_writev(int fd, struct iovec *iov, int count, void *userdata);
ssize_t protocol_read(int fd, void *buf, size_t len, void *userdata);
