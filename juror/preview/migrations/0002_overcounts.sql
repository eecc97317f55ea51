-- Whether the provider counted more for a request than was set aside, which is the most that it can
-- cost. It is asked no more in that preview and on that day.
ALTER TABLE spending ADD COLUMN is_over INTEGER NOT NULL DEFAULT 0 CHECK (is_over IN (0, 1));

CREATE INDEX spending_over ON spending (day, case_id) WHERE is_over = 1;
