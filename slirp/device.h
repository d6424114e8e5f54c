/* The container's network interface, seen from outside: a descriptor from which its frames are read and to which frames
 * for it are written. One end of a veth pair with a packet socket on it, whose other end's namespace takes care of TCP
 * (gateway.h); or a tap device where that cannot be, or the interface is not ours to configure; or veth without a
 * gateway, where /dev/net/tun is missing or refused. Both speak the same: an Ethernet frame behind a struct
 * virtio_net_hdr, by which checksums and segmentation can be left to the other side. */
#pragma once

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "slirp/config.h"
#include "slirp/gateway.h"

#define DEVICE_HDR sizeof(struct virtio_net_hdr)
/* Ethernet header, VLAN tag, and the longest packet that IP can express. */
#define DEVICE_FRAME_MAX ((size_t)14 + 4 + 65535)

enum device_kind { DEVICE_TAP, DEVICE_VETH };

struct device {
    int fd;
    enum device_kind kind;
    struct gateway gateway;
};

#define DEVICE_INIT ((struct device){.fd = -1, .gateway = GATEWAY_INIT})

/* Make the interface `config->ifname` in the network namespace that the caller is in, and configure it: lo up, MTU,
 * addresses, routes (unless !config->configure). netns_fd is that namespace: the caller is moved into another one and
 * back where veth is used. ERR_UNSUPPORTED when neither works. */
struct err *device_open(const struct slirp_config *config, int netns_fd, struct device *ret) ERR_RESULT;
void device_close(struct device *d);
/* One frame with its header into buf; 0 when none is waiting, negative errno when the device is gone. Length of both.
 */
ssize_t device_read(const struct device *d, void *buf, size_t cap);
/* `len` bytes of a frame; `checked`: its checksums are right, nobody needs to look. Dropped when there is no room.
 * Negative errno when the device is gone. */
int device_write(const struct device *d, const void *frame, size_t len, bool checked);
