-- The last request with a fee for an act on a milestone: the sender's request that does it. Of two
-- that come at once only one may be sent.
CREATE TABLE paid_act (
  deal      BYTEA  NOT NULL,
  milestone BIGINT NOT NULL,
  sending   BYTEA  NOT NULL,
  PRIMARY KEY (deal, milestone)
);
