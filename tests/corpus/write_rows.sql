@write
@same 60

# insert one row
INSERT INTO events VALUES (900, 1, 'new', 1.25, '2024-02-02 00:00+00', NULL)

# insert with a column list in another order
INSERT INTO events (kind, id, client_id) VALUES ('new', 1, 901)

# insert with defaults
INSERT INTO events (client_id, id, kind, at) VALUES (902, 1, 'new', DEFAULT)

# insert fewer values than columns
INSERT INTO events VALUES (902, 2, 'short')

# insert too many values
INSERT INTO events (client_id, id) VALUES (902, 3, 'x')

# insert into a column that does not exist
INSERT INTO events (client_id, nope) VALUES (903, 1)

# insert into a table that does not exist
INSERT INTO nowhere VALUES (1)

# insert a duplicate
INSERT INTO events (client_id, id, kind) VALUES (7, 2, 'dup')

# insert NULL where it may not be
INSERT INTO events (client_id, id, kind) VALUES (904, 1, NULL)

# insert a bad type
INSERT INTO events (client_id, id, kind) VALUES ('many', 1, 'x')

# insert a key out of range
INSERT INTO events (client_id, id, kind) VALUES (9223372036854775808, 1, 'x')

# insert the smallest key
INSERT INTO events (client_id, id, kind) VALUES (-9223372036854775808, 2, 'x')

# insert with RETURNING
INSERT INTO events (client_id, id, kind) VALUES (905, 1, 'ret') RETURNING id, kind AS k, client_id + 1

# insert with an alias
INSERT INTO events AS e (client_id, id, kind) VALUES (906, 1, 'x') RETURNING e.kind

# insert with a subquery as a value
INSERT INTO events (client_id, id, kind) VALUES (7, (SELECT max(id) + 1 FROM events WHERE client_id = 7), 'sub')

# insert with functions as values
INSERT INTO events (client_id, id, kind, amount) VALUES (907, 1, upper('x'), 1 + 2 * 3)

# insert with a cast key
INSERT INTO events (client_id, id, kind) VALUES (908::bigint, 1, 'x')

# insert with a cast string key
INSERT INTO events (client_id, id, kind) VALUES ('909'::bigint, 1, 'x')

# insert with a negative key
INSERT INTO events (client_id, id, kind) VALUES (-909, 1, 'x')

# insert two rows of one key
INSERT INTO events (client_id, id, kind) VALUES (910, 1, 'x'), (910, 2, DEFAULT)

# insert two rows of one key
INSERT INTO events (client_id, id, kind) VALUES (910, 3, 'x'), (910, 4, 'y')

# insert rows of two keys
INSERT INTO events (client_id, id, kind) VALUES (911, 1, 'x'), (912, 1, 'y'), (913, 1, 'z')

# insert, on conflict do nothing
INSERT INTO events (client_id, id, kind) VALUES (7, 2, 'dup') ON CONFLICT DO NOTHING

# insert, on conflict update
INSERT INTO events (client_id, id, kind) VALUES (7, 2, 'dup') ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind || '!', amount = 1 RETURNING kind

# insert, on conflict update with a condition
INSERT INTO events (client_id, id, kind) VALUES (7, 2, 'dup') ON CONFLICT (client_id, id) DO UPDATE SET kind = 'never' WHERE events.id > 100

# insert, on conflict changes the key
INSERT INTO events (client_id, id, kind) VALUES (7, 2, 'dup') ON CONFLICT (client_id, id) DO UPDATE SET client_id = 8

# insert, on conflict with no such index
INSERT INTO events (client_id, id, kind) VALUES (7, 2, 'dup') ON CONFLICT (kind) DO NOTHING

# insert default values
INSERT INTO events DEFAULT VALUES

# insert select, one key
INSERT INTO sessions SELECT client_id, md5('n' || id)::uuid, '2024-01-01', id FROM events WHERE client_id = 5

# insert select, column list
INSERT INTO sessions (client_id, session, started) SELECT client_id, md5('m' || id)::uuid, '2024-01-01' FROM events WHERE client_id = 5

# insert select, wrong column lands in the key
INSERT INTO events (client_id, id, kind) SELECT id, client_id, 'swap' FROM events WHERE client_id = 5

