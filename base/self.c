#include "base/self.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define SELF_EXE "/proc/self/exe"

/* Is this path the file that runs? Where /proc doesn't show that one, nobody knows better. */
static bool self_is(const char *path)
{
    struct stat it, own;
    if (stat(path, &it) < 0)
        return false;
    return stat(SELF_EXE, &own) < 0 || (it.st_dev == own.st_dev && it.st_ino == own.st_ino);
}

/* The link is right unless the mount that it goes through has been let go of with its namespace: then it is the path
 * from there, "/coracle" for /opt/b/coracle on a mount at /opt/b. What execve(2) was given is still true then
 * (getauxval(3), AT_EXECFN), as far as it leads to the same file. Under valgrind the file is valgrind's own, but it
 * makes the link and that word name the program. */
struct err *self_path(char **ret)
{
    char link[PATH_MAX], real[PATH_MAX];
    ssize_t n = readlink(SELF_EXE, link, sizeof(link) - 1);
    link[n > 0 ? n : 0] = '\0';
    if (link[0] == '/' && self_is(link))
        return mem_strdup(link, ret);
    const char *given = (const char *)getauxval(AT_EXECFN); /* NOLINT: a pointer as the kernel hands it over */
    if (given && realpath(given, real) && (strcmp(real, link) == 0 || self_is(real)))
        return mem_strdup(real, ret);
    return ERR_NEW(ERR_NOT_FOUND, "nothing says where this program is: is /proc mounted?");
}
