#include "slirp/run.h"

#include "slirp/port.h"
#include "slirp/sandbox.h"
#include "slirp/stack.h"

struct err *slirp_run(struct slirp *s, const struct device *device)
{
    s->device = device;
    TRY_WRAP(sandbox_enter(), "confine the network process");
    TRY(stack_new(&s->config, device, &s->stack));
    s->hostfwd.stack = s->stack;
    TRY_WRAP(sandbox_filter(), "confine the network process");
    return slirp_serve(s);
}

void slirp_done(struct slirp *s)
{
    hostfwd_done(&s->hostfwd);
    port_free(s->port);
    stack_free(s->stack);
    loop_freep(&s->loop);
    s->stack = NULL;
    s->port = NULL;
}
