-- Older versions kept what said that a milestone moved on, and made nothing of it. It is read again.
DELETE FROM follow_mark WHERE name = 'escrow';
