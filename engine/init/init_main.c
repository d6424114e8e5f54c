/* coracle-init: the first process of a container with --init.
 *
 *     coracle-init -- COMMAND [ARG...]
 *
 * Runs the command as its child, passes every signal on to it, reaps whatever is left to it, and ends as the command
 * ended. Bound into the container's root by the runtime, so it is static and knows nothing of coracle.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Signals that are about this process itself; everything else is forwarded. */
static const int own_signals[] = {SIGCHLD, SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};

static void run_command(char **argv, const sigset_t *mask)
{
    /* A process group of its own that owns the terminal, so that Ctrl-C reaches the command's children as well. */
    if (setpgid(0, 0) == 0)
        tcsetpgrp(STDIN_FILENO, getpid());
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(argv[0], argv);
    int saved = errno;
    fprintf(stderr, "coracle-init: %s: %s\n", argv[0], strerror(saved));
    _exit(saved == ENOENT ? 127 : 126);
}

static int exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Reap all that has ended; true when the command has. */
static int reap(pid_t command, int *ret_code)
{
    int status, ended = 0;
    for (;;) {
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid <= 0)
            return ended;
        if (pid == command) {
            *ret_code = exit_code(status);
            ended = 1;
        }
    }
}

static int supervise(pid_t command, const sigset_t *all)
{
    int code = 0;
    for (;;) {
        siginfo_t info;
        int sig = sigwaitinfo(all, &info);
        if (sig < 0)
            continue;
        if (sig != SIGCHLD)
            kill(command, sig);
        else if (reap(command, &code))
            return code;
    }
}

int main(int argc, char **argv)
{
    sigset_t all, before;
    int first = argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
    if (first >= argc) {
        fprintf(stderr, "usage: coracle-init -- COMMAND [ARG...]\n");
        return 2;
    }
    sigfillset(&all);
    for (size_t i = 1; i < sizeof(own_signals) / sizeof(own_signals[0]); i++)
        sigdelset(&all, own_signals[i]);
    sigprocmask(SIG_BLOCK, &all, &before);
    signal(SIGTTOU, SIG_IGN); /* tcsetpgrp from the background */
    pid_t command = fork();
    if (command < 0) {
        perror("coracle-init: fork");
        return 125;
    }
    if (command == 0)
        run_command(argv + first, &before);
    return supervise(command, &all);
}
