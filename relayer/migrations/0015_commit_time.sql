-- When a case's seats were first asked, in chain time, and whether their time to commit is over. From
-- then on ballots are asked for, and a commitment that comes counts for nothing.
ALTER TABLE case_file ADD COLUMN asked_at BIGINT;
ALTER TABLE case_file ADD COLUMN revealing BIGINT NOT NULL DEFAULT 0;
UPDATE case_file SET revealing = 1
  WHERE EXISTS (SELECT 1 FROM ballot WHERE ballot.case_id = case_file.id);
