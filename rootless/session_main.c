/* coracle-session: makes and holds a user's namespaces. Started by coracle, never by hand; see session.h. */
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/fd.h"
#include "base/mem.h"
#include "rootless/holder.h"
#include "rootless/starter.h"
#include "userns/subid.h"

/* A name service that does not answer must not keep a session from starting: SIGALRM ends this process then. */
#define RANGES_SEC 10
#define START_READY 4

static struct err *main_print_ranges(const char *user)
{
    AUTO_SUBID_RANGES struct subid_ranges ranges = {0};
    AUTO_FREE char *text = NULL;
    (void)alarm(RANGES_SEC);
    const struct passwd *pw = user ? getpwnam(user) : getpwuid(getuid());
    struct subid_owner owner = {.name = user, .uid = user ? (uid_t)-1 : getuid()};
    if (pw) {
        owner.name = pw->pw_name;
        owner.uid = pw->pw_uid;
    }
    TRY(subid_lookup(&owner, &ranges));
    TRY(subid_ranges_text(&ranges, &text));
    return fd_write_all(STDOUT_FILENO, text, strlen(text));
}

static struct err *main_start(const char *dir, const char *root)
{
    struct err *e = starter_run(dir, root);
    if (e) /* success is the holder's to report */
        err_drop(err_send(START_READY, e));
    return e;
}

static struct err *main_run(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "--print-ranges") == 0 && argc <= 3)
        return main_print_ranges(argc == 3 ? argv[2] : NULL);
    bool has_dir = argc >= 4 && strcmp(argv[2], "--dir") == 0;
    if (strcmp(mode, "--start") == 0 && argc == 6 && has_dir && strcmp(argv[4], "--root") == 0)
        return main_start(argv[3], argv[5]);
    if (strcmp(mode, "--hold") == 0 && argc == 4 && has_dir)
        return holder_main_hold(argv[3]);
    if (strcmp(mode, "--adopt") == 0 && argc == 4 && has_dir)
        return holder_main_adopt(argv[3]);
    return ERR_NEW(ERR_INVALID, "coracle starts this program; it has no use of its own (--print-ranges [USER] prints "
                                "subordinate ids)");
}

int main(int argc, char **argv)
{
    fault_from_env();
    fd_survive_size_limit();
    AUTO_ERR struct err *e = main_run(argc, argv);
    if (!e)
        return 0;
    (void)fprintf(stderr, "coracle-session: %s\n", err_text(e));
    return err_exit_code(e);
}
