-- Deals whose word an audit of what is new compares with the chain: one comes with a final block that
-- speaks of it, and leaves once it was compared when all of it had ended.
CREATE TABLE deal_to_audit (
  deal BYTEA NOT NULL PRIMARY KEY
);
INSERT INTO deal_to_audit (deal) SELECT DISTINCT deal FROM escrow_event WHERE orphaned = 0;
