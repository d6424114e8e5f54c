/* containers.conf: what the machine and the user set once for all containers.
 *
 * Read in this order, each over the ones before: /usr/share/containers/containers.conf,
 * /etc/containers/containers.conf, /etc/containers/containers.conf.d/<any>.conf, the user's (below $XDG_CONFIG_HOME or
 * ~/.config) likewise, modules, and $CONTAINERS_CONF_OVERRIDE. $CONTAINERS_CONF stands for all of them but modules and
 * the override. A value replaces the one before, tables within tables member by member; a list with {append=true} goes
 * behind the one before, from then on. Source: containers.conf(5). What the keys mean is the caller's business.
 */
#pragma once

#include "base/json.h"

struct conf;

/* `modules` (may be NULL): files, or names below the directories of modules; ERR_NOT_FOUND when there is none.
 * ERR_INVALID names file and line of what is no TOML; files that are not there, or that this user may not read, are
 * skipped. */
struct err *conf_load(const struct strv *modules, struct conf **ret) ERR_RESULT;
/* One document over what is there; *conf may be NULL and is made then. */
struct err *conf_add(struct conf **conf, const char *text, size_t len, const char *file) ERR_RESULT;
void conf_free(struct conf *c);
void conf_freep(struct conf **c);
#define AUTO_CONF __attribute__((cleanup(conf_freep)))

/* Value of a key, borrowed, or NULL when nobody has set it. */
const json_t *conf_get(const struct conf *c, const char *table, const char *key);
/* The file that has set it, for messages; "" when nobody has. */
const char *conf_file(const struct conf *c, const char *table, const char *key);
