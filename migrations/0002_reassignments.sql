-- Replicas on the move (KIP-455): broker ids separated by commas, both empty when none is. While one
-- is under way `replicas` holds the old and the new replicas.
ALTER TABLE partitions ADD COLUMN adding TEXT NOT NULL DEFAULT '';
ALTER TABLE partitions ADD COLUMN removing TEXT NOT NULL DEFAULT '';
