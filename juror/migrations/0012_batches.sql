-- Lists of cases that the key signed at once: written before the key is used, and never changed but
-- for the signature that belongs to it. Each vote is what the case's ballot says, or absent.
CREATE TABLE batches (
    -- The hash of the cases in their order.
    list       BLOB NOT NULL PRIMARY KEY CHECK (length(list) = 32),
    votes      BLOB NOT NULL,
    transcript BLOB NOT NULL CHECK (length(transcript) = 32),
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    signature  BLOB          CHECK (length(signature) = 64)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER batches_are_final BEFORE UPDATE ON batches
WHEN OLD.list <> NEW.list OR OLD.votes <> NEW.votes OR OLD.transcript <> NEW.transcript
    OR OLD.digest <> NEW.digest
    OR (OLD.signature IS NOT NULL AND OLD.signature IS NOT NEW.signature)
BEGIN
    SELECT RAISE(ABORT, 'a batch is final');
END;

CREATE TRIGGER batches_are_kept BEFORE DELETE ON batches
BEGIN
    SELECT RAISE(ABORT, 'a batch is kept for ever');
END;

-- Which cases a list answers.
CREATE TABLE batched (
    case_id BLOB NOT NULL REFERENCES ballots (case_id),
    list    BLOB NOT NULL REFERENCES batches (list),
    PRIMARY KEY (case_id, list)
) STRICT, WITHOUT ROWID;
