-- Hidden criteria that were revealed while the case still waited for them.
CREATE TABLE reveals (
    case_id      BLOB NOT NULL REFERENCES cases (case_id),
    criterion_id TEXT NOT NULL,
    -- The document that was committed to, as canonical JSON.
    document     BLOB NOT NULL,
    PRIMARY KEY (case_id, criterion_id)
) STRICT, WITHOUT ROWID;
