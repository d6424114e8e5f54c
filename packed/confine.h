/* Giving up everything but the two descriptors: the image and the device. Private to coracle-packed. */
#pragma once

#include "base/err.h"

/* A mount namespace of its own with nothing in it, so that this process keeps no mount alive: least of all the one that
 * it serves, whose end is how it knows that nobody needs it. */
struct err *confine_leave_mounts(void) ERR_RESULT;
/* No capabilities, no new privileges, an empty root, and few system calls: whatever the image makes of this process,
 * it can read that image, answer the kernel, and end. */
struct err *confine_forever(void) ERR_RESULT;
