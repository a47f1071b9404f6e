@write
@same 19

# A trigger that looks at nothing but its row
INSERT INTO touched (client_id, id, v) VALUES (42, 1, 'a') RETURNING *

# More rows of one key
INSERT INTO touched (client_id, id, v) VALUES (42, 2, 'b'), (42, 3, 'c')

# An UPDATE by key
UPDATE touched SET v = 'd' WHERE client_id = 42 AND id = 1 RETURNING v, letters, past, changes

# One that changes nothing
UPDATE touched SET changes = changes WHERE client_id = 42 AND id = 1

# With its error
UPDATE touched SET v = '' WHERE client_id = 42 AND id = 2

# DELETE runs none
DELETE FROM touched WHERE client_id = 42 AND id = 3 RETURNING *

# By a parameter
@params 43 | 1 | quiet
INSERT INTO touched (client_id, id, v) VALUES ($1, $2, $3) RETURNING v

# ON CONFLICT
INSERT INTO touched (client_id, id, v) VALUES (43, 1, 'e') ON CONFLICT (client_id, id) DO UPDATE SET v = excluded.v RETURNING *

# ON CONFLICT DO NOTHING
INSERT INTO touched (client_id, id, v) VALUES (43, 1, 'e') ON CONFLICT DO NOTHING

# INSERT … SELECT of one key
INSERT INTO touched (client_id, id, v) SELECT client_id, 100 + id, kind FROM events WHERE client_id = 42

# An UPDATE joined by key
UPDATE touched t SET v = t.v || e.kind FROM events e WHERE e.client_id = t.client_id AND t.client_id = 42 AND e.id = t.id - 100

# MERGE of one key
MERGE INTO touched t USING (VALUES (43::bigint, 1::bigint, 'm'), (43, 2, 'n')) AS s(client_id, id, v) ON t.client_id = s.client_id AND t.client_id = 43 AND t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v

# A value that a function computes
INSERT INTO touched (client_id, id, v) VALUES (44, 1, shout('x')) RETURNING v

# Rows of several shards: not without being told
INSERT INTO touched (client_id, id, v) VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 1, 'c'), (4, 1, 'd')

# An UPDATE of all
UPDATE touched SET v = 'z'

# A DELETE of some
DELETE FROM touched WHERE id > 100

# COPY
@data
45	1	x	\N	\N	0
46	1	y	\N	\N	0
\.
COPY touched FROM STDIN

# Other keys
UPDATE touched SET client_id = 47 WHERE client_id = 42

# The trigger sets the key
INSERT INTO watched VALUES (42, 1, 'x')

# In a WITH
WITH u AS (UPDATE touched SET v = 'w' WHERE client_id = 43 RETURNING *) SELECT id, v FROM u ORDER BY id

# PREPARE and EXECUTE
PREPARE touches(text) AS UPDATE touched SET v = $1 WHERE client_id = 43 RETURNING v

# what is there
SELECT * FROM touched WHERE client_id IN (42) ORDER BY id

# and there
SELECT * FROM touched ORDER BY client_id, id

# an empty UPDATE
UPDATE touched SET v = 'q' WHERE client_id = 42 AND false

# TRUNCATE has no triggers of its own here
SELECT count(*) FROM touched
