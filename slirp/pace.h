/* How quickly a TCP socket sends: for connections that don't leave this machine. */
#pragma once

/* The host's congestion control may be one that measures the wire and sends at a pace of its own (BBR); here there is
 * nothing to be measured. What the socket accepts has it too. It only helps, so it cannot fail. tcp(7), TCP_CONGESTION.
 */
void pace_disable(int fd);
