@same 76

# Tables of one shard that no other has
SELECT id, note FROM memos ORDER BY id

# the other one
SELECT count(*), min(label) FROM labels

# by key
SELECT note FROM memos WHERE id = 7

# nothing of it
SELECT note FROM memos WHERE id = 700

# an error in it
SELECT nope FROM memos

# division by zero in it
SELECT 1 / (id - 7) FROM memos ORDER BY id

# an alias and a schema
SELECT n.id FROM public.memos AS n WHERE n.client_id > 20 ORDER BY n.id LIMIT 3

# with a reference table
SELECT l.id, c.name FROM labels l LEFT JOIN countries c USING (code) ORDER BY l.id

# with rows of one client
SELECT n.id, e.id, e.kind FROM memos n JOIN events e ON e.client_id = n.client_id WHERE n.client_id = 12 AND e.client_id = 12 ORDER BY 1, 2

# with rows of all clients
SELECT n.id, count(e.id), sum(e.amount) FROM memos n LEFT JOIN events e USING (client_id) GROUP BY n.id ORDER BY n.id

# rows of clients that it names
SELECT client_id, id FROM events WHERE client_id IN (SELECT client_id FROM memos WHERE id < 8) ORDER BY 1, 2

# both
SELECT n.id, n.note, l.label FROM memos n JOIN labels l USING (id) ORDER BY n.id

# both, one of them outer
SELECT n.id, l.label FROM memos n FULL JOIN labels l USING (id) ORDER BY 1

# both and rows of clients
SELECT l.label, count(*) FROM labels l JOIN memos n USING (id) JOIN events e USING (client_id) GROUP BY 1 ORDER BY 1

# one in a subquery of the other
SELECT label FROM labels l WHERE EXISTS (SELECT 1 FROM memos n WHERE n.id = l.id) ORDER BY label

# a set operation
SELECT id FROM labels EXCEPT SELECT id FROM memos ORDER BY 1

# with one of the first shard
SELECT a.what, n.note FROM audit a JOIN memos n USING (id) ORDER BY 1

# a CTE
WITH n AS (SELECT * FROM memos WHERE id > 9), l AS (SELECT * FROM labels) SELECT n.id, l.label FROM n LEFT JOIN l USING (id) ORDER BY 1

# a window
SELECT id, rank() OVER (ORDER BY client_id DESC) FROM memos ORDER BY id LIMIT 4

# a whole row
SELECT n FROM memos n WHERE id = 5

# a lock
SELECT id FROM memos WHERE id = 5 FOR UPDATE

# a function of a row
SELECT upper(note) FROM memos WHERE id = 5

# explained
EXPLAIN (COSTS OFF) SELECT note FROM memos WHERE id = 5

# both, grouped by a key
SELECT l.id, l.label, count(*) FROM memos n JOIN labels l USING (id) GROUP BY l.id ORDER BY 1

# both, by a parameter
@params 9
SELECT n.id, n.note, l.label FROM memos n JOIN labels l USING (id) WHERE n.id >= $1 ORDER BY n.id

# both, with parameters of several types
@params 9 | b% | 2024-01-01 00:00+00 | NULL
SELECT n.id + $1, l.code || $4, n.at FROM memos n JOIN labels l USING (id) WHERE l.label LIKE $2 AND n.at >= $3 ORDER BY 1

# both, a parameter whose type its column tells
@params 7
SELECT coalesce(l.label, $1) FROM memos n LEFT JOIN labels l USING (id) ORDER BY n.id

# both, a parameter without a type
@params x
SELECT $1, n.id FROM memos n JOIN labels l USING (id) ORDER BY 2

# both, a parameter that would be of two types
@params 7
SELECT n.id FROM memos n JOIN labels l USING (id) WHERE l.label = $1 AND n.id = $1

# both and rows of clients, by a parameter
@params 12
SELECT l.label, e.kind FROM labels l JOIN memos n USING (id) JOIN events e USING (client_id) WHERE e.client_id = $1 ORDER BY 1, 2

# both, with a limit
@params 2 | 1
SELECT n.id, l.label FROM memos n JOIN labels l USING (id) ORDER BY n.id LIMIT $1 OFFSET $2

# an error in both
SELECT n.nope FROM memos n JOIN labels l USING (id)

# another error in both
SELECT n.id FROM memos n JOIN labels l ON n.id = l.label

# ungrouped in both
SELECT n.note, count(*) FROM memos n JOIN labels l USING (id) GROUP BY n.client_id

# division by zero in both
SELECT 1 / (n.id - l.id) FROM memos n JOIN labels l USING (id)

# grouped in several ways in both
SELECT l.code, count(*) FROM memos n JOIN labels l USING (id) GROUP BY ROLLUP (l.code) HAVING count(*) > 0 ORDER BY 1

# grouped by a key in several ways in both
SELECT n.id, n.note, count(*) FROM memos n JOIN labels l USING (id) GROUP BY GROUPING SETS ((n.id), (n.id, l.code)) ORDER BY 1, 3

# rows of the one
SELECT n, l.label FROM memos n JOIN labels l USING (id) ORDER BY n.id

# rows of both
SELECT n, l FROM memos n JOIN labels l USING (id) ORDER BY n.id

# its sequence beside rows of all clients
SELECT nextval('labels_id_seq') IS NULL, (SELECT count(*) FROM events)

