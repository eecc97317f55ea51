-- An agent's own book. Each row is committed before what it announces leaves the process.
CREATE TABLE IF NOT EXISTS deals (
  number INTEGER PRIMARY KEY,
  deal_id BLOB NOT NULL UNIQUE,
  role TEXT NOT NULL CHECK (role IN ('buyer', 'seller')),
  stage TEXT NOT NULL
    CHECK (stage IN ('signed', 'refused', 'agreed', 'open', 'ended', 'lapsed')),
  sheet BLOB NOT NULL,
  buyer_authorization BLOB NOT NULL,
  seller_authorization BLOB,
  seller_url TEXT,
  from_block INTEGER NOT NULL,
  -- What the owner puts in, in base units.
  promised TEXT NOT NULL,
  problem TEXT
);
CREATE INDEX IF NOT EXISTS deals_live ON deals (number) WHERE stage NOT IN ('ended', 'lapsed');
-- The age file that holds a deliverable of a private deal; what the worker made again takes its place.
CREATE TABLE IF NOT EXISTS age_files (
  deal_id BLOB NOT NULL,
  deliverable BLOB NOT NULL,
  age_file BLOB NOT NULL,
  PRIMARY KEY (deal_id, deliverable)
);
-- The last document of a juror that held.
CREATE TABLE IF NOT EXISTS juror_documents (
  juror BLOB NOT NULL PRIMARY KEY,
  document BLOB NOT NULL
);
-- What the buyer hid of a deal until the delivery: the documents that open its commitments.
CREATE TABLE IF NOT EXISTS hidden (
  deal_id BLOB NOT NULL,
  commitment BLOB NOT NULL,
  document BLOB NOT NULL,
  PRIMARY KEY (deal_id, commitment)
);
-- What each juror of a case is shown of it; `ended` says how, once the juror has said so.
CREATE TABLE IF NOT EXISTS reveals (
  case_id BLOB NOT NULL,
  criterion_id TEXT NOT NULL,
  juror BLOB NOT NULL,
  ended TEXT,
  PRIMARY KEY (case_id, criterion_id, juror)
);
-- The first work of a milestone is the only one: no second delivery is ever signed.
CREATE TABLE IF NOT EXISTS works (
  deal_id BLOB NOT NULL REFERENCES deals (deal_id),
  milestone INTEGER NOT NULL,
  deliverable BLOB,
  uri TEXT,
  signature BLOB,
  PRIMARY KEY (deal_id, milestone)
);
