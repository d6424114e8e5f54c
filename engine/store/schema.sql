-- Schema version 1; schema_2.sql and its successors change it. Times are nanoseconds since the epoch. JSON columns hold documents that only one module reads.
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE blobs(                         -- a file below blobs/sha256/
    digest      TEXT PRIMARY KEY,
    size_bytes  INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE layers(                        -- an unpacked layer: layers/<dir>/diff
    id          INTEGER PRIMARY KEY,
    diff_id     TEXT NOT NULL,              -- digest of the uncompressed tar
    map         TEXT NOT NULL DEFAULT '',   -- '' or the id map a shifted copy was made for
    dir         TEXT NOT NULL UNIQUE,       -- short, so that 127 of them fit into mount options
    size_bytes  INTEGER NOT NULL,           -- of the uncompressed tar, as Podman counts
    created_nsec INTEGER NOT NULL,
    UNIQUE(diff_id, map)
);

CREATE TABLE images(
    id          TEXT PRIMARY KEY,           -- hex of the config digest
    manifest    TEXT NOT NULL REFERENCES blobs(digest),
    config      TEXT NOT NULL REFERENCES blobs(digest),
    media_type  TEXT NOT NULL,              -- of the manifest
    os          TEXT NOT NULL, arch TEXT NOT NULL, variant TEXT NOT NULL DEFAULT '',
    created_nsec INTEGER NOT NULL,          -- from the config
    added_nsec  INTEGER NOT NULL,
    size_bytes  INTEGER NOT NULL,           -- uncompressed layers, manifest and config
    labels      TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;
CREATE INDEX images_manifest ON images(manifest);
CREATE INDEX images_config ON images(config);

CREATE TABLE image_layers(
    image_id    TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    position    INTEGER NOT NULL,           -- 0 is the bottom
    layer_id    INTEGER NOT NULL REFERENCES layers(id),
    blob        TEXT NOT NULL REFERENCES blobs(digest),
    PRIMARY KEY(image_id, position)
) WITHOUT ROWID;
CREATE INDEX image_layers_layer ON image_layers(layer_id);
CREATE INDEX image_layers_blob ON image_layers(blob);

CREATE TABLE image_names(                   -- "docker.io/library/debian:12"
    name        TEXT PRIMARY KEY,
    image_id    TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    added_nsec  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX image_names_image ON image_names(image_id);

CREATE TABLE image_digests(                 -- "docker.io/library/debian@sha256:…"
    name        TEXT NOT NULL,              -- repository
    digest      TEXT NOT NULL,              -- manifest or index digest
    image_id    TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    PRIMARY KEY(name, digest, image_id)
) WITHOUT ROWID;
CREATE INDEX image_digests_image ON image_digests(image_id);

CREATE TABLE image_past_names(              -- every name it ever had: NamesHistory of `image inspect`
    image_id    TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    added_nsec  INTEGER NOT NULL,
    PRIMARY KEY(image_id, name)
) WITHOUT ROWID;

CREATE TABLE containers(
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    image_id    TEXT REFERENCES images(id), -- NULL with --rootfs
    image_name  TEXT NOT NULL DEFAULT '',   -- as the user said it, normalised
    created_nsec INTEGER NOT NULL,
    auto_remove INTEGER NOT NULL DEFAULT 0,
    command     TEXT NOT NULL DEFAULT '',   -- what `ps` shows: command and arguments, or the image's
    -- what the last run left; a running container is known by its monitor's lock, not by these
    started_nsec  INTEGER NOT NULL DEFAULT 0,
    finished_nsec INTEGER NOT NULL DEFAULT 0,
    exit_code   INTEGER NOT NULL DEFAULT 0,
    oom_killed  INTEGER NOT NULL DEFAULT 0,
    stopped_by_user INTEGER NOT NULL DEFAULT 0,
    restart_count INTEGER NOT NULL DEFAULT 0,
    error       TEXT NOT NULL DEFAULT '',
    spec        TEXT NOT NULL               -- JSON, engine/container/spec.h; last, so that listings needn't read past it
) WITHOUT ROWID;
CREATE INDEX containers_image ON containers(image_id);
CREATE INDEX containers_created ON containers(created_nsec);
CREATE INDEX containers_live ON containers(id) WHERE started_nsec > finished_nsec; -- may be running

CREATE TABLE container_needs(               -- --network container:, --pid container:, --volumes-from …
    container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    needs_id    TEXT NOT NULL REFERENCES containers(id),
    PRIMARY KEY(container_id, needs_id)
) WITHOUT ROWID;
CREATE INDEX container_needs_needed ON container_needs(needs_id);

CREATE TABLE container_images(              -- --mount type=image, image volumes
    container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    image_id    TEXT NOT NULL REFERENCES images(id),
    PRIMARY KEY(container_id, image_id)
) WITHOUT ROWID;
CREATE INDEX container_images_image ON container_images(image_id);

CREATE TABLE volumes(
    name        TEXT PRIMARY KEY,
    driver      TEXT NOT NULL DEFAULT 'local',
    created_nsec INTEGER NOT NULL,
    anonymous   INTEGER NOT NULL DEFAULT 0,
    needs_copy_up INTEGER NOT NULL DEFAULT 1,
    labels      TEXT NOT NULL DEFAULT '{}',
    options     TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;

CREATE TABLE container_volumes(
    container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    volume      TEXT NOT NULL REFERENCES volumes(name),
    PRIMARY KEY(container_id, volume)
) WITHOUT ROWID;
CREATE INDEX container_volumes_volume ON container_volumes(volume);

CREATE TABLE events(
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at_nsec     INTEGER NOT NULL,
    type        TEXT NOT NULL,              -- container, image, volume, …
    action      TEXT NOT NULL,
    object_id   TEXT NOT NULL,
    name        TEXT NOT NULL,
    attributes  TEXT
);
CREATE INDEX events_at ON events(at_nsec);
