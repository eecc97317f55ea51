-- Requests for which the provider counted more than was set aside, which is the most that they can
-- cost. It is asked no more about that case or preview, and on that day by neither.
CREATE TABLE overcounts (
    id      INTEGER NOT NULL PRIMARY KEY,
    -- The case's id, or the preview's.
    case_id BLOB    NOT NULL CHECK (length(case_id) = 32),
    -- The chain's time in days.
    day     INTEGER NOT NULL
) STRICT;

CREATE INDEX overcounts_by_day ON overcounts (day);
CREATE INDEX overcounts_by_case ON overcounts (case_id);

INSERT INTO overcounts (case_id, day) SELECT case_id, day FROM spending WHERE is_over = 1;

DROP INDEX spending_over;
ALTER TABLE spending DROP COLUMN is_over;
