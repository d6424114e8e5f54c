#include "cli/absent.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"

bool absent_verb(const char *group, const char *word, const char **ret_why)
{
    static const struct {
        const char *group, *word, *why;
    } absent[] = {
        {"", "auto-update", NULL},
        {"", "build", NULL},
        {"", "compose", NULL},
        {"", "farm", NULL},
        {"", "generate", NULL},
        {"", "kube", NULL},
        {"", "machine", "containers run on this machine's own kernel, in no virtual machine"},
        {"", "play", NULL},
        {"", "podmansh", "a login shell in a container is one line in the shell's own profile"},
        {"", "quadlet", NULL},
        {"image", "build", NULL},
        {"system", "service", NULL}, /* there is a verb to say so, with its flags */
    };
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        if (strcmp(absent[i].group, group) != 0 || strcmp(absent[i].word, word) != 0)
            continue;
        *ret_why = absent[i].why;
        return true;
    }
    return false;
}
