-- What became of each seat that was asked about a case. A commitment is stored before it is used; the
-- first one stays. `until` is the latest end of the panel's time.
--   asked -> committed -> revealed | mismatched | silent
--   asked -> unsealed: a ballot without a commitment
CREATE TABLE seat_file (
  case_id    BYTEA  NOT NULL,
  juror      BYTEA  NOT NULL,
  seat       BIGINT NOT NULL,
  until      BIGINT NOT NULL,
  state      TEXT   NOT NULL
    CHECK (state IN ('asked', 'committed', 'revealed', 'unsealed', 'mismatched', 'silent')),
  commitment BYTEA,
  signature  BYTEA,
  PRIMARY KEY (case_id, juror)
);
CREATE INDEX seat_file_state ON seat_file (state, until);
CREATE INDEX seat_file_juror ON seat_file (juror);

-- Signed ballots that are not the ones that their jurors had committed to: the evidence.
CREATE TABLE mismatch (
  case_id    BYTEA  NOT NULL,
  juror      BYTEA  NOT NULL,
  met        BIGINT NOT NULL,
  failed     BIGINT NOT NULL,
  reason     BIGINT NOT NULL,
  transcript BYTEA  NOT NULL,
  signature  BYTEA  NOT NULL,
  salt       BYTEA,
  PRIMARY KEY (case_id, juror)
);
