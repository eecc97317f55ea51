-- Until when a case's records are needed, and whether they have been deleted since. The rows of
-- `cases` and `ballots` stay for ever: they keep the key from signing twice.
CREATE TABLE retention (
    case_id    BLOB    NOT NULL PRIMARY KEY REFERENCES cases (case_id),
    -- The last moment at which the case can be judged, in the chain's time.
    judge_by   INTEGER NOT NULL,
    deleted    INTEGER NOT NULL DEFAULT 0 CHECK (deleted IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX retention_by_time ON retention (deleted, judge_by);
