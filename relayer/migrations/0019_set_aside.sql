-- How often a case was left to whoever has room since its jurors were silent: of more open cases than
-- may be worked on, those with the fewest are taken up first.
ALTER TABLE case_file ADD COLUMN set_aside BIGINT NOT NULL DEFAULT 0;
