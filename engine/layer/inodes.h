/* Inodes with several links that were packed already, and the name of the first. */
#pragma once

#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"

struct inode {
    dev_t dev;
    ino_t ino;
    char *name; /* owned; NULL: free slot */
};

struct inodes {
    struct inode *slots; /* open addressing; cap is a power of two, at most half of it used */
    size_t cap;
    size_t count;
};

void inodes_done(struct inodes *t);
/* The name under which `st` was seen before, borrowed; NULL, and remembered as `name`, when it is new. */
struct err *inodes_see(struct inodes *t, const struct stat *st, const char *name, const char **ret_first) ERR_RESULT;
