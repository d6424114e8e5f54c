#include "fuse-overlay/occupy.h"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>

#define OCCUPY_QUIET_NSEC 200000  /* without a request: nobody is waiting any more */
#define OCCUPY_GAP_NSEC 5000      /* somebody else was on this processor */
#define OCCUPY_WANTED_NSEC 500000 /* and had work to do */
#define OCCUPY_WINDOW 64          /* requests, of which … */
#define OCCUPY_GAPS_MAX 16        /* … so many may have interrupted */

static uint64_t now_nsec(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static bool occupy_pin(int cpu)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    return sched_setaffinity(0, sizeof(set), &set) == 0;
}

/* True: disturbed. */
static bool occupy_burn(struct occupy *o)
{
    unsigned seen = atomic_load(&o->requests), window = seen, gaps = 0;
    uint64_t last = now_nsec(), since = last;
    while (atomic_load_explicit(&o->is_on, memory_order_relaxed)) {
        for (int i = 0; i < 16; i++) {
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#elif defined(__aarch64__)
            __asm__ volatile("yield");
#endif
        }
        uint64_t now = now_nsec();
        if (now - last > OCCUPY_WANTED_NSEC)
            return true;
        gaps += now - last > OCCUPY_GAP_NSEC;
        last = now;
        unsigned count = atomic_load_explicit(&o->requests, memory_order_relaxed);
        if (count != seen)
            since = now;
        else if (now - since > OCCUPY_QUIET_NSEC)
            return false;
        seen = count;
        if (count - window < OCCUPY_WINDOW)
            continue;
        if (gaps > OCCUPY_GAPS_MAX)
            return true;
        window = count;
        gaps = 0;
    }
    return false;
}

static void *occupy_run(void *arg)
{
    struct occupy *o = arg;
    bool is_lowest = setpriority(PRIO_PROCESS, 0, 19) == 0;
    pthread_mutex_lock(&o->lock);
    while (!o->is_leaving) {
        if (!o->is_wanted) {
            pthread_cond_wait(&o->changed, &o->lock);
            continue;
        }
        int cpu = o->cpu;
        o->is_wanted = false;
        pthread_mutex_unlock(&o->lock);
        bool disturbed = !is_lowest || !occupy_pin(cpu) || occupy_burn(o);
        if (disturbed)
            atomic_store(&o->is_disturbed, true);
        atomic_store(&o->is_on, false);
        pthread_mutex_lock(&o->lock);
    }
    pthread_mutex_unlock(&o->lock);
    return NULL;
}

void occupy_init(struct occupy *o)
{
    *o = (struct occupy){.cpu = -1};
    (void)pthread_mutex_init(&o->lock, NULL);
    (void)pthread_cond_init(&o->changed, NULL);
}

void occupy_done(struct occupy *o)
{
    pthread_mutex_lock(&o->lock);
    bool started = o->is_started;
    o->is_leaving = true;
    pthread_cond_signal(&o->changed);
    pthread_mutex_unlock(&o->lock);
    occupy_end(o);
    if (started)
        (void)pthread_join(o->thread, NULL);
    (void)pthread_cond_destroy(&o->changed);
    (void)pthread_mutex_destroy(&o->lock);
}

/* The processor besides `cpu` among those that this process may use; -1: there are not just two. */
static int occupy_other(const cpu_set_t *set, int cpu)
{
    if (CPU_COUNT(set) != 2 || !CPU_ISSET((size_t)cpu, set))
        return -1;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (i != cpu && CPU_ISSET((size_t)i, set))
            return i;
    }
    return -1;
}

bool occupy_begin(struct occupy *o)
{
    cpu_set_t set;
    int cpu = sched_getcpu();
    if (cpu < 0 || sched_getaffinity(0, sizeof(set), &set) < 0 || sched_getscheduler(0) != SCHED_OTHER)
        return false;
    int other = occupy_other(&set, cpu);
    if (other < 0)
        return false;
    pthread_mutex_lock(&o->lock);
    if (!o->is_started)
        o->is_started = pthread_create(&o->thread, NULL, occupy_run, o) == 0;
    bool ok = o->is_started && !o->is_leaving;
    if (ok) {
        o->cpu = cpu;
        o->is_wanted = true;
        atomic_store(&o->is_disturbed, false);
        atomic_store(&o->is_on, true);
        pthread_cond_signal(&o->changed);
    }
    pthread_mutex_unlock(&o->lock);
    /* Only for a moment: from there the kernel has no reason to take it away, but may. */
    if (ok && occupy_pin(other))
        (void)sched_setaffinity(0, sizeof(set), &set);
    return ok;
}

void occupy_end(struct occupy *o)
{
    atomic_store(&o->is_on, false);
}

bool occupy_request(struct occupy *o, bool *ret_disturbed)
{
    (void)atomic_fetch_add_explicit(&o->requests, 1, memory_order_relaxed);
    *ret_disturbed = atomic_load_explicit(&o->is_disturbed, memory_order_relaxed);
    return atomic_load_explicit(&o->is_on, memory_order_relaxed);
}
