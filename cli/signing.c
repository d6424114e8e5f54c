#include "cli/signing.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "engine/trust/trust.h"

#define LINE_MAX_BYTES 1024

/* From the terminal, unseen; the file is what scripts use. */
static struct err *ask_passphrase(const char *key, char **ret)
{
    struct termios before, silent;
    AUTO_FREE char *prompt = NULL;
    char line[LINE_MAX_BYTES];
    size_t len = 0;
    AUTO_FD int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0 || tcgetattr(tty, &before) < 0)
        return ERR_NEW(ERR_INVALID, "no passphrase for %s: there is no terminal; use --sign-passphrase-file", key);
    TRY(mem_asprintf(&prompt, "Passphrase for %s: ", key));
    TRY(fd_write_all(tty, prompt, strlen(prompt)));
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(tty, TCSAFLUSH, &silent);
    while (len < sizeof line - 1 && read(tty, line + len, 1) == 1 && line[len] != '\n')
        len++;
    (void)tcsetattr(tty, TCSAFLUSH, &before);
    TRY(fd_write_all(tty, "\n", 1));
    struct err *e = mem_strndup(line, len, ret);
    explicit_bzero(line, sizeof line);
    return e;
}

struct err *signing_start_gpg(struct trust **ret)
{
    static const struct trust_opts opts = {.gpg_signer = true};
    return trust_start(&opts, ret);
}

struct err *signing_take(const struct signing_flags *f, struct signing *ret)
{
    bool sigstore = f->sigstore_key || f->sigstore_params;
    if (f->sigstore_key && f->sigstore_params)
        return ERR_NEW(ERR_INVALID, "--sign-by-sigstore and --sign-by-sigstore-private-key cannot be used together");
    if (f->passphrase_file && f->sign_by && f->sigstore_key)
        return ERR_NEW(ERR_INVALID, "--sign-passphrase-file can be for one of --sign-by and "
                                    "--sign-by-sigstore-private-key only");
    if (f->passphrase_file && !f->sign_by && !f->sigstore_key)
        return ERR_NEW(ERR_INVALID, "--sign-passphrase-file is of no use without a key to sign with");
    ret->image = (struct image_signing){.gpg_key = f->sign_by,
                                        .sigstore_key_file = f->sigstore_key,
                                        .sigstore_params = f->sigstore_params,
                                        .replace = f->remove};
    if (f->passphrase_file)
        TRY(image_read_passphrase(f->passphrase_file, &ret->passphrase));
    else if (sigstore && f->sigstore_key)
        TRY(ask_passphrase(f->sigstore_key, &ret->passphrase));
    ret->image.passphrase = ret->passphrase;
    return f->sign_by ? signing_start_gpg(&ret->image.gpg_signer) : NULL;
}

void signing_done(struct signing *s)
{
    trust_stopp(&s->image.gpg_signer);
    if (s->passphrase)
        explicit_bzero(s->passphrase, strlen(s->passphrase));
    mem_freep(&s->passphrase);
}
