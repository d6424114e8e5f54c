/* coracle-registry: talks to registries. Started by registry.c only; see wire.h, serve.h and confine.h. */
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/registry/confine.h"
#include "engine/registry/serve.h"
#include "engine/registry/wire.h"

/* The C library loads the modules of nsswitch.conf when a name is resolved for the first time. */
static void load_resolver(void)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    if (getaddrinfo("localhost", "443", &hints, &found) == 0)
        freeaddrinfo(found);
}

static struct err *run(struct serve *s)
{
    (void)signal(SIGPIPE, SIG_IGN);
    fd_survive_size_limit();
    fd_close_from(WIRE_END);
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        return ERR_NEW(ERR_INTERNAL, "curl cannot be initialised");
    TRY(serve_init(s, WIRE_SOCKET));
    load_resolver();
    TRY(confine_process());
    return serve_run(s);
}

int main(void)
{
    struct serve s = {.sock = -1};
    if (fcntl(WIRE_SOCKET, F_GETFD) < 0) {
        static const char usage[] = "coracle-registry is started by coracle and is of no use alone\n";
        return write(STDERR_FILENO, usage, sizeof(usage) - 1) < 0 ? 126 : 125;
    }
    AUTO_ERR struct err *e = run(&s);
    if (e)
        log_write(LOG_LEVEL_ERROR, WIRE_HELPER ": %s", err_text(e));
    serve_done(&s);
    int code = e ? 1 : 0;
    err_freep(&e);
    /* Not exit(): nothing is buffered, and LeakSanitizer could not do its work behind the seccomp filter. */
    _exit(code);
}
