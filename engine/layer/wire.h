/* Between layer.c, in whoever asks, and main.c, in coracle-layer: one verb per process, options as "key=value"
 * arguments, descriptors at fixed numbers, and one answer on the socket: an outcome (err_send), and after success a
 * struct layer_result. Both ends come from one build. */
#pragma once

enum wire_fd {
    WIRE_RESULT = 3,  /* socket */
    WIRE_ARCHIVE = 4, /* read (unpack, extract) or written (pack) */
    WIRE_DIR = 5,
    WIRE_COPY = 6, /* optional; where recode writes */
    WIRE_END = 7,  /* nothing from here on */
};

#define WIRE_HELPER "coracle-layer"

/* `coracle-layer serve` (starter.h) has a socket of messages (base/msg.h) as WIRE_RESULT, and nothing else:
 *
 *   WIRE_JOB      arguments, each with its NUL; the descriptors for WIRE_RESULT and on
 *   WIRE_STARTED  int32: the child's pid, with its pidfd; or a negative errno */
#define WIRE_SERVE "serve"
enum wire_message { WIRE_JOB = 1, WIRE_STARTED };