# insert select from a reference table with a constant key
INSERT INTO events (client_id, id, kind) SELECT 914, row_number() OVER (ORDER BY code), name FROM countries

# insert select from values
INSERT INTO events (client_id, id, kind) SELECT * FROM (VALUES (915, 1, 'v')) v

# insert with a CTE
WITH v AS (SELECT 1 AS id, 'cte' AS kind) INSERT INTO events (client_id, id, kind) SELECT 916, id, kind FROM v

# insert overriding
INSERT INTO events (client_id, id, kind) OVERRIDING SYSTEM VALUE VALUES (917, 1, 'x')

# insert parameters
@params 920 | 1 | param
INSERT INTO events (client_id, id, kind) VALUES ($1, $2, $3) RETURNING *

# insert several rows of one key by parameters
@params 921 | 1 | 2
INSERT INTO events (client_id, id, kind) VALUES ($1, $2, 'a'), ($1, $3, 'b')

# insert several rows of several keys by parameters
@params 922 | 923
INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 'a'), ($2, 1, 'b')

# insert NULL by parameter
@params NULL
INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 'a')

# insert a cast parameter
@params 924
INSERT INTO events (client_id, id, kind) VALUES ($1::int, 1, 'a')

# insert an expression of a parameter
@params 924
INSERT INTO events (client_id, id, kind) VALUES ($1 + 1, 1, 'a')

# insert by unnest
@params {926,926} | {1,2}
INSERT INTO events (client_id, id, kind) SELECT c, i, 'u' FROM unnest($1::bigint[], $2::bigint[]) AS t(c, i)

# insert jsonb and timestamps by parameters
@params 927 | {"a": 1} | 2024-03-03 03:03:03+00
INSERT INTO events (client_id, id, kind, payload, at) VALUES ($1, 1, 'j', $2, $3) RETURNING payload, at

# update one row
UPDATE events SET amount = 99.5 WHERE client_id = 7 AND id = 3

# update one client
UPDATE events SET amount = coalesce(amount, 0) + 1 WHERE client_id = 7

# update with RETURNING
UPDATE events SET kind = 'upd' WHERE client_id = 7 AND id = 4 RETURNING *

# update nothing
UPDATE events SET kind = 'upd' WHERE client_id = 100000

# update with an alias
UPDATE events AS e SET kind = e.kind || '.' WHERE e.client_id = 7 AND e.id = 4

# update with FROM, colocated
UPDATE events e SET amount = s.seconds FROM sessions s WHERE s.client_id = e.client_id AND e.client_id = 7 AND e.id = 5 AND s.seconds = (SELECT max(seconds) FROM sessions WHERE client_id = 7)

# update with FROM, reference
UPDATE instruments i SET symbol = i.symbol || '-' || c.name FROM countries c WHERE c.code = i.country AND i.instrument_id = 501

# update with FROM, key on the other table only, not equal
UPDATE events e SET amount = 1 FROM sessions s WHERE s.client_id = 7

# update with a subquery of the same key
UPDATE events SET amount = (SELECT count(*) FROM sessions WHERE client_id = 7) WHERE client_id = 7 AND id = 6

# update with a subquery of another key
UPDATE events SET amount = (SELECT count(*) FROM sessions WHERE client_id = 8) WHERE client_id = 7 AND id = 6

# update row assignment
UPDATE events SET (kind, amount) = ('row', 5) WHERE client_id = 7 AND id = 6

# update row assignment from a subquery
UPDATE events SET (kind, amount) = (SELECT 'rowsub', 6) WHERE client_id = 7 AND id = 6

# update the key by row assignment
UPDATE events SET (client_id, amount) = (8, 5) WHERE client_id = 7 AND id = 6

# update to DEFAULT
UPDATE events SET at = DEFAULT WHERE client_id = 7 AND id = 6

# update with IN of one shard
UPDATE events SET amount = 3 WHERE client_id IN (7, 7) AND id = 6

# update two clients
UPDATE events SET amount = 3 WHERE client_id IN (7, 8, 9, 10)

# update without key
UPDATE events SET amount = 3 WHERE kind = 'login'

# update that violates NOT NULL
UPDATE events SET kind = NULL WHERE client_id = 7

