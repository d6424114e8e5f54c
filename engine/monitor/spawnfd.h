/* Descriptor numbers in a freshly started coracle-monitor. */
#pragma once

#define SPAWN_FD_CONTROL 3
#define SPAWN_FD_SESSION_LOCK 4 /* kept open, never looked at, except to hand it to a new holder */
#define SPAWN_FD_STDIO 5        /* three of them: log driver passthrough */
#define SPAWN_FD_PRESERVE 8     /* plan.preserve_fds of them */
