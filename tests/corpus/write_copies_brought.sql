-- Reference tables are written with rows that not every shard has.
@write
@undone
@same 23

UPDATE countries SET name = a.what FROM audit a WHERE a.id = countries.population % 10 + 1

UPDATE countries SET name = l.entry FROM ledger l WHERE countries.code = l.code AND l.id < 3 RETURNING countries.code

UPDATE countries SET population = (SELECT count(*) FROM events)

UPDATE countries c SET population = (SELECT max(id) FROM ledger l WHERE l.code = c.code) RETURNING code, population

UPDATE countries c SET name = e.kind FROM events e WHERE e.client_id = 3 AND e.id = 1 RETURNING c.code, e.kind

DELETE FROM remarks WHERE code IN (SELECT code FROM ledger)

DELETE FROM remarks USING audit a, ledger l WHERE a.id = l.id AND l.code = remarks.code

INSERT INTO remarks SELECT 'XX', kind || id FROM events

INSERT INTO remarks SELECT code, entry FROM ledger RETURNING remark

INSERT INTO remarks SELECT 'XX', max(kind) FROM events GROUP BY client_id

INSERT INTO remarks (code, remark) SELECT 'XX', kind FROM events ORDER BY client_id, id LIMIT 3 RETURNING *

INSERT INTO remarks WITH q AS (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) SELECT 'XX', n::text FROM q

WITH q AS (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) INSERT INTO remarks SELECT 'XX', n::text FROM q RETURNING remark

INSERT INTO tags (id, name) SELECT DISTINCT 1000, max(kind) FROM events ON CONFLICT (name) DO UPDATE SET weight = 12

INSERT INTO tags (id, name) SELECT 1000 + id, what FROM audit ON CONFLICT DO NOTHING RETURNING id, name, weight

INSERT INTO countries SELECT 'Z' || id, what, id FROM audit WHERE id < 10 RETURNING *

INSERT INTO countries SELECT code, entry, 1 FROM ledger WHERE code = 'DE'

MERGE INTO countries c USING ledger l ON l.code = c.code AND l.id < 2 WHEN MATCHED THEN UPDATE SET name = l.entry

MERGE INTO countries c USING audit a ON c.code = 'Z' || a.id WHEN NOT MATCHED AND a.id < 10 THEN INSERT VALUES ('Z' || a.id, a.what, a.id)

# parameters
@params x | 3
UPDATE countries SET name = $1 || l.entry FROM ledger l WHERE countries.code = l.code AND l.id < $2 RETURNING name

@params x | 3
INSERT INTO remarks SELECT 'XX', $1 || kind FROM events WHERE client_id = $2 RETURNING remark

# views, whole rows
INSERT INTO remarks SELECT 'XX', what FROM things

UPDATE countries SET name = l::text FROM ledger l WHERE countries.code = l.code

# PostgreSQL's own errors
UPDATE countries SET code = 'DE' FROM ledger l WHERE l.id = 1

INSERT INTO countries SELECT 'ZZ', NULL, 1 FROM audit

UPDATE countries SET nothing = 1 FROM ledger l WHERE l.id = 1
