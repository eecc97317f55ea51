-- Private deals. A relayer has the terms of such a deal, which the chain shows to everybody, and can
-- read nothing else of it.
ALTER TABLE deal ADD COLUMN shown_terms BYTEA;
-- From when on the time runs after which what parties handed in is deleted; null before they did, and
-- once it was.
ALTER TABLE deal ADD COLUMN judge_by BIGINT;

-- The sheet as a party encrypted it: 0 is the buyer, 1 the seller. A party's first one stays.
CREATE TABLE private_sheet (
  deal     BYTEA  NOT NULL,
  party    BIGINT NOT NULL CHECK (party IN (0, 1)),
  age_file BYTEA  NOT NULL,
  PRIMARY KEY (deal, party)
);

-- Which age file the seller signed for which deliverable; the file lies on the shelf under its own
-- digest.
CREATE TABLE upload (
  deal        BYTEA NOT NULL,
  deliverable BYTEA NOT NULL,
  age_file    BYTEA NOT NULL,
  PRIMARY KEY (deal, deliverable)
);
CREATE INDEX upload_file ON upload (age_file);
