-- Deals whose word an audit of what is new compares with the chain. One leaves once it was compared at a
-- final block in which all of it had ended, and returns with whatever is said of it later.
CREATE TABLE deal_to_audit (
  deal BYTEA NOT NULL PRIMARY KEY
);
INSERT INTO deal_to_audit (deal) SELECT DISTINCT deal FROM escrow_event WHERE orphaned = 0;
