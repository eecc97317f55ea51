-- What was reserved for a request to the provider before it was sent, and what it cost in the end;
-- a request whose cost nobody told keeps the most that it can have cost.
CREATE TABLE spending (
    id        INTEGER NOT NULL PRIMARY KEY,
    case_id   BLOB    NOT NULL REFERENCES cases (case_id),
    -- The chain's time in days.
    day       INTEGER NOT NULL,
    micro_usd INTEGER NOT NULL CHECK (micro_usd >= 0)
) STRICT;

CREATE INDEX spending_by_case ON spending (case_id, micro_usd);
CREATE INDEX spending_by_day ON spending (day, micro_usd);
