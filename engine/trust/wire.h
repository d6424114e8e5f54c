/* Between trust.c and coracle-trust: messages (base/msg.h) on descriptor 3, one question, one answer. Each is JSON in a
 * file that comes with the message, since signatures may be longer than a message.
 *
 *   argv[1]  "confined" or "signer";  argv[2]  the private directory, or nothing
 *   WIRE_QUESTION  {"verb": …, …}
 *   WIRE_ANSWER    {…} or {"kind", "error"}
 */
#pragma once

#include <stddef.h>

#define WIRE_HELPER "coracle-trust"
#define WIRE_SOCKET 3
#define WIRE_END 4
#define WIRE_MAX ((size_t)16 << 20)

enum wire_type { WIRE_QUESTION = 1, WIRE_ANSWER };
