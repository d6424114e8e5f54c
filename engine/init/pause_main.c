/* coracle-pause: the only process of a pod's infra container.
 *
 * Holds the namespaces that the pod's containers join, and, as the first process of a pid namespace that they share,
 * reaps what is left to it. Ends on SIGTERM or SIGINT. One is there for every running pod, so it does without libc
 * where that is known how: a page of code and one of stack, where libc's start alone takes sixty. Numbers and
 * registers: syscall(2), "Architecture calling conventions".
 */
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define WITHOUT_LIBC 1
static long call(long number, long a, long b, long c, long d)
{
    long ret;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(ret) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return ret;
}
#elif defined(__aarch64__)
#define WITHOUT_LIBC 1
static long call(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory", "cc");
    return x0;
}
#else
#include <unistd.h>
static long call(long number, long a, long b, long c, long d)
{
    return syscall(number, a, b, c, d);
}
#endif

#define BIT(sig) (1UL << ((sig)-1))
#define WAIT_NOHANG 1
#define ANY_CHILD (-1L)

/* The kernel's set of signals, which is one word (sigprocmask(2), "C library/kernel differences"). What is waited for
 * is blocked, or a first process of a pid namespace would not get it at all (pid_namespaces(7)). */
static void hold(void)
{
    static const unsigned long awaited = BIT(SIGCHLD) | BIT(SIGTERM) | BIT(SIGINT);
    long set = (long)&awaited, size = (long)sizeof(awaited), sig;
    (void)call(SYS_rt_sigprocmask, SIG_BLOCK, set, 0, size);
    do {
        sig = call(SYS_rt_sigtimedwait, set, 0, 0, size);
        while (sig == SIGCHLD && call(SYS_wait4, ANY_CHILD, 0, WAIT_NOHANG, 0) > 0)
            ;
    } while (sig != SIGTERM && sig != SIGINT);
}

#ifdef WITHOUT_LIBC
void _start(void);
__attribute__((noreturn)) void _start(void)
{
    hold();
    for (;;)
        (void)call(SYS_exit_group, 0, 0, 0, 0);
}
#else
int main(void)
{
    hold();
    return 0;
}
#endif
