-- Whose request goes first, as a plain number that the caller gives: the lowest. Of those from some
-- rank on, what they cost is bounded by a share of the day's budget.
ALTER TABLE send_request ADD COLUMN rank BIGINT NOT NULL DEFAULT 0;
ALTER TABLE send_cost ADD COLUMN rank BIGINT NOT NULL DEFAULT 0;

-- The state first, so that what waits is counted without a look at what is done.
DROP INDEX send_request_work;
CREATE INDEX send_request_work ON send_request (state, sender, rank, position);
