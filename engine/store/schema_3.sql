-- Schema version 3: named networks.
CREATE TABLE networks(                      -- the default one, podman, has no row
    id          TEXT PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    driver      TEXT NOT NULL DEFAULT 'bridge',
    interface   TEXT NOT NULL UNIQUE,       -- what `network inspect` calls it
    created_nsec INTEGER NOT NULL,
    ipv6        INTEGER NOT NULL DEFAULT 0,
    internal    INTEGER NOT NULL DEFAULT 0,
    dns         INTEGER NOT NULL DEFAULT 1,
    subnets     TEXT NOT NULL,              -- JSON: subnet, gateway, first and last address to lease
    dns_servers TEXT NOT NULL DEFAULT '[]',
    labels      TEXT NOT NULL DEFAULT '{}',
    options     TEXT NOT NULL DEFAULT '{}',
    last_ip     TEXT NOT NULL DEFAULT '',   -- leased last: the next one is behind it
    last_ip6    TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;

CREATE TABLE container_networks(            -- a container's place in a network
    container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
    network_id  TEXT NOT NULL REFERENCES networks(id),
    position    INTEGER NOT NULL,           -- order of interfaces
    interface   TEXT NOT NULL,              -- inside the container; unique there
    static_ip   TEXT NOT NULL DEFAULT '',   -- as asked for
    static_ip6  TEXT NOT NULL DEFAULT '',
    static_mac  TEXT NOT NULL DEFAULT '',
    aliases     TEXT NOT NULL DEFAULT '[]',
    ip          TEXT,                       -- leased at the last start; taken while the container may be running
    ip6         TEXT,
    mac         TEXT,
    PRIMARY KEY(container_id, network_id),
    UNIQUE(container_id, interface),
    UNIQUE(network_id, ip),
    UNIQUE(network_id, ip6)
) WITHOUT ROWID;
