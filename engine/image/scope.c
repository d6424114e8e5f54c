#include "engine/image/scope.h"

#include <string.h>

#include "base/mem.h"
#include "engine/image/reference.h"

/* Prefixes that end before a slash, longest first; `min` is where the shortest may end. */
static struct err *add_parents(const char *name, size_t min, struct strv *ret)
{
    for (size_t len = strlen(name); len > min;) {
        do {
            len--;
        } while (len > min && name[len] != '/');
        if (name[len] == '/' && len > 0)
            TRY(strv_addf(ret, "%.*s", (int)len, name));
    }
    return NULL;
}

struct err *scope_list_docker(const char *full_name, struct strv *ret)
{
    AUTO_FREE char *repository = NULL;
    TRY(reference_repository(full_name, &repository));
    TRY(strv_add(ret, full_name));
    if (strcmp(repository, full_name) != 0)
        TRY(strv_add(ret, repository));
    TRY(add_parents(repository, 0, ret));
    size_t host = strcspn(repository, "/:");
    for (const char *dot = memchr(repository, '.', host); dot;) {
        TRY(strv_addf(ret, "*%.*s", (int)(host - (size_t)(dot - repository)), dot));
        size_t left = host - (size_t)(dot + 1 - repository);
        dot = memchr(dot + 1, '.', left);
    }
    return NULL;
}

struct err *scope_list_path(const char *path, struct strv *ret)
{
    TRY(strv_add(ret, path));
    return add_parents(path, 0, ret);
}
