-- Schema version 2: manifest lists, artifacts, and by what an image was pulled.
ALTER TABLE images ADD COLUMN pulled_digest TEXT NOT NULL DEFAULT ''; -- of the index that it was chosen from, or ''
ALTER TABLE images ADD COLUMN own_manifest INTEGER NOT NULL DEFAULT 0; -- made here, for what came without one

-- A manifest list is a row of images whose manifest and config are both the serialised list; id is random.
CREATE TABLE image_lists(
    image_id    TEXT PRIMARY KEY REFERENCES images(id) ON DELETE CASCADE,
    document    TEXT NOT NULL               -- JSON, engine/image/listdoc.h
) WITHOUT ROWID;

CREATE TABLE image_blobs(                   -- what a list has besides: artifacts that were made for it
    image_id    TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    blob        TEXT NOT NULL REFERENCES blobs(digest),
    PRIMARY KEY(image_id, blob)
) WITHOUT ROWID;
CREATE INDEX image_blobs_blob ON image_blobs(blob);

CREATE TABLE artifacts(                     -- "quay.io/models/small:latest"
    name        TEXT PRIMARY KEY,
    manifest    TEXT NOT NULL REFERENCES blobs(digest),
    size_bytes  INTEGER NOT NULL,           -- of its files
    added_nsec  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX artifacts_manifest ON artifacts(manifest);

CREATE TABLE artifact_blobs(                -- config and files
    name        TEXT NOT NULL REFERENCES artifacts(name) ON DELETE CASCADE,
    blob        TEXT NOT NULL REFERENCES blobs(digest),
    PRIMARY KEY(name, blob)
) WITHOUT ROWID;
CREATE INDEX artifact_blobs_blob ON artifact_blobs(blob);
