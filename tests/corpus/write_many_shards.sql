@write
@same 96

# a reference table: one row
INSERT INTO countries VALUES ('ZZ', 'Zed', 1)

# several rows, returning
INSERT INTO countries (code, name) VALUES ('AA', 'Alpha'), ('BB', 'Beta') RETURNING code, name, population, lower(name) AS low

# a row that exists
INSERT INTO countries VALUES ('DE', 'again', 1)

# a row that exists, left alone
INSERT INTO countries VALUES ('DE', 'again', 1), ('CC', 'Gamma', 2) ON CONFLICT DO NOTHING

# a row that exists, changed
INSERT INTO countries VALUES ('DE', 'Germany', 84000000) ON CONFLICT (code) DO UPDATE SET population = excluded.population RETURNING *

# from another reference table
INSERT INTO countries SELECT 'D' || row_number() OVER (ORDER BY code), name || '!' FROM countries WHERE code < 'G'

# from itself, without order
INSERT INTO remarks SELECT code, name FROM countries

# parameters
@params QQ | Cue | 5
INSERT INTO countries VALUES ($1, $2, $3) RETURNING population + $3::bigint

# update
UPDATE countries SET population = 2 WHERE code = 'ZZ'

# update of all, returning
UPDATE countries SET population = population + 1 RETURNING code, population

# update with a parameter
@params 7 | FR
UPDATE countries SET population = $1 WHERE code = $2 RETURNING code AS c, population

# update by another reference table
UPDATE countries c SET name = c.name || ' *' FROM remarks r WHERE r.code = c.code AND r.remark = 'three'

# update of rows without a key
UPDATE remarks SET remark = upper(remark) WHERE code = 'DE' RETURNING *

# update by an aggregate
UPDATE countries SET population = (SELECT max(population) FROM countries) WHERE code = 'XX' RETURNING population

# update of the key of a copy
UPDATE countries SET code = 'XY' WHERE code = 'XX'

# update of the key by what may differ
UPDATE countries SET code = (SELECT max(code) FROM remarks) WHERE code = 'XY'

# update to the default
UPDATE tags SET weight = DEFAULT, moods = DEFAULT WHERE name = 'blue' RETURNING *

# too long
UPDATE countries SET code = 'LONG' WHERE code = 'DE'

# NULL where it must not be
UPDATE countries SET name = NULL WHERE code = 'DE'

# an error in one row
UPDATE countries SET population = 1 / (population - population)

# no such column
UPDATE countries SET nothing = 1

# numbers of a sequence
INSERT INTO tags (name) VALUES ('a'), ('b') RETURNING *

# numbers of a sequence, binary and computed
INSERT INTO tags (name, weight) VALUES ('c', 2.25) RETURNING id, twice, moods, name || '!' AS loud

# a given number
INSERT INTO tags (id, name) OVERRIDING USER VALUE VALUES (900, 'given')

# numbers, with a parameter
@params p | 3.5
INSERT INTO tags (name, weight) VALUES ($1, $2) RETURNING id, name, weight

# numbers, without RETURNING
INSERT INTO tags (name, seen) SELECT code, '2024-01-01 12:00+00' FROM countries ORDER BY code

# numbers and a conflict
INSERT INTO tags (name, weight) VALUES ('red', 9), ('violet', 8) ON CONFLICT (name) DO UPDATE SET weight = excluded.weight + tags.weight RETURNING id, name, weight, twice

# numbers and a conflict, left alone
INSERT INTO tags (name) VALUES ('red'), ('grey') ON CONFLICT DO NOTHING RETURNING name

# nothing to insert
INSERT INTO tags (name) SELECT name FROM countries WHERE false RETURNING *

# default values
INSERT INTO remarks DEFAULT VALUES

# a comment at the end
INSERT INTO tags (name) VALUES ('comment') -- done

# an alias
INSERT INTO tags AS t (name) VALUES ('alias') RETURNING t.id, t.name

# a name that exists
INSERT INTO tags (name) VALUES ('red')

# picked without order
DELETE FROM tags WHERE id IN (SELECT id FROM tags ORDER BY id LIMIT 1) RETURNING name

# delete
DELETE FROM countries WHERE code = 'ZZ'

# delete by another reference table
DELETE FROM remarks r USING countries c WHERE c.code = r.code AND c.name = 'France' RETURNING r.remark, c.name

# delete by a subquery
DELETE FROM remarks WHERE code NOT IN (SELECT code FROM countries)

# delete of all
DELETE FROM tags

# a part of WITH that reads
WITH big AS (SELECT code FROM countries WHERE population > 70000000) UPDATE countries SET name = upper(name) WHERE code IN (SELECT code FROM big) RETURNING name

