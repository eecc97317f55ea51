-- What the provider counted too high stands in the juror's own database, for cases and previews.
DROP INDEX spending_over;
ALTER TABLE spending DROP COLUMN is_over;
