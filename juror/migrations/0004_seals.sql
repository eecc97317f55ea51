-- What keeps a ballot from being seen before q seats have committed; written with the ballot.
CREATE TABLE seals (
    case_id    BLOB    NOT NULL PRIMARY KEY REFERENCES ballots (case_id),
    salt       BLOB    NOT NULL CHECK (length(salt) = 32),
    commitment BLOB    NOT NULL CHECK (length(commitment) = 32),
    -- The juror's, over the commitment.
    signature  BLOB             CHECK (length(signature) = 64),
    is_open    INTEGER NOT NULL DEFAULT 0 CHECK (is_open IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE TRIGGER seals_are_final BEFORE UPDATE ON seals
WHEN OLD.salt <> NEW.salt OR OLD.commitment <> NEW.commitment OR OLD.case_id <> NEW.case_id
    OR OLD.is_open > NEW.is_open
    OR (OLD.signature IS NOT NULL AND OLD.signature IS NOT NEW.signature)
BEGIN
    SELECT RAISE(ABORT, 'a seal is final');
END;

CREATE TRIGGER seals_are_kept BEFORE DELETE ON seals
BEGIN
    SELECT RAISE(ABORT, 'a seal is kept for ever');
END;

-- Verified commitments of a panel's seats to a case that this juror has taken.
CREATE TABLE commitments (
    case_id   BLOB    NOT NULL REFERENCES cases (case_id),
    seat      INTEGER NOT NULL CHECK (seat BETWEEN 0 AND 14),
    digest    BLOB    NOT NULL CHECK (length(digest) = 32),
    signature BLOB    NOT NULL CHECK (length(signature) = 64),
    PRIMARY KEY (case_id, seat)
) STRICT, WITHOUT ROWID;
