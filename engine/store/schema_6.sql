-- Schema version 6: pods.
CREATE TABLE pods(
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,       -- nor is there a container of this name
    created_nsec INTEGER NOT NULL,
    share       TEXT NOT NULL DEFAULT '',   -- namespaces, "ipc,net,uts"
    share_parent INTEGER NOT NULL DEFAULT 1, -- the pod has a cgroup of its own, with its containers in it
    stop_with_last INTEGER NOT NULL DEFAULT 0, -- it stops when the last of its containers has ended
    restart     TEXT NOT NULL DEFAULT '',   -- policy of containers that name none
    cgroup_parent TEXT NOT NULL DEFAULT '',
    labels      TEXT NOT NULL DEFAULT '{}',
    create_command TEXT NOT NULL DEFAULT '[]',
    infra       INTEGER NOT NULL DEFAULT 1, -- it was made with an infra container
    spec        TEXT NOT NULL               -- of that one, JSON, engine/container/spec.h: network, limits, mounts
) WITHOUT ROWID;

CREATE TABLE pod_containers(                -- beside the containers' table, so that listings of these needn't read far
    container_id TEXT PRIMARY KEY REFERENCES containers(id) ON DELETE CASCADE,
    pod_id      TEXT NOT NULL REFERENCES pods(id),
    infra       INTEGER NOT NULL DEFAULT 0, -- holds the namespaces that the others share
    shares_net  INTEGER NOT NULL DEFAULT 0  -- with the infra container, whose ports are its own then
) WITHOUT ROWID;
CREATE INDEX pod_containers_pod ON pod_containers(pod_id);