# merge
MERGE INTO countries c USING (VALUES ('DE', 'Deutschland'), ('NN', 'New')) AS s (code, name) ON c.code = s.code WHEN MATCHED THEN UPDATE SET name = s.name WHEN NOT MATCHED THEN INSERT (code, name) VALUES (s.code, s.name)

# merge that deletes
MERGE INTO remarks r USING countries c ON c.code = r.code WHEN MATCHED AND c.name = 'Deutschland' THEN DELETE

# rows of sharded tables into copies
INSERT INTO remarks SELECT 'DE', kind FROM events

# rows of a single table into copies
INSERT INTO remarks SELECT 'DE', what FROM audit WHERE id = 3

# colocated rows
UPDATE events e SET amount = s.seconds FROM sessions s WHERE s.client_id = e.client_id AND s.seconds = (SELECT max(seconds) FROM sessions x WHERE x.client_id = e.client_id) AND e.kind = 'buy'

# colocated rows, returning both
UPDATE events e SET amount = 1 FROM parents p WHERE p.client_id = e.client_id AND e.id = 1 RETURNING e.client_id, p.v

# colocated rows in a subquery
UPDATE events SET amount = 0 WHERE client_id IN (SELECT client_id FROM sessions WHERE seconds > 2000)

# colocated rows, none of them
DELETE FROM events WHERE NOT EXISTS (SELECT FROM sessions s WHERE s.client_id = events.client_id) AND id > 2

# colocated rows, grouped
UPDATE parents p SET v = t.n::text FROM (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) t WHERE t.client_id = p.client_id RETURNING p.client_id, p.v

# colocated rows by USING
DELETE FROM children USING parents p JOIN events e USING (client_id) WHERE p.client_id = children.client_id AND e.id = 3 AND p.v = '5'

# colocated rows outside
UPDATE parents p SET v = 'none' FROM countries c LEFT JOIN remarks r ON r.code = c.code WHERE c.code = 'JP' AND r.code IS NULL AND NOT EXISTS (SELECT FROM children x WHERE x.client_id = p.client_id)

# rows of the target in a subquery of the same key
UPDATE events e SET amount = (SELECT sum(amount) FROM events x WHERE x.client_id = e.client_id) WHERE id = 2

# rows of all shards
UPDATE parents SET v = (SELECT count(*)::text FROM events)

# rows of all shards, of the target too
UPDATE parents SET v = (SELECT max(v) FROM parents) WHERE client_id < 9 RETURNING *

# joined by something else than the key
UPDATE doubled d SET n = o.order_id FROM orders o WHERE o.order_id = d.id AND o.customer = 'customer 3' RETURNING d.client_id, d.id, d.n, d.twice

# joined by something else than the key, several tables
UPDATE parents p SET v = i.symbol FROM instruments i, market_data m WHERE m.instrument_id = i.instrument_id AND m.open = p.client_id AND m.day = '2024-01-01'

# with a parameter and rows of all shards
@params buy | 3
DELETE FROM children WHERE id = (SELECT count(*) FROM events WHERE kind = $1 AND client_id = $2)

# rows of other shards by NOT IN
DELETE FROM parents WHERE client_id NOT IN (SELECT id FROM events) AND client_id > 15

# a view
UPDATE parents p SET v = t.total::text FROM event_totals t WHERE t.client_id = p.client_id

# a view of other rows
UPDATE parents SET v = (SELECT count(*)::text FROM big_events)

# a part of WITH
WITH busy AS (SELECT client_id FROM events GROUP BY client_id HAVING count(*) > 2) UPDATE parents SET v = 'busy' WHERE client_id IN (SELECT client_id FROM busy)

# a part of WITH over all shards
WITH total AS (SELECT sum(amount) AS s FROM events) UPDATE parents p SET v = total.s::text FROM total

# an error in rows of all shards
UPDATE doubled SET n = (SELECT 1 / (count(*) - count(*)) FROM events)

# a check that fails on one shard
UPDATE doubled SET n = 100 WHERE client_id = 7 OR client_id = 8

# the time in a condition
UPDATE events SET amount = 5 WHERE at < now() AND kind = 'login'

# the day, and a time that is computed with
DELETE FROM readings WHERE day < CURRENT_DATE - interval '600 days' OR day > CURRENT_DATE + 1 RETURNING day, sensor

# the time by its long names
UPDATE sessions SET seconds = 0 WHERE started < LOCALTIMESTAMP(0) AND started < pg_catalog.now() AND transaction_timestamp() <= CURRENT_TIMESTAMP

# the time of the statement
UPDATE sessions SET seconds = 0 WHERE started < statement_timestamp() AND statement_timestamp() > '2020-01-01'

# both
UPDATE sessions SET seconds = 0 WHERE started < statement_timestamp() AND now() = statement_timestamp()

# the time and a parameter
@params 1 day
UPDATE events SET amount = 5 WHERE at < now() - $1::interval AND id = 1 RETURNING client_id

