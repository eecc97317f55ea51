-- Every preview that this juror took, for ever: what was given is counted here, and a crash gives
-- nobody another one. There is no table of ballots: nothing here is ever signed.
CREATE TABLE previews (
    preview_id  BLOB    NOT NULL PRIMARY KEY CHECK (length(preview_id) = 32),
    deal_id     BLOB    NOT NULL CHECK (length(deal_id) = 32),
    milestone   INTEGER NOT NULL CHECK (milestone BETWEEN 0 AND 15),
    seller      BLOB    NOT NULL CHECK (length(seller) = 20),
    -- Marks the deliverable's lines in the prompts; drawn after the seller committed to the bytes.
    nonce       BLOB    NOT NULL CHECK (length(nonce) = 16),
    -- The chain's time in days, by which previews are counted, and when the answer is shown.
    day         INTEGER NOT NULL,
    answers_at  INTEGER NOT NULL,
    -- The request as canonical JSON, deliverable included, until the answer is known.
    request     BLOB,
    -- What is answered, once it is known.
    met         INTEGER CHECK (met BETWEEN 0 AND 65535),
    failed      INTEGER CHECK (failed BETWEEN 0 AND 65535),
    is_refused  INTEGER NOT NULL DEFAULT 0 CHECK (is_refused IN (0, 1)),
    -- Whether its transcript is still there.
    is_kept     INTEGER NOT NULL DEFAULT 1 CHECK (is_kept IN (0, 1)),
    CHECK ((met IS NULL) = (failed IS NULL)),
    CHECK ((met IS NULL) = (request IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX previews_by_deal ON previews (deal_id, milestone);
CREATE INDEX previews_by_day ON previews (day, seller);

CREATE TRIGGER answers_are_final BEFORE UPDATE ON previews
WHEN OLD.met IS NOT NULL AND (OLD.met IS NOT NEW.met OR OLD.failed IS NOT NEW.failed
    OR OLD.is_refused IS NOT NEW.is_refused)
BEGIN
    SELECT RAISE(ABORT, 'an answer is final');
END;

CREATE TRIGGER previews_are_counted BEFORE DELETE ON previews
BEGIN
    SELECT RAISE(ABORT, 'a preview stays counted');
END;

-- The transcript so far; a preview stands where a case would.
CREATE TABLE lines (
    case_id BLOB    NOT NULL REFERENCES previews (preview_id),
    seq     INTEGER NOT NULL,
    line    BLOB    NOT NULL,
    PRIMARY KEY (case_id, seq)
) STRICT, WITHOUT ROWID;

-- What was set aside for a request to the provider before it was sent, and what it cost in the end:
-- money of previews only.
CREATE TABLE spending (
    id        INTEGER NOT NULL PRIMARY KEY,
    case_id   BLOB    NOT NULL REFERENCES previews (preview_id),
    day       INTEGER NOT NULL,
    micro_usd INTEGER NOT NULL CHECK (micro_usd >= 0)
) STRICT;

CREATE INDEX spending_by_case ON spending (case_id, micro_usd);
CREATE INDEX spending_by_day ON spending (day, micro_usd);
