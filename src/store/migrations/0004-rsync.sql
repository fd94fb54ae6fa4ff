-- Uploads that come by rsync: their file lies in the inbox until it is whole.

ALTER TABLE uploads ADD COLUMN carrier TEXT NOT NULL DEFAULT 'http' CHECK (carrier IN ('http', 'rsync'));
