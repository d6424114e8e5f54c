/* Flags of verbs that sign, and the passphrases that they need. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"
#include "engine/image/image.h"

struct signing_flags {
    const char *sign_by, *sigstore_key, *sigstore_params, *passphrase_file;
    bool remove; /* signatures that are there */
};
/* Entries of a verb's table; `at` is the offset of its struct signing_flags. */
#define SIGNING_FLAGS(at)                                                                    \
    {"sign-by", 0, CLI_STRING, .offset = (at) + offsetof(struct signing_flags, sign_by),     \
     .help = "Add a signature at the destination using the specified key"},                  \
        {"sign-by-sigstore",                                                                 \
         0,                                                                                  \
         CLI_STRING,                                                                         \
         CLI_COMPLETE_FILE,                                                                  \
         .arg = "PATH",                                                                      \
         .offset = (at) + offsetof(struct signing_flags, sigstore_params),                   \
         .help = "Sign the image using a sigstore parameter file at PATH"},                  \
        {"sign-by-sigstore-private-key",                                                     \
         0,                                                                                  \
         CLI_STRING,                                                                         \
         CLI_COMPLETE_FILE,                                                                  \
         .arg = "PATH",                                                                      \
         .offset = (at) + offsetof(struct signing_flags, sigstore_key),                      \
         .help = "Sign the image using a sigstore private key at PATH"},                     \
    {                                                                                        \
        "sign-passphrase-file", 0, CLI_STRING, CLI_COMPLETE_FILE,                            \
            .arg = "PATH", .offset = (at) + offsetof(struct signing_flags, passphrase_file), \
            .help = "Read a passphrase for signing an image from PATH"                       \
    }

/* What the flags come to. Call it before cli_engine(): GPG's agent belongs to the user outside of the session. */
struct signing {
    struct image_signing image;
    char *passphrase; /* owned; wiped by signing_done() */
};
struct err *signing_take(const struct signing_flags *f, struct signing *ret) ERR_RESULT;
void signing_done(struct signing *s);
#define AUTO_SIGNING __attribute__((cleanup(signing_done)))
/* coracle-trust, as signer for GPG. */
struct err *signing_start_gpg(struct trust **ret) ERR_RESULT;
