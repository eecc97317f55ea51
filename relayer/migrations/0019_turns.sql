-- The order in which open cases are taken up. A case whose jurors are silent goes to the end when there
-- are more than may be worked on.
ALTER TABLE case_file ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
UPDATE case_file SET turn = position;
-- The next turn is one after the last: asked for with every case.
CREATE INDEX case_file_turn ON case_file (turn);
