/* What `coracle run coracle/hello` runs: says hello, and what a container sees of the world. Static, no options. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The name of the user in the image's /etc/passwd, read by hand: libc's functions need more than a static program has.
 */
static const char *user_name(uid_t uid)
{
    static char name[64];
    unsigned found;
    FILE *f = fopen("/etc/passwd", "re");
    if (!f)
        return NULL;
    char line[256];
    const char *result = NULL;
    while (!result && fgets(line, sizeof line, f))
        if (sscanf(line, "%63[^:]:%*[^:]:%u:", name, &found) == 2 && found == uid)
            result = name;
    fclose(f);
    return result;
}

/* Who owns this process outside: the user namespace's map of its id, or -1. */
static long outside_uid(uid_t uid)
{
    FILE *f = fopen("/proc/self/uid_map", "re");
    if (!f)
        return -1;
    unsigned long inside, outside, count;
    long result = -1;
    while (result < 0 && fscanf(f, "%lu %lu %lu", &inside, &outside, &count) == 3)
        if (uid >= inside && uid - inside < count)
            result = (long)(outside + (uid - inside));
    fclose(f);
    return result;
}

int main(void)
{
    struct utsname un;
    uid_t uid = getuid();
    const char *name = user_name(uid);
    if (uname(&un) < 0)
        return EXIT_FAILURE;
    printf("Hello from a coracle!\n\n");
    printf("This program runs in a container:\n");
    printf("  user      %s (%u)\n", name ? name : "without a name", (unsigned)uid);
    printf("  hostname  %s\n", un.nodename);
    printf("  kernel    %s %s %s\n", un.sysname, un.release, un.machine);
    printf("  process   %ld\n", (long)getpid());
    if (outside_uid(uid) > 0 && uid == 0)
        printf("It is root in here, and user %ld of the namespace around it: an ordinary user.\n", outside_uid(uid));
    printf("\nTo look around in a container, try:\n  coracle run -it --rm coracle/busybox sh\n");
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
