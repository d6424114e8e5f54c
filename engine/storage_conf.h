/* storage.conf: what of containers-storage.conf(5) means something here. Inside the folder. */
#pragma once

#include "base/err.h"
#include "base/strv.h"

struct storage_conf {
    char *file;          /* the one that counts; NULL: there is none */
    char *driver;        /* as it stands there; NULL */
    struct strv options; /* "overlay.mountopt=nodev" */
};
void storage_conf_done(struct storage_conf *c);
#define AUTO_STORAGE_CONF __attribute__((cleanup(storage_conf_done)))

/* $CONTAINERS_STORAGE_CONF, else the user's own, else, for root of the machine or with `system`, the system's: of this
 * an ordinary user takes nothing but the driver, as in Podman, and additional image stores. Only one file counts.
 * ERR_INVALID names file and line. */
struct err *storage_conf_read(bool is_root, bool system, struct storage_conf *ret) ERR_RESULT;
/* Of the options, nothing but the additional image stores. */
void storage_conf_keep_stores(struct storage_conf *c);
