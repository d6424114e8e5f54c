#include "slirp/netns.h"

#include "slirp/netns_visit.h"

struct netns_work {
    const struct netns_opts *opts;
    struct device device;
};

static struct err *netns_work(int netns_fd, void *arg)
{
    struct netns_work *w = arg;
    TRY(device_open(w->opts->config, netns_fd, &w->device));
    return w->opts->inside ? w->opts->inside(w->opts->inside_arg) : NULL;
}

struct err *netns_setup(const struct netns_opts *opts, struct device *ret_device, int *ret_netns)
{
    struct netns_work w = {.opts = opts, .device = DEVICE_INIT};
    const struct netns_visit v = {
        .netns_fd = opts->netns_fd, .userns_fd = opts->userns_fd, .work = netns_work, .arg = &w};
    struct err *e = netns_visit(&v, ret_netns);
    if (e)
        device_close(&w.device);
    else
        *ret_device = w.device;
    return e;
}
