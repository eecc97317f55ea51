-- Settlements of several cases, by the sender's request, which each of the cases names as `sending`.
CREATE TABLE batch (
  id    BYTEA  NOT NULL PRIMARY KEY,
  cases BIGINT NOT NULL
);
-- 1 once a settlement of the case has failed, or the escrow skipped it among others: from then on it is
-- settled alone.
ALTER TABLE case_file ADD COLUMN alone BIGINT NOT NULL DEFAULT 0;