# update parameters
@params 12.5 | 7 | 2
UPDATE events SET amount = $1 WHERE client_id = $2 AND id = $3 RETURNING amount

# update with ANY of a parameter
@params {7}
UPDATE events SET amount = amount + 1 WHERE client_id = ANY ($1)

# update a range table
UPDATE market_data SET close = close + 1 WHERE instrument_id BETWEEN 1 AND 2000

# update a range table over two shards
UPDATE market_data SET close = close + 1 WHERE instrument_id BETWEEN 9000 AND 11000

# update through a view
UPDATE client_events SET amount = 4 WHERE client_id = 7 AND id = 2

# delete one row
DELETE FROM events WHERE client_id = 9 AND id = 1

# delete one client, returning
DELETE FROM events WHERE client_id = 9 RETURNING id, kind

# delete nothing
DELETE FROM events WHERE client_id = 9

# delete USING
DELETE FROM events e USING sessions s WHERE s.client_id = e.client_id AND e.client_id = 11 AND s.seconds IS NOT NULL AND e.id = 1

# delete with EXISTS
DELETE FROM events e WHERE e.client_id = 11 AND EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id)

# delete without key
DELETE FROM events WHERE kind = 'login'

# delete parameters
@params 12 | 1
DELETE FROM events WHERE client_id = $1 AND id = $2

# delete IN of parameters
@params 12 | 12
DELETE FROM events WHERE client_id IN ($1, $2) AND id < 4 RETURNING id

# delete through a view
DELETE FROM client_events WHERE client_id = 12 AND id = 5

# merge
MERGE INTO events e USING (VALUES (13, 1), (13, 100)) v(c, i) ON e.client_id = 13 AND e.client_id = v.c AND e.id = v.i WHEN MATCHED THEN UPDATE SET kind = 'merged' WHEN NOT MATCHED THEN INSERT (client_id, id, kind) VALUES (13, v.i, 'inserted')

# merge delete
MERGE INTO events e USING sessions s ON e.client_id = s.client_id AND e.client_id = 14 AND s.client_id = 14 AND e.id = 1 AND s.seconds = 99999 WHEN MATCHED THEN DELETE

# merge with a parameter
@params 13
MERGE INTO events e USING (SELECT $1::bigint AS c) v ON e.client_id = v.c AND e.client_id = $1 AND e.id = 2 WHEN MATCHED THEN UPDATE SET amount = 77

# merge without a key
MERGE INTO events e USING sessions s ON e.client_id = s.client_id WHEN MATCHED THEN DO NOTHING

# reference table insert
INSERT INTO countries VALUES ('ZZ', 'Zed', 1)

# reference table update
UPDATE countries SET population = 2 WHERE code = 'ZZ'

# reference table delete
DELETE FROM countries WHERE code = 'ZZ'

# single table insert
INSERT INTO audit VALUES (100, 'x', '2024-01-01 00:00+00') RETURNING id

# single table update
UPDATE audit SET what = what || '!' WHERE id < 3

# single table delete
DELETE FROM audit WHERE id = 100

# single table fed from itself
INSERT INTO audit SELECT id + 200, what, at FROM audit WHERE id < 3

# single table fed from a sharded one
INSERT INTO audit SELECT id + 300, kind, at FROM events WHERE client_id = 7

# unlisted table insert
INSERT INTO unlisted VALUES (2, 'two')

# truncate
TRUNCATE order_items

# range table insert
INSERT INTO market_data VALUES (10000, '2024-02-01', 1, 2, 3)

# range table insert at the bound
INSERT INTO market_data VALUES (10001, '2024-02-01', 1, 2, 3)

# range table, two rows of one shard
INSERT INTO market_data VALUES (15, '2024-02-01', 1, 2, 3), (9999, '2024-02-01', 1, 2, 3)

# range table, two rows of two shards
INSERT INTO market_data VALUES (16, '2024-02-01', 1, 2, 3), (19999, '2024-02-01', 1, 2, 3)

# date key insert
INSERT INTO readings VALUES ('2024-01-01', 77, 1.5), ('2024-04-30', 77, 2.5)

# date key insert over two shards
INSERT INTO readings VALUES ('2023-12-31', 78, 1.5), ('2024-01-01', 78, 2.5)

