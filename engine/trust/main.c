/* coracle-trust: verifies and makes signatures. Started by trust.c only; see wire.h and confine.h. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "engine/trust/answer.h"
#include "engine/trust/confine.h"
#include "engine/trust/gpg.h"
#include "engine/trust/openssl.h"
#include "engine/trust/wire.h"

static struct err *run(int argc, char **argv)
{
    bool signer = argc > 1 && strcmp(argv[1], "signer") == 0;
    const char *private_dir = argc > 2 ? argv[2] : NULL;
    (void)signal(SIGPIPE, SIG_IGN);
    fd_close_from(WIRE_END);
    /* No configuration files of OpenSSL: they may name modules to load. */
    if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) || sodium_init() < 0)
        return ERR_NEW(ERR_INTERNAL, "the cryptographic libraries cannot be initialised");
    TRY(gpg_prepare());
    if (!signer)
        TRY(confine_process(private_dir));
    return answer_run(WIRE_SOCKET, signer, private_dir);
}

int main(int argc, char **argv)
{
    if (fcntl(WIRE_SOCKET, F_GETFD) < 0) {
        static const char usage[] = "coracle-trust is started by coracle and is of no use alone\n";
        return write(STDERR_FILENO, usage, sizeof(usage) - 1) < 0 ? 126 : 125;
    }
    AUTO_ERR struct err *e = run(argc, argv);
    if (e)
        log_write(LOG_LEVEL_ERROR, WIRE_HELPER ": %s", err_text(e));
    int code = e ? 1 : 0;
    err_freep(&e);
    /* Not exit(): nothing is buffered, and LeakSanitizer could not do its work behind the seccomp filter. */
    _exit(code);
}
