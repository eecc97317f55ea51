-- When it is looked at whose key opened a deal, in chain time: when something is first due with it. Null
-- once that was done. What was opened here is otherwise known, unless the store was lost meanwhile.
ALTER TABLE deal ADD COLUMN opener_look BIGINT;
UPDATE deal SET opener_look = 0 WHERE opened_tx IS NOT NULL;
CREATE INDEX deal_opener ON deal (opener_look);
