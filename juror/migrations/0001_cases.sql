-- Every case this juror has taken, and what it needs to finish it after a restart.
CREATE TABLE cases (
    case_id     BLOB    NOT NULL PRIMARY KEY CHECK (length(case_id) = 32),
    deal_id     BLOB    NOT NULL CHECK (length(deal_id) = 32),
    milestone   INTEGER NOT NULL CHECK (milestone BETWEEN 0 AND 15),
    round       INTEGER NOT NULL CHECK (round IN (1, 2)),
    deliverable BLOB    NOT NULL CHECK (length(deliverable) = 32),
    seat        INTEGER NOT NULL CHECK (seat BETWEEN 0 AND 14),
    -- Marks the deliverable's lines in the prompts; drawn after the seller committed to the bytes.
    nonce       BLOB    NOT NULL CHECK (length(nonce) = 16),
    request     BLOB    NOT NULL,
    -- The chain's time when the case came in.
    seen_at     INTEGER NOT NULL,
    -- Why the case ended without a ballot, as a problem in JSON.
    closed      TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX cases_by_milestone ON cases (deal_id, milestone, round);

-- The transcript so far, line by line, so that a restart asks no question twice.
CREATE TABLE lines (
    case_id BLOB    NOT NULL REFERENCES cases (case_id),
    seq     INTEGER NOT NULL,
    line    BLOB    NOT NULL,
    PRIMARY KEY (case_id, seq)
) STRICT, WITHOUT ROWID;

-- Slashing protection: one row per case, committed before the key is used, never changed but for
-- the signature that belongs to it.
CREATE TABLE ballots (
    case_id    BLOB    NOT NULL PRIMARY KEY REFERENCES cases (case_id),
    met        INTEGER NOT NULL CHECK (met BETWEEN 0 AND 65535),
    failed     INTEGER NOT NULL CHECK (failed BETWEEN 0 AND 65535),
    reason     INTEGER NOT NULL CHECK (reason BETWEEN 0 AND 255),
    transcript BLOB    NOT NULL CHECK (length(transcript) = 32),
    digest     BLOB    NOT NULL CHECK (length(digest) = 32),
    signature  BLOB             CHECK (length(signature) = 64),
    CHECK (met & failed = 0)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER ballots_are_final BEFORE UPDATE ON ballots
WHEN OLD.met <> NEW.met OR OLD.failed <> NEW.failed OR OLD.reason <> NEW.reason
    OR OLD.transcript <> NEW.transcript OR OLD.digest <> NEW.digest OR OLD.case_id <> NEW.case_id
    OR (OLD.signature IS NOT NULL AND OLD.signature IS NOT NEW.signature)
BEGIN
    SELECT RAISE(ABORT, 'a ballot is final');
END;

CREATE TRIGGER ballots_are_kept BEFORE DELETE ON ballots
BEGIN
    SELECT RAISE(ABORT, 'a ballot is kept for ever');
END;