# date key insert, infinity
INSERT INTO readings VALUES ('infinity', 77, 1.5)

# a transaction in one message
BEGIN; INSERT INTO events (client_id, id, kind) VALUES (930, 1, 'tx'); UPDATE events SET kind = 'tx2' WHERE client_id = 930; COMMIT

# a transaction in one message, undone
BEGIN; INSERT INTO events (client_id, id, kind) VALUES (931, 1, 'tx'); ROLLBACK

# an implicit transaction, the second statement fails
INSERT INTO events (client_id, id, kind) VALUES (932, 1, 'tx'); SELECT 1/0

# an implicit transaction over two shards
INSERT INTO events (client_id, id, kind) VALUES (933, 1, 'tx'); INSERT INTO events (client_id, id, kind) VALUES (934, 1, 'tx'); INSERT INTO events (client_id, id, kind) VALUES (935, 1, 'tx')

# savepoints in one message
BEGIN; INSERT INTO events (client_id, id, kind) VALUES (936, 1, 'a'); SAVEPOINT s; INSERT INTO events (client_id, id, kind) VALUES (936, 2, 'b'); ROLLBACK TO s; COMMIT

# copy one client, text
COPY events (client_id, id, kind) FROM STDIN
@data
940	1	text
940	2	tab\there
940	3	\N
\.

# copy one client, csv
COPY events (client_id, id, kind) FROM STDIN WITH (FORMAT csv)
@data
941,1,"with, comma"
941,2,"with ""quotes"""
\.

# copy many clients, csv with header, columns in another order
COPY events (kind, id, client_id) FROM STDIN WITH (FORMAT csv, HEADER)
@data
kind,id,client_id
a,1,942
b,1,943
c,1,944
"d
over two lines",1,945
\.

# copy many clients, other delimiter and null
COPY events (client_id, id, kind, amount) FROM STDIN WITH (DELIMITER '|', NULL 'none')
@data
950|1|a|none
951|1|b|2.5
952|1|c\|d|3
\.

# copy with the old option syntax
COPY events (client_id, id, kind) FROM STDIN CSV DELIMITER ';' QUOTE ''''
@data
953;1;'semi;colon'
954;1;plain
\.

# copy a bad row
COPY events (client_id, id, kind) FROM STDIN
@data
960	1	good
961	one	bad
\.

# copy a bad key
COPY events (client_id, id, kind) FROM STDIN
@data
962	1	good
key	1	bad
\.

# copy too few columns
COPY events (client_id, id, kind) FROM STDIN
@data
963	1
\.

# copy too many columns
COPY events (client_id, id, kind) FROM STDIN
@data
964	1	x	y
\.

# copy a duplicate
COPY events (client_id, id, kind) FROM STDIN
@data
965	1	x
965	1	x
\.

# copy without the key
COPY events (id, kind) FROM STDIN
@data
1	x
\.

# copy a NULL key
COPY events (client_id, id, kind) FROM STDIN
@data
\N	1	x
\.

# copy nothing
COPY events (client_id, id, kind) FROM STDIN
@data
\.

# copy with WHERE
COPY events (client_id, id, kind) FROM STDIN WHERE id > 1
@data
966	1	out
966	2	in
967	2	in
\.

# copy text keys with escapes
COPY orders (customer, order_id, note) FROM STDIN
@data
back\\slash two	1	x
tab\tkey	1	x
ä☃	1	\\N
\x41\101	1	AA
\.

# copy into a reference table
COPY countries FROM STDIN
@data
QA	Qatar	2900000
\.

# copy into a single table
COPY audit FROM STDIN
@data
500	copied	2024-01-01 00:00:00+00
\.

# copy into a range table, three shards
COPY market_data FROM STDIN WITH (FORMAT csv)
@data
2,2024-03-01,1,2,3
10001,2024-03-01,1,2,3
29999,2024-03-01,1,2,3
\.

# copy into a date-keyed table
COPY readings FROM STDIN WITH (FORMAT csv)
@data
2023-12-31,99,1
2024-01-01,99,2
2024-05-01,99,3
\.

# copy into a table that does not exist
COPY nowhere FROM STDIN
@data
1
\.

# copy into a column that does not exist
COPY events (client_id, nope) FROM STDIN
@data
1	2
\.
