-- The next position is one above the highest: asked for with every request and every attempt.
CREATE INDEX send_request_position ON send_request (position);
CREATE INDEX send_attempt_position ON send_attempt (position);
