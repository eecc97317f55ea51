-- When bytes came, in chain time: what no delivery names is deleted after a while.
ALTER TABLE deliverable ADD COLUMN at BIGINT NOT NULL DEFAULT 0;
UPDATE deliverable SET at = (SELECT COALESCE(MAX(opened_at), 0) FROM deal);
CREATE INDEX deliverable_unnamed ON deliverable (named, at);
-- Whether a delivery names a digest is asked with every upload.
CREATE INDEX case_file_deliverable ON case_file (deliverable);
CREATE INDEX milestone_deliverable ON milestone (deliverable);
-- By how many bytes the shelf grew, in all and of what no delivery names. The sum is what is on it; rows
-- are only added, so that no upload waits for another one, and now and then folded into one.
CREATE TABLE shelf_change (
  total   BIGINT NOT NULL,
  unnamed BIGINT NOT NULL
);
INSERT INTO shelf_change (total, unnamed)
  SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT),
         CAST(COALESCE(SUM(CASE named WHEN 0 THEN size ELSE 0 END), 0) AS BIGINT)
  FROM deliverable;
