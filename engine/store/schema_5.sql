-- Schema version 5: routes of networks, and networks whose containers get no addresses.
ALTER TABLE networks ADD COLUMN routes TEXT NOT NULL DEFAULT '[]';         -- "destination,gateway[,metric]"
ALTER TABLE networks ADD COLUMN ipam   TEXT NOT NULL DEFAULT 'host-local'; -- or none
