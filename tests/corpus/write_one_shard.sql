-- Writes to sharded tables with rows of tables that one shard has, and the other way round.
@write
@undone
@same 49

# UPDATE of a sharded table from a single one
UPDATE events SET kind = a.what FROM audit a WHERE a.id = events.id

# with a condition on each of them, and RETURNING
UPDATE events e SET kind = a.what FROM audit a WHERE a.id = e.id AND a.id > 2 AND e.client_id < 10 RETURNING e.client_id, e.id, e.kind, a.what

# all columns of both
UPDATE parents p SET v = a.what FROM audit a WHERE a.id = p.client_id RETURNING *

# one key, and a table of perhaps another shard
UPDATE events SET kind = a.what FROM audit a WHERE a.id = events.id AND client_id = 3

UPDATE events SET kind = a.what FROM audit a WHERE a.id = events.id AND client_id = 4

UPDATE events SET kind = l.entry FROM ledger l WHERE l.id = events.id AND client_id = 5

# tables of two shards
UPDATE events SET kind = a.what || l.entry FROM audit a JOIN ledger l USING (id) WHERE a.id = events.id

# a view of a table of one shard
UPDATE events SET kind = a.what FROM small_audit a WHERE a.id = events.id

# a view of tables of two
UPDATE events SET kind = t.what FROM things t WHERE t.id = events.id

# a reference table beside
UPDATE events SET kind = a.what || c.name FROM audit a, countries c WHERE a.id = events.id AND c.code = 'DE'

# a sharded table that is tied to its key
UPDATE events SET kind = a.what FROM audit a, parents p WHERE a.id = events.id AND p.client_id = events.client_id

# and one that is not
UPDATE events SET kind = a.what FROM audit a, parents p WHERE a.id = events.id AND p.client_id = a.id

# subqueries in SET
UPDATE events SET amount = (SELECT count(*) FROM audit)

UPDATE events SET amount = (SELECT max(id) FROM audit a WHERE a.id <= events.id)

UPDATE events SET (kind, amount) = (SELECT what, id FROM audit a WHERE a.id = events.id) WHERE EXISTS (SELECT FROM audit a WHERE a.id = events.id)

# WITH
WITH q AS (SELECT id, what FROM audit WHERE id > 3) UPDATE events SET kind = q.what FROM q WHERE q.id = events.id RETURNING events.id

# a key that all rows get
UPDATE nothing SET client_id = 77 FROM audit a WHERE a.id = nothing.client_id

# DELETE
DELETE FROM events USING audit a WHERE a.id = events.id

DELETE FROM events USING audit a WHERE a.id = events.id RETURNING events.client_id, a.*

DELETE FROM events WHERE id IN (SELECT id FROM audit WHERE what <> 'thing 2')

DELETE FROM events WHERE id NOT IN (SELECT id FROM audit)

DELETE FROM events WHERE NOT EXISTS (SELECT FROM audit a WHERE a.id = events.id AND a.what LIKE '%1%')

# an outer join beside
DELETE FROM events e USING audit a LEFT JOIN ledger l USING (id) WHERE a.id = e.id AND l.entry IS NULL

# MERGE by what one shard has
MERGE INTO events e USING audit a ON a.id = e.id AND e.client_id = 3 WHEN MATCHED THEN UPDATE SET kind = a.what

MERGE INTO events e USING audit a ON a.id = e.id WHEN MATCHED AND a.id > 1 THEN UPDATE SET kind = a.what WHEN MATCHED THEN DELETE

# rows that no shard has would be inserted by each
MERGE INTO parents p USING audit a ON a.id = p.client_id WHEN NOT MATCHED THEN INSERT (client_id, v) VALUES (a.id, a.what)

# a row as a whole
UPDATE events SET kind = a::text FROM audit a WHERE a.id = events.id

# two tables of one name
UPDATE events SET kind = 'q' FROM other.events WHERE other.events.id = public.events.id

UPDATE events SET kind = 'q' FROM other.events o WHERE o.id = events.id

UPDATE events SET kind = 'q' FROM other.events WHERE other.events.client_id = public.events.client_id

# a system column
UPDATE events SET kind = a.ctid::text FROM audit a WHERE a.id = events.id

# a write beside
WITH d AS (DELETE FROM audit RETURNING id) DELETE FROM events USING d WHERE d.id = events.id

# the table of one shard is written
UPDATE audit SET what = e.kind FROM events e WHERE e.id = audit.id AND e.client_id = 3

UPDATE audit a SET what = e.kind FROM events e WHERE e.id = a.id AND e.client_id = 4 RETURNING a.*

UPDATE audit SET what = q.kind FROM (SELECT id, max(kind) AS kind FROM events GROUP BY id) q WHERE q.id = audit.id RETURNING audit.id, what

UPDATE audit SET what = (SELECT max(kind) FROM events WHERE events.id = audit.id)

UPDATE audit SET what = l.entry FROM ledger l WHERE l.id = audit.id

UPDATE audit SET what = l.entry FROM ledger l, audit b WHERE l.id = audit.id AND b.id = l.id + 1 RETURNING audit.*, b.what

UPDATE audit SET what = c.name FROM countries c, events e WHERE e.id = audit.id AND c.code = 'DE' AND e.client_id = 3

UPDATE audit SET at = now() - now() + '2024-01-01 00:00+00' FROM ledger l WHERE l.id = audit.id RETURNING at

DELETE FROM audit WHERE id IN (SELECT id FROM events)

DELETE FROM audit USING ledger l WHERE l.id = audit.id RETURNING *

DELETE FROM audit WHERE id > (SELECT count(*) FROM parents)

WITH q AS (SELECT id FROM events GROUP BY id HAVING count(*) > 2) DELETE FROM audit USING q WHERE q.id = audit.id

# MERGE into it
MERGE INTO audit a USING ledger l ON l.id = a.id WHEN MATCHED THEN UPDATE SET what = l.entry WHEN NOT MATCHED THEN INSERT (id, what) VALUES (l.id, l.entry)

MERGE INTO audit a USING (SELECT id, max(kind) AS kind FROM events GROUP BY id) e ON e.id = a.id WHEN MATCHED AND e.id > 3 THEN DELETE WHEN MATCHED THEN UPDATE SET what = e.kind WHEN NOT MATCHED THEN INSERT (id, what) VALUES (e.id, e.kind)

MERGE INTO audit a USING parents p ON p.client_id = a.id WHEN NOT MATCHED THEN INSERT (id, what) VALUES (p.client_id, p.v) WHEN MATCHED THEN DO NOTHING

# two writes of tables on two shards
WITH d AS (DELETE FROM ledger RETURNING id) UPDATE audit SET what = 'd' FROM d WHERE d.id = audit.id

WITH d AS (DELETE FROM events RETURNING id) UPDATE audit SET what = 'd' FROM d WHERE d.id = audit.id

# PostgreSQL's own errors
UPDATE events SET kind = a.nothing FROM audit a WHERE a.id = events.id

UPDATE audit SET id = 1 FROM events e WHERE e.id = audit.id

UPDATE audit SET what = e.kind FROM events e WHERE e.id = audit.nothing

UPDATE events SET amount = 1 / (a.id - a.id) FROM audit a WHERE a.id = events.id

# parameters
@params x | 2
UPDATE events SET kind = $1 || a.what FROM audit a WHERE a.id = events.id AND a.id > $2 RETURNING events.id, events.kind

@params x | 2
UPDATE audit SET what = $1 || e.kind FROM events e WHERE e.id = audit.id AND e.client_id = 3 AND audit.id > $2 RETURNING id, what
