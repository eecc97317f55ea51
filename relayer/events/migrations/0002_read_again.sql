-- Older versions followed the escrow without keeping what it said. The trail begins anew, so that it is
-- read again and kept.
DELETE FROM follow_mark WHERE name = 'escrow';