# stored
INSERT INTO memos (id, client_id) VALUES (100, 1), (101, 2) RETURNING id, note, at

# stored twice
INSERT INTO memos (id) VALUES (4) ON CONFLICT (id) DO UPDATE SET note = excluded.note RETURNING note

# stored from rows of clients
INSERT INTO memos (id, note, client_id) SELECT 200 + id, kind, client_id FROM events WHERE client_id = 12 RETURNING id

# stored from rows of all clients
INSERT INTO memos (id, note) SELECT 300 + row_number() OVER (ORDER BY client_id, id), kind FROM events WHERE id = 1

# stored from the other one
INSERT INTO labels (id, label) SELECT 400 + id, note FROM memos

# what has been stored
SELECT id, note FROM memos WHERE id > 200 ORDER BY id

# what has been stored in the other one
SELECT id, label FROM labels WHERE id > 400 ORDER BY id

# stored from an aggregate
INSERT INTO labels (id, label) SELECT 500 + count(*), 'all' FROM events RETURNING id, label

# stored by parameters
@params 600 | 9 | DE
INSERT INTO labels AS l (id, label, code) SELECT $1 + id, note, $3 FROM memos WHERE id < $2 RETURNING l.id, l.code

# stored with a CTE before it
WITH m AS (SELECT max(id) AS id FROM memos) INSERT INTO labels (id, label) SELECT 700 + m.id, 'm' FROM m RETURNING *

# stored twice from the other one
INSERT INTO labels (id, label) SELECT id, 'again ' || note FROM memos WHERE id < 9 ON CONFLICT (id) DO UPDATE SET label = excluded.label RETURNING id, label

# stored twice without a word
INSERT INTO labels (id, label) SELECT id, note FROM memos WHERE id < 9

# stored with a value that is none
INSERT INTO labels (id, label) SELECT 800 + id, 1 / (id - 7) FROM memos

# stored from it and itself
INSERT INTO labels (id, label) SELECT 900 + l.id, m.note || l.label FROM labels l JOIN memos m USING (id) RETURNING id

# stored with a query behind it
INSERT INTO labels (id, label) SELECT 1000 + id, note FROM memos RETURNING (SELECT count(*) FROM events)

# explained
EXPLAIN INSERT INTO labels (id, label) SELECT 1000 + id, nope FROM memos

# rows of clients from it
INSERT INTO events (client_id, id, kind) SELECT client_id, 500 + id, note FROM memos WHERE client_id IS NOT NULL

# rows of clients from both
INSERT INTO events (client_id, id, kind) SELECT n.client_id, 600 + n.id, l.label FROM memos n JOIN labels l USING (id)

# rows of clients from both, returned
@params 7 | 600
INSERT INTO events (client_id, id, kind) SELECT n.client_id, $2 + n.id, l.label FROM memos n JOIN labels l USING (id) WHERE n.id > $1 RETURNING id, kind

# rows of clients from both, a parameter of the type of its column
@params 7
INSERT INTO events (client_id, id, amount) SELECT n.client_id, n.id + 700, $1 FROM memos n JOIN labels l USING (id) RETURNING amount

# countries from it
INSERT INTO countries (code, name) SELECT 'N' || (id % 10), min(note) FROM memos GROUP BY 1

# changed
UPDATE memos SET note = upper(note) WHERE id > 8 RETURNING id, note

# changed by a reference table
UPDATE labels SET label = c.name FROM countries c WHERE c.code = labels.code

# changed by rows of clients
UPDATE memos SET note = 'seen' WHERE client_id IN (SELECT client_id FROM events WHERE id = 2)

# rows of clients changed by it
UPDATE events SET kind = 'noted' FROM memos n WHERE n.client_id = events.client_id

# deleted
DELETE FROM memos WHERE id = 4 RETURNING *

# rows of clients deleted by it
DELETE FROM events WHERE client_id IN (SELECT client_id FROM memos)

# merged
MERGE INTO memos USING (VALUES (4, 'x'), (999, 'y')) AS v (id, note) ON memos.id = v.id WHEN MATCHED THEN UPDATE SET note = v.note WHEN NOT MATCHED THEN INSERT (id, note) VALUES (v.id, v.note)

# emptied
TRUNCATE memos

# both emptied
TRUNCATE memos, labels

# locked
LOCK TABLE labels IN SHARE MODE

# copied
COPY memos TO STDOUT

# a join copied
COPY (SELECT n.id, l.label FROM memos n JOIN labels l USING (id) ORDER BY 1) TO STDOUT

# a new column
ALTER TABLE memos ADD COLUMN extra integer DEFAULT 3

# an index
CREATE INDEX ON labels (label)

# a view of it
CREATE VIEW of_notes AS SELECT id FROM memos

# a comment
COMMENT ON TABLE memos IS 'of one shard'

# statistics
ANALYZE memos

# statistics of both and of rows of clients
ANALYZE memos (id, note), labels, events

# both cleaned up
VACUUM (ANALYZE) memos, labels, events, countries

# both cleaned up, one without such a column
VACUUM ANALYZE memos (id), labels (nope)

# rights to both
GRANT SELECT ON memos, labels TO PUBLIC

# gone
DROP TABLE IF EXISTS nowhere, memos, labels, nowhere
