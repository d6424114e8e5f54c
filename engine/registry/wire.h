/* Between registry.c, in whoever asks, and coracle-registry: messages (base/msg.h) on descriptor 3. Both ends come from
 * one build; what came from the network is only ever inside strings of an answer.
 *
 *   WIRE_SETUP    once: a file with JSON: sources, retries, push
 *   WIRE_REQUEST  JSON {id, verb, target, …} with the descriptor(s) to write to or read from
 *   WIRE_ANSWER   JSON {id, …} or {id, kind, error}
 */
#pragma once

#define WIRE_HELPER "coracle-registry"
#define WIRE_SOCKET 3
#define WIRE_END 4

enum wire_type { WIRE_SETUP = 1, WIRE_REQUEST, WIRE_ANSWER };

#define WIRE_SETUP_MAX ((size_t)8 << 20)
#define WIRE_OPS_MAX 64
#define WIRE_SOURCES_MAX 32
