-- Deals: what the chain said when they were opened, and the term sheet once somebody showed it.
-- Either half may come first.
CREATE TABLE deal (
  id           BYTEA  NOT NULL PRIMARY KEY,
  terms        BYTEA,
  sheet        BYTEA,
  opened_block BIGINT,
  opened_at    BIGINT,
  opened_tx    BYTEA
);

-- What the chain said about a milestone: a pinned delivery, and its end.
CREATE TABLE milestone (
  deal            BYTEA  NOT NULL,
  milestone       BIGINT NOT NULL,
  slow_state      BYTEA,
  deliverable     BYTEA,
  uri             TEXT,
  signature       BYTEA,
  delivered_block BIGINT,
  ending          BIGINT,
  to_seller       TEXT,
  to_buyer        TEXT,
  ended_block     BIGINT,
  ended_at        BIGINT,
  ended_tx        BYTEA,
  PRIMARY KEY (deal, milestone)
);
CREATE INDEX milestone_ended ON milestone (ended_block);
CREATE INDEX milestone_delivered ON milestone (delivered_block);

-- A case is its own state machine: seen -> asked -> decided -> sent -> final | given-up.
-- Each state is written before the action that it announces.
CREATE TABLE case_file (
  id          BYTEA  NOT NULL PRIMARY KEY,
  deal        BYTEA  NOT NULL,
  milestone   BIGINT NOT NULL,
  round       BIGINT NOT NULL,
  deliverable BYTEA  NOT NULL,
  uri         TEXT   NOT NULL,
  signature   BYTEA  NOT NULL,
  state       TEXT   NOT NULL
    CHECK (state IN ('seen', 'asked', 'decided', 'sent', 'final', 'given-up')),
  reason      TEXT,
  ballots     BYTEA,
  verdict     TEXT,
  sending     BYTEA,
  decided_at  BIGINT,
  final_block BIGINT,
  paid_ms     BIGINT,
  position    BIGINT NOT NULL
);
CREATE INDEX case_file_state ON case_file (state, position);
CREATE INDEX case_file_deal ON case_file (deal, milestone);

-- Every ballot that verified. `counted` is 1 for a juror's first one in a case.
CREATE TABLE ballot (
  case_id    BYTEA  NOT NULL,
  juror      BYTEA  NOT NULL,
  seat       BIGINT NOT NULL,
  met        BIGINT NOT NULL,
  failed     BIGINT NOT NULL,
  reason     BIGINT NOT NULL,
  transcript BYTEA  NOT NULL,
  signature  BYTEA  NOT NULL,
  family     TEXT   NOT NULL,
  operator   TEXT   NOT NULL,
  counted    BIGINT NOT NULL,
  PRIMARY KEY (case_id, juror, met, failed)
);

-- Two different ballots of one juror for one case: the evidence for `Jury`. The rows in `ballot`
-- hold both signatures.
CREATE TABLE equivocation (
  case_id BYTEA  NOT NULL,
  juror   BYTEA  NOT NULL,
  met     BIGINT NOT NULL,
  failed  BIGINT NOT NULL,
  PRIMARY KEY (case_id, juror, met, failed)
);

-- Deliverables on disk. `named` is 1 once a delivery names the digest.
CREATE TABLE deliverable (
  digest BYTEA  NOT NULL PRIMARY KEY,
  size   BIGINT NOT NULL,
  named  BIGINT NOT NULL
);
