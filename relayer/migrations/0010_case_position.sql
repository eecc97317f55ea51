-- The next position is one above the highest: asked for with every case.
CREATE INDEX case_file_position ON case_file (position);
