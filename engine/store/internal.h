/* What the files of the store share. Not for other folders. */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/store/store.h"

struct store_stmt {
    struct store *store;
    struct store_stmt *next;
    const char *sql;
    sqlite3_stmt *handle;
    bool cut_off; /* reset by a transaction's begin or end while it still had rows to give */
};

struct store {
    char *root;
    int root_fd;
    sqlite3 *db;
    struct store_stmt *stmts;
    bool in_tx;
    bool tx_durable;
    int checkpoint_at;       /* pages of log; readers were in the way below */
    int keeper_fd;           /* see store_log_keeper() */
    int64_t busy_since_msec; /* CLOCK_MONOTONIC, of the wait under way */
};

/* The version of engine/store/schema.sql plus the steps in migrate.c. */
#define STORE_SCHEMA_VERSION 6
/* "cora" in the header of the database file: file(1), and a guard against opening something else. */
#define STORE_APPLICATION_ID 0x636f7261

/* Texts of schema.sql and its successors, made at build time by embed.py. */
extern const char store_schema_sql[], store_schema_2_sql[], store_schema_3_sql[], store_schema_4_sql[];
extern const char store_schema_5_sql[], store_schema_6_sql[];

/* The error of a failed SQLite call on this connection. `what`: the intent, "commit". */
struct err *store_db_error(struct store *s, int rc, const char *what) ERR_RESULT;
/* Run statements without parameters. */
struct err *store_exec(struct store *s, const char *sql) ERR_RESULT;
/* First column of the first row of a query. */
struct err *store_query_int(struct store *s, const char *sql, int64_t *ret) ERR_RESULT;
struct err *store_query_text(struct store *s, const char *sql, char **ret) ERR_RESULT;
/* Commits need not be on disk: the state outside of durable transactions. */
struct err *store_sync_relaxed(struct store *s) ERR_RESULT;
/* Bring the schema to STORE_SCHEMA_VERSION. The caller holds the lock on creation. */
struct err *store_migrate(struct store *s) ERR_RESULT;
/* Reset every statement that still has rows to give: they would pin an old snapshot. */
void store_stmts_reset(struct store *s);
void store_stmts_free(struct store *s);

/* Names in a directory below root; a missing one has none. */
struct strv;
struct err *store_dir_names(struct store *s, const char *path, struct strv *ret) ERR_RESULT;
#define STORE_SQL_BLOB_KNOWN "SELECT 1 FROM blobs WHERE digest = ?"
#define STORE_SQL_LAYER_KNOWN "SELECT 1 FROM layers WHERE dir = ?"
#define STORE_SQL_CONTAINER_KNOWN "SELECT 1 FROM containers WHERE id = ?"
#define STORE_SQL_VOLUME_KNOWN "SELECT 1 FROM volumes WHERE name = ?"
/* Whether a query with one text parameter has a row. */
struct err *store_has_row(struct store *s, const char *sql, const char *key, bool *ret) ERR_RESULT;

/* "blobs/sha256/<hex>" */
struct store_blob_path {
    char s[16 + 64 + 1];
};
struct store_blob_path store_blob_path(const char *digest);
