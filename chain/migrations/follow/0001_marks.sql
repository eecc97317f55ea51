-- Blocks that a follower has delivered, newest last. Written with the rows that their logs caused.
CREATE TABLE follow_mark (
  name   TEXT   NOT NULL,
  number BIGINT NOT NULL,
  hash   BYTEA  NOT NULL,
  PRIMARY KEY (name, number)
);
