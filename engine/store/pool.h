/* Memory for SQLite in programs of one thread that end soon.
 *
 * To open a database and to prepare some statements takes thousands of small allocations, which are freed moments
 * later; the C library's malloc(3), made for programs of all kinds, takes four times as long for that. Here sizes are
 * rounded up to classes, each with a list of free blocks, which are cut off large pieces. A block that was freed is
 * used for its class again; pieces are never given back. What is larger than a page of the database with its head comes
 * from malloc().
 *
 * The state is the process's, as SQLite's own is: its allocator's functions have no argument for another. */
#pragma once

#include <sqlite3.h>

/* For sqlite3_config(SQLITE_CONFIG_MALLOC, …): https://www.sqlite.org/c3ref/mem_methods.html */
extern const sqlite3_mem_methods store_pool;
