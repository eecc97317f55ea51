-- What each nonce may cost at most, then what it did cost: written in the transaction that signs, so
-- that a day's budget holds whatever dies when. In gwei, rounded up. A day is a UTC day of the
-- chain's time.
CREATE TABLE send_cost (
  sender BYTEA  NOT NULL,
  nonce  BIGINT NOT NULL,
  day    BIGINT NOT NULL,
  gwei   BIGINT NOT NULL,
  PRIMARY KEY (sender, nonce)
);
CREATE INDEX send_cost_day ON send_cost (day);

-- A row to lock: keys that sign at the same time look at the day's budget one after another.
CREATE TABLE send_day (
  day BIGINT NOT NULL PRIMARY KEY
);
