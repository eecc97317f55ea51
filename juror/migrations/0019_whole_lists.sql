-- 1 where every case of a list was answered, 0 where one was absent: anybody can make up ids that are
-- no cases, and lists with such do not use up those without.
ALTER TABLE batches ADD COLUMN is_whole INTEGER NOT NULL DEFAULT 1 CHECK (is_whole IN (0, 1));

CREATE TRIGGER batches_stay_whole BEFORE UPDATE ON batches
WHEN OLD.is_whole <> NEW.is_whole
BEGIN
    SELECT RAISE(ABORT, 'a batch is final');
END;
