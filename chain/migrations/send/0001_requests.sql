-- What somebody wants sent. `id` is the caller's idempotency key.
-- state: queued -> signed -> mined | failed; failed -> queued when the caller asks again.
-- `nonce` is set exactly while state is signed, mined or failed after signing.
CREATE TABLE send_request (
  id         BYTEA  NOT NULL PRIMARY KEY,
  sender     BYTEA  NOT NULL,
  target     BYTEA  NOT NULL,
  calldata   BYTEA  NOT NULL,
  position   BIGINT NOT NULL,
  state      TEXT   NOT NULL CHECK (state IN ('queued', 'signed', 'mined', 'failed')),
  nonce      BIGINT,
  gas        BIGINT,
  signed_at  BIGINT,
  suspect    BIGINT NOT NULL DEFAULT 0,
  tx_hash    BYTEA,
  block      BIGINT,
  block_hash BYTEA,
  failure    TEXT,
  revert     BYTEA
);
CREATE UNIQUE INDEX send_request_nonce ON send_request (sender, nonce);
CREATE INDEX send_request_work ON send_request (sender, state, position);
CREATE INDEX send_request_block ON send_request (sender, block);

-- Every transaction that was ever signed, written before it left the process.
-- kind: call does what was asked; blank only uses the nonce up.
CREATE TABLE send_attempt (
  hash         BYTEA  NOT NULL PRIMARY KEY,
  request      BYTEA  NOT NULL REFERENCES send_request (id),
  sender       BYTEA  NOT NULL,
  nonce        BIGINT NOT NULL,
  kind         TEXT   NOT NULL CHECK (kind IN ('call', 'blank')),
  raw          BYTEA  NOT NULL,
  max_fee      BIGINT NOT NULL,
  priority_fee BIGINT NOT NULL,
  position     BIGINT NOT NULL
);
CREATE INDEX send_attempt_nonce ON send_attempt (sender, nonce, position);
CREATE INDEX send_attempt_request ON send_attempt (request, nonce);
