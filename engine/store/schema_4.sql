-- Schema version 4: secrets. What is secret is not in the database, but with the driver.
CREATE TABLE secrets(
    id          TEXT PRIMARY KEY,           -- 25 hex digits
    name        TEXT NOT NULL UNIQUE,
    driver      TEXT NOT NULL,
    options     TEXT NOT NULL DEFAULT '{}',
    labels      TEXT NOT NULL DEFAULT '{}',
    created_nsec INTEGER NOT NULL,
    updated_nsec INTEGER NOT NULL
) WITHOUT ROWID;
