-- The processes that share this database, and until when others take them for alive, in milliseconds
-- of the database's clock.
CREATE TABLE instance (
  id       TEXT   NOT NULL PRIMARY KEY,
  until_ms BIGINT NOT NULL
);

-- Which instance works on what. A row is never deleted, so its epoch only grows: a lease that was lost
-- can never be mistaken for one that is held.
CREATE TABLE lease (
  kind    TEXT   NOT NULL,
  subject BYTEA  NOT NULL,
  holder  TEXT   NOT NULL,
  epoch   BIGINT NOT NULL,
  PRIMARY KEY (kind, subject)
);
