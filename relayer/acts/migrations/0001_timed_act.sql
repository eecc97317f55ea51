-- Deals whose opening was handed in here.
CREATE TABLE opened_deal (
  deal BYTEA NOT NULL PRIMARY KEY
);

-- What time allows with a live milestone, from `due` on. `look` is when it is looked at next, in chain
-- time, and `sending` the sender's request that does it, if one was made.
CREATE TABLE timed_act (
  deal      BYTEA  NOT NULL,
  milestone BIGINT NOT NULL,
  act       TEXT   NOT NULL CHECK (act IN ('reclaim', 'escalate', 'finalize', 'expire')),
  due       BIGINT NOT NULL,
  look      BIGINT NOT NULL,
  sending   BYTEA,
  PRIMARY KEY (deal, milestone)
);
CREATE INDEX timed_act_look ON timed_act (look);
