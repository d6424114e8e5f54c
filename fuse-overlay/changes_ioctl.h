/* The ioctl(2) by which a mount of coracle-overlay tells which directories were changed since it was mounted.
 *
 * On any open directory of the mount. Begin with from = 0; add `count` to `from` for the next part, until count is 0.
 * Paths are those of the merged tree, "/" for its top, at the time of the change; a directory above may have been
 * renamed since, and is then listed itself. What changed in a directory is found by looking at it in the upper
 * directory alone. */
#pragma once

#include <stdint.h>
#include <sys/ioctl.h>

#define CHANGES_PART 8176

struct changes_part {
    uint64_t from;            /* in */
    uint32_t count;           /* paths in this part */
    uint32_t is_incomplete;   /* memory was out: walk the upper directory instead */
    char paths[CHANGES_PART]; /* each ends in NUL */
};

#define CHANGES_READ _IOWR(0xC0, 1, struct changes_part)
