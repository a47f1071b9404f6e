@write
@same 12

# W1 UPDATE whose SET names a key
UPDATE sessions SET seconds = CASE WHEN client_id = 5 THEN 1 ELSE seconds END

# W9 a write after a read
SELECT 1; INSERT INTO events VALUES (700, 1, 'w9', 1)

# W12 several rows of several shards
INSERT INTO events (client_id, id, kind) VALUES (701, 1, 'w12'), (702, 1, 'w12'), (703, 1, 'w12'), (704, 1, 'w12')

# W12 several rows of one client
INSERT INTO events (client_id, id, kind) VALUES (701, 2, 'w12'), (701, 3, 'w12')

# W13 the key is left out
INSERT INTO events (id, kind) VALUES (1, 'w13')

# W13 the key is an expression
INSERT INTO events (client_id, id, kind) VALUES (700 + 5, 1, 'w13')

# W13 the key is a function of a constant
INSERT INTO orders (customer, order_id) VALUES (lower('W13'), 1)

# W13 the key is a decimal
INSERT INTO events (client_id, id, kind) VALUES (706.0, 1, 'w13')

# W13 the key is a decimal that is rounded
INSERT INTO events (client_id, id, kind) VALUES (706.6, 2, 'w13')

# W13 the key is a string
INSERT INTO events (client_id, id, kind) VALUES ('708', 1, 'w13')

# W13 DEFAULT for the key
INSERT INTO events (client_id, id, kind) VALUES (DEFAULT, 1, 'w13')

# W14 INSERT SELECT of everything
INSERT INTO sessions (client_id, session, started) SELECT client_id + 1000, md5(client_id || 'x' || id)::uuid, '2024-01-01' FROM events WHERE client_id BETWEEN 1 AND 60

# W14 INSERT SELECT of one client
INSERT INTO events (client_id, id, kind) SELECT client_id, id + 100, kind FROM events WHERE client_id = 7

# W14 INSERT SELECT of a constant key
INSERT INTO events (client_id, id, kind) SELECT 7, g, 'gen' FROM generate_series(500, 503) g

# W15 NULL key
INSERT INTO events (client_id, id, kind) VALUES (NULL, 1, 'w15')

# W16 text key with digits
INSERT INTO orders (customer, order_id) VALUES ('0123', 1)

# W16 text key given as a number
INSERT INTO orders (customer, order_id) VALUES (0123, 2)

# W17 a write in a CTE
WITH x AS (INSERT INTO events (client_id, id, kind) VALUES (709, 1, 'w17') RETURNING *) SELECT * FROM x

# W17 a write in a CTE and a read of everything
WITH x AS (INSERT INTO events (client_id, id, kind) VALUES (710, 1, 'w17') RETURNING *) SELECT count(*) FROM events

# W18 DELETE in a CTE feeds an INSERT
WITH d AS (DELETE FROM events WHERE client_id = 8 AND id = 1 RETURNING *) INSERT INTO other.events SELECT client_id, id + 50, kind FROM d

# W18 DELETE in a CTE feeds a read
WITH d AS (DELETE FROM events WHERE client_id = 8 AND id = 2 RETURNING id) SELECT * FROM d

# W19 COPY without a column list
COPY sessions FROM STDIN
@data
801	00000000-0000-0000-0000-000000000801	2024-01-01 00:00:00	1
802	00000000-0000-0000-0000-000000000802	2024-01-01 00:00:00	\N
803	00000000-0000-0000-0000-000000000803	2024-01-01 00:00:00	3
\.

# W19 HEADER false
COPY countries (code, name) FROM STDIN WITH (FORMAT csv, HEADER false)
@data
AA,First
AB,Second
\.

# W20 CSV NULL and empty string
COPY orders (customer, order_id, note) FROM STDIN WITH (FORMAT csv)
@data
w20,1,
w20,2,""
w20,3,"a ""quoted"", one"
\.

# W23 RETURNING of a split
INSERT INTO events (client_id, id, kind) VALUES (811, 1, 'w23'), (811, 2, 'w23') RETURNING client_id, id, at

# W43 a function with effects
SELECT set_config('search_path', 'public', false)

# W43 nextval of nothing
SELECT nextval('no_such_sequence')

# the key is changed
UPDATE events SET client_id = 9 WHERE client_id = 7 AND id = 1

# the key is changed to itself
UPDATE events SET client_id = client_id, amount = 1 WHERE client_id = 7 AND id = 1

# the key is set to the same value
UPDATE events SET client_id = 7, amount = 2 WHERE client_id = 7 AND id = 1

# everything
UPDATE events SET amount = 0

# everything
DELETE FROM sessions

# a word that later versions of PostgreSQL reserve
UPDATE events system_user SET kind = 'all'

# a row of VALUES that is several rows, with keys of several shards
INSERT INTO events (client_id, id, kind) VALUES (generate_series(720, 725), 1, 'set')

# a row of VALUES that is several rows of one key
INSERT INTO events (client_id, id, kind) VALUES (726, generate_series(1, 3), 'set')
