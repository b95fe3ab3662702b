-- Every server has pins beside it: which definitions of its tools are trusted. Servers of before begin with none.
INSERT INTO objects (kind, name, revision, spec)
SELECT 'pin', name, revision, '{"made_at":' || revision || '}' FROM objects WHERE kind = 'server';
