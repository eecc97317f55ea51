-- What an operator wants done about a waiting request. The sender takes it up and deletes it in the
-- transaction that stores the better paid attempt.
CREATE TABLE send_order (
  request BYTEA NOT NULL PRIMARY KEY REFERENCES send_request (id),
  kind    TEXT  NOT NULL CHECK (kind IN ('bump', 'cancel'))
);