# the time under its name
UPDATE events e SET amount = 6 FROM (SELECT now()) t WHERE e.at < t.now AND id = 2

# the time and rows of all shards
UPDATE parents SET v = (SELECT count(*)::text FROM events WHERE at < now()) WHERE client_id < 5

# the time in a reference table
UPDATE tags SET weight = 3 WHERE seen < now()

# the time in the place of a table
UPDATE events e SET amount = 6 FROM now() t WHERE e.at < t AND id = 2

# random values differ anyway
UPDATE events SET amount = 7 WHERE random() < 2 AND id = 1

# another key: no other row is in the way
UPDATE events SET client_id = 7000 WHERE client_id = 3 RETURNING *

# another key for rows of several shards
UPDATE events SET client_id = 7001 WHERE id = 1 AND client_id IN (4)

# another key, and more
UPDATE doubled SET client_id = 7002, n = n + 1, short = 'xyz' WHERE client_id = 9 RETURNING client_id, id, n, twice

# a key that rows have already
UPDATE events SET client_id = 8 WHERE client_id = 5

# a key that the rows have themselves
UPDATE events SET client_id = 8 WHERE client_id = 8

# rows that would become the same
UPDATE events SET client_id = 7003 WHERE client_id IN (10, 11)

# with a parameter
@params 7004 | 12
UPDATE events SET client_id = $1 WHERE client_id = $2 RETURNING client_id, id

# with a parameter that is cast
@params 7005 | 13
UPDATE events SET client_id = $1::integer WHERE client_id = $2

# without a home
UPDATE readings SET day = NULL WHERE sensor = 1 AND day = '2024-01-06'

# a key of text
UPDATE orders SET customer = 'it''s \new' WHERE customer = 'customer 4' RETURNING *

# a key of text, by number
UPDATE orders SET customer = 12 WHERE customer = 'customer 5'

# a key of a range
UPDATE instruments SET instrument_id = 25002, symbol = 'MOVED' WHERE instrument_id = 1

# a day
UPDATE readings SET day = '2024-12-24' WHERE day = '2023-11-01'

# no row
UPDATE events SET client_id = 7006 WHERE client_id = 999999

# no row, ever
UPDATE events SET client_id = 7006 WHERE client_id = 1 AND client_id = 2 RETURNING id

# computed
UPDATE events SET client_id = client_id + 1

# with the rest of its unique key
UPDATE events SET client_id = 7007, id = id + 1 WHERE client_id = 14

# by rows of the same key
UPDATE events e SET client_id = 7008 FROM sessions s WHERE s.client_id = e.client_id AND e.client_id = 15 AND e.id = 1

# a check that fails where it is
UPDATE doubled SET client_id = 7009, n = 200 WHERE client_id = 10

# with foreign keys to it
UPDATE parents SET client_id = 7010 WHERE client_id = 3

# with a foreign key from it
UPDATE children SET client_id = 4 WHERE client_id = 3

# with a trigger
UPDATE stamped SET client_id = 4

# every type
UPDATE wide SET client_id = 7011 WHERE client_id = 5

# by a system column
UPDATE events SET amount = 1 WHERE ctid = '(0,1)'

# merge of colocated rows
MERGE INTO parents p USING sessions s ON s.client_id = p.client_id AND s.session = (SELECT min(session::text)::uuid FROM sessions x WHERE x.client_id = s.client_id) WHEN MATCHED THEN UPDATE SET v = 'seen'

# merge of colocated rows, the rest is inserted
MERGE INTO parents p USING smaller s ON s.client_id = p.client_id WHEN MATCHED AND p.client_id > 5 THEN DELETE WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN INSERT (client_id, v) VALUES (s.client_id, s.v)

# merge of rows that are not colocated
MERGE INTO parents p USING orders o ON o.order_id = p.client_id AND o.customer = 'customer 7' WHEN MATCHED THEN UPDATE SET v = o.status

# merge with a reference table
MERGE INTO instruments i USING countries c ON c.code = i.country AND c.code = 'DE' WHEN MATCHED THEN UPDATE SET symbol = c.name

# a document of the row's values
UPDATE events SET payload = jsonb_build_object('kind', kind, 'at', at, 'list', jsonb_build_array(id, amount, NULL)) WHERE id = 2

# words that are searched for
DELETE FROM events WHERE to_tsvector('english', kind) @@ to_tsquery('english', 'clicks')

# a quoted text
UPDATE events SET kind = quote_literal(kind) || quote_nullable(amount) WHERE id = 3

# to the default, beside columns whose default tells the time
UPDATE dated SET note = DEFAULT

# to one that tells the time
UPDATE dated SET day = DEFAULT, note = DEFAULT WHERE client_id > 0

# both at once
UPDATE dated SET (note, v) = (DEFAULT, 'w')
