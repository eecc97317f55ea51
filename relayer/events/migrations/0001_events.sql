-- What the escrow said about deals, one row per log, never deleted. `orphaned` is 1 while its block is
-- not part of the chain that is followed; a block that comes back takes the mark away.
CREATE TABLE escrow_event (
  block_hash BYTEA  NOT NULL,
  position   BIGINT NOT NULL,
  block      BIGINT NOT NULL,
  at         BIGINT NOT NULL,
  tx         BYTEA  NOT NULL,
  deal       BYTEA  NOT NULL,
  emitter    BYTEA  NOT NULL,
  topics     BYTEA  NOT NULL,
  data       BYTEA  NOT NULL,
  orphaned   BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (block_hash, position)
);
CREATE INDEX escrow_event_block ON escrow_event (block, position);
CREATE INDEX escrow_event_deal ON escrow_event (deal, block, position);
