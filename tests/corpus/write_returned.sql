@write
@same 70

# the rows that are gone are counted
WITH gone AS (DELETE FROM events WHERE id = 5 RETURNING client_id) SELECT count(*) FROM gone

# nothing of what is returned is looked at
WITH gone AS (DELETE FROM events WHERE id = 6 RETURNING client_id, kind) SELECT 'done' AS said

# rows as they were
WITH gone AS (DELETE FROM events WHERE id = 7 RETURNING *) SELECT * FROM gone ORDER BY client_id

# aggregates, grouped and ordered
WITH changed AS (UPDATE events SET amount = amount + 10 WHERE id < 4 RETURNING client_id, kind, amount) SELECT kind, count(*), sum(amount), avg(amount) FROM changed GROUP BY kind ORDER BY kind

# the rest of the statement sees what was there before
WITH changed AS (UPDATE events SET kind = 'new' WHERE id = 1 RETURNING client_id, kind) SELECT (SELECT count(*) FROM events WHERE kind = 'new') AS before, count(*) FROM changed

# the same of rows that come
WITH come AS (INSERT INTO events (client_id, id, kind) VALUES (1, 9001, 'come'), (2, 9001, 'come'), (3, 9001, 'come') RETURNING client_id, id, at) SELECT c.client_id, c.at, (SELECT count(*) FROM events e WHERE e.client_id = c.client_id AND e.id = c.id) FROM come c ORDER BY 1

# joined with a reference table
WITH changed AS (UPDATE instruments SET symbol = lower(symbol) RETURNING instrument_id, symbol, country) SELECT c.name, count(*), min(symbol) FROM changed JOIN countries c ON c.code = changed.country GROUP BY c.name ORDER BY 1

# joined with the table itself, as it was
WITH changed AS (UPDATE events SET amount = 1 WHERE id = 2 RETURNING client_id, id, amount) SELECT e.client_id, e.amount AS before, changed.amount AS after FROM events e JOIN changed USING (client_id, id) ORDER BY 1

# with IN
WITH come AS (INSERT INTO events (client_id, id, kind) VALUES (4, 9002, 'come'), (5, 9002, 'come'), (6, 9002, 'come') RETURNING client_id) SELECT session FROM sessions WHERE client_id IN (SELECT client_id FROM come) ORDER BY session

# what is returned is computed
WITH changed AS (UPDATE events SET amount = id WHERE id = 3 RETURNING client_id, upper(kind) AS loud, amount * 2 AS twice) SELECT loud, twice, count(*) FROM changed GROUP BY 1, 2 ORDER BY 1

# columns of the part have other names
WITH changed (c, k) AS (UPDATE events SET amount = id WHERE id = 3 RETURNING client_id, kind) SELECT k, max(c) FROM changed GROUP BY k ORDER BY k

# MATERIALIZED is said
WITH changed AS MATERIALIZED (UPDATE events SET amount = id WHERE id = 3 RETURNING client_id, kind) SELECT k.kind, max(k.client_id) FROM changed k GROUP BY 1 ORDER BY 1

# an alias and a star
WITH changed AS (UPDATE events AS e SET amount = 5 WHERE e.id = 3 RETURNING e.*, e.client_id AS again) SELECT again, amount, payload FROM changed ORDER BY again

# a row as a whole
WITH changed AS (UPDATE orders SET note = 'seen' WHERE order_id = 1 RETURNING orders) SELECT count(*), max((orders).note) FROM changed

# the table with its schema
WITH gone AS (DELETE FROM public.events WHERE id = 4 AND client_id < 20 RETURNING public.events.client_id, events.id) SELECT sum(client_id), sum(id) FROM gone

# an error in what is computed undoes the write
WITH gone AS (DELETE FROM events RETURNING 1 / (client_id - 3)) SELECT 1

# the rows are all there
SELECT count(*) FROM events

# an error in the query around undoes the write
WITH gone AS (DELETE FROM events RETURNING client_id, id) SELECT 1 / (client_id - 3) FROM gone

# still
SELECT count(*), sum(amount) FROM events

# only some rows are looked at
WITH gone AS (DELETE FROM events WHERE id = 8 RETURNING client_id) SELECT client_id FROM gone ORDER BY client_id LIMIT 2

# they are gone all the same
SELECT count(*) FROM events WHERE id = 8

# other rows that are tied
WITH gone AS (DELETE FROM events e USING sessions s WHERE s.client_id = e.client_id AND s.seconds > 500 RETURNING e.client_id, e.kind) SELECT kind, count(*) FROM gone GROUP BY kind ORDER BY kind

# a part that only the write needs
WITH few AS (SELECT client_id, id FROM events ORDER BY client_id DESC, id DESC LIMIT 3), gone AS (DELETE FROM events WHERE (client_id, id) IN (SELECT client_id, id FROM few) RETURNING client_id, id, kind) SELECT * FROM gone ORDER BY 1, 2

# a part that only the query needs
WITH few AS (SELECT client_id, count(*) AS n FROM sessions GROUP BY 1), changed AS (UPDATE events SET amount = 3 WHERE id = 1 RETURNING client_id) SELECT client_id, n FROM changed LEFT JOIN few USING (client_id) ORDER BY client_id

# a part that both need
WITH few AS (SELECT client_id FROM sessions), changed AS (UPDATE events SET amount = 4 WHERE client_id IN (SELECT client_id FROM few) RETURNING client_id) SELECT count(*) FROM changed JOIN few USING (client_id)

# used twice
WITH changed AS (UPDATE events SET amount = 6 WHERE id = 1 RETURNING client_id, kind) SELECT a.kind, count(*) FROM changed a JOIN changed b ON a.kind = b.kind GROUP BY 1 ORDER BY 1

# a window
WITH changed AS (UPDATE market_data SET volume = volume + 1 WHERE volume > 0 RETURNING instrument_id, day, volume) SELECT instrument_id, day, rank() OVER (ORDER BY volume, instrument_id, day) FROM changed ORDER BY 3 LIMIT 10

# UNION
WITH gone AS (DELETE FROM sessions WHERE seconds < 100 RETURNING client_id) SELECT client_id, 'gone' FROM gone UNION ALL SELECT client_id, 'left' FROM sessions ORDER BY 1, 2

# with parameters
@params 2 | 7.5 | buy
WITH changed AS (UPDATE events SET amount = $2 WHERE id = $1 RETURNING client_id, amount, kind) SELECT count(*), sum(amount), count(*) FILTER (WHERE kind = $3) FROM changed

# with parameters of the write alone
@params 2 | 8.5
WITH changed AS (UPDATE events SET amount = $2 WHERE id = $1 RETURNING client_id, amount, kind) SELECT count(*), sum(amount) FROM changed

# with parameters in turn
@params 2 | 3 | 9.5 | 4
WITH changed AS (UPDATE events SET amount = $3 WHERE id = $1 RETURNING client_id, amount, kind) SELECT kind, sum(amount) + $2 FROM changed WHERE client_id > $4 GROUP BY kind ORDER BY kind

# a part of WITH in FROM of the write
WITH few AS (SELECT client_id, max(id) AS id FROM events GROUP BY 1), gone AS (DELETE FROM events e USING few WHERE few.client_id = e.client_id AND few.id = e.id RETURNING e.*) SELECT kind, count(*) FROM gone GROUP BY kind ORDER BY kind

# ON CONFLICT
WITH stored AS (INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'again'), (2, 1, 'again'), (3, 777, 'again') ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind RETURNING client_id, id, kind) SELECT kind, count(*) FROM stored GROUP BY kind

# ON CONFLICT DO NOTHING
WITH stored AS (INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'again'), (2, 1, 'again'), (3, 778, 'again') ON CONFLICT DO NOTHING RETURNING client_id, id) SELECT array_agg(client_id), count(*) FROM stored

# was it inserted
WITH stored AS (INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'again'), (2, 1, 'again') ON CONFLICT (client_id, id) DO UPDATE SET kind = 'x' RETURNING (xmax = 0) AS inserted) SELECT count(*) FROM stored

# rows of a query
WITH stored AS (INSERT INTO events (client_id, id, kind) SELECT client_id, 60000 + seconds, 'from' FROM sessions RETURNING client_id, id) SELECT count(*), min(id), max(id) FROM stored

# rows of a query that belong elsewhere
WITH stored AS (INSERT INTO events (client_id, id, kind) SELECT client_id + 1, 80000 + seconds, 'from' FROM sessions RETURNING client_id, id) SELECT count(*), min(id), max(id) FROM stored

# rows move
WITH moved AS (UPDATE events SET client_id = 40 WHERE id = 9002 AND client_id = 4 RETURNING client_id, id) SELECT * FROM moved

# many types
WITH changed AS (UPDATE wide SET i4 = i4 + 1 RETURNING *) SELECT * FROM changed ORDER BY client_id

# a type of the users'
WITH changed AS (UPDATE wide SET md = 'ok' RETURNING client_id, md, am, pr) SELECT md, count(*), max((pr).b) FROM changed GROUP BY md

# none
WITH gone AS (DELETE FROM events WHERE id = -5 RETURNING *) SELECT count(*), max(kind) FROM gone

# none, as rows
WITH gone AS (DELETE FROM events WHERE id = -5 RETURNING *) SELECT * FROM gone

# the time of the write, and of the query
WITH changed AS (UPDATE events SET at = now() WHERE id = 1 RETURNING client_id, at) SELECT bool_and(at = now()) FROM changed

# the time of the write
WITH changed AS (UPDATE events SET at = date_trunc('century', now()) WHERE id = 1 RETURNING client_id, at) SELECT count(DISTINCT at) FROM changed

# two writes
WITH a AS (DELETE FROM events WHERE id = 2 RETURNING client_id), b AS (DELETE FROM sessions RETURNING client_id) SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)

# nothing is returned
WITH a AS (DELETE FROM events WHERE id = 2) SELECT count(*) FROM events

# what does not exist
WITH a AS (DELETE FROM events WHERE id = 2 RETURNING nonsense) SELECT count(*) FROM a

# what is not returned
WITH a AS (DELETE FROM events WHERE id = 2 RETURNING client_id) SELECT kind FROM a

# a query in what is returned
WITH changed AS (UPDATE events SET amount = 1 WHERE id = 2 RETURNING client_id, (SELECT count(*) FROM sessions) AS n) SELECT * FROM changed

# a name of the other table
WITH gone AS (DELETE FROM events e USING sessions s WHERE s.client_id = e.client_id RETURNING e.client_id, s.seconds) SELECT count(*) FROM gone

# a view around
WITH gone AS (DELETE FROM events WHERE id = 10 RETURNING client_id) SELECT gone.client_id, t.n FROM gone JOIN event_totals t USING (client_id) ORDER BY 1

# a function that looks at the table
WITH gone AS (DELETE FROM events WHERE id = 11 RETURNING client_id) SELECT all_events() FROM gone

# with policies
WITH changed AS (UPDATE private_rows SET v = v || '!' RETURNING client_id, id, v) SELECT v, count(*) FROM changed GROUP BY v ORDER BY v

# with triggers
WITH changed AS (UPDATE stamped SET id = id RETURNING client_id, v) SELECT v, count(*) FROM changed GROUP BY v ORDER BY v

# a generated column
WITH come AS (INSERT INTO doubled (client_id, id, n) VALUES (1, 1, 4), (2, 2, 5), (3, 3, 6) RETURNING client_id, twice) SELECT sum(twice) FROM come

# that breaks a check
WITH come AS (INSERT INTO doubled (client_id, id, n) VALUES (1, 902, 4), (2, 903, 500), (3, 904, 6) RETURNING client_id, twice) SELECT sum(twice) FROM come

# twice the same key
WITH come AS (INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'x'), (2, 1, 'x') RETURNING *) SELECT count(*) FROM come

# the rows at the end
SELECT client_id, id, kind, amount FROM events ORDER BY client_id, id

# VALUES around
WITH gone AS (DELETE FROM events WHERE id = 12 RETURNING client_id) VALUES ((SELECT count(*) FROM gone))

# TABLE around
WITH gone AS (DELETE FROM events WHERE id = 13 RETURNING client_id, kind) TABLE gone ORDER BY 1

# EXISTS around
WITH gone AS (DELETE FROM events WHERE id = 14 RETURNING client_id, kind) SELECT EXISTS (SELECT FROM gone)

# a COPY
COPY (WITH gone AS (DELETE FROM events WHERE id = 15 RETURNING client_id) SELECT count(*) FROM gone) TO STDOUT

# a part that is called as its table
WITH events AS (DELETE FROM events WHERE id = 16 RETURNING *) SELECT count(*), max(kind) FROM events

# a target that is called as a part
WITH events AS (SELECT 1), d AS (DELETE FROM events WHERE id = 1 RETURNING *) SELECT count(*) FROM d

# names in quotes, comments, and columns without AS
WITH "Gone (" AS (DELETE FROM events /* ) */ e WHERE e.id = 17 RETURNING e.client_id c, upper(e.kind) "K" -- )
) SELECT "K", count(*), max(c) FROM "Gone (" GROUP BY 1 ORDER BY 1

# the query in parentheses
WITH d AS (DELETE FROM events WHERE id = 18 RETURNING client_id) (SELECT client_id FROM d) ORDER BY 1

# a name twice
WITH d AS (UPDATE events SET amount = 2 WHERE id = 1 RETURNING kind, kind) SELECT kind FROM d

# a parameter among what is returned
@params tag | 1
WITH d AS (UPDATE events SET amount = 2 WHERE id = $2 RETURNING client_id, $1::text AS tag) SELECT tag, count(*) FROM d GROUP BY 1

# a literal
WITH d AS (UPDATE events SET amount = 2 WHERE id = 1 RETURNING 'x' AS x, NULL AS n, 1.50 AS d) SELECT DISTINCT x, n, d FROM d

# NOT MATERIALIZED
WITH d AS NOT MATERIALIZED (UPDATE events SET amount = 3 WHERE id = 1 RETURNING *) SELECT count(*), sum(amount) FROM d

# a WITH inside
WITH d AS (WITH few AS (SELECT 19 AS id) DELETE FROM events USING few WHERE few.id = events.id RETURNING events.id, events.client_id) SELECT count(*), max(id) FROM d

# a FROM of a query
WITH d AS (UPDATE events e SET amount = x.n FROM (SELECT client_id, count(*) AS n FROM sessions GROUP BY 1) AS x WHERE x.client_id = e.client_id RETURNING e.client_id, e.amount) SELECT sum(amount) FROM d

# LATERAL
WITH d AS (UPDATE events SET amount = 4 WHERE id = 1 RETURNING client_id, amount) SELECT d.client_id, l.n FROM d, LATERAL (SELECT count(*) AS n FROM events e WHERE e.client_id = d.client_id AND e.amount = d.amount) l ORDER BY 1

# in the order of VALUES
WITH i AS (INSERT INTO events (client_id, id, kind) VALUES (5, 9100, 'a'), (1, 9100, 'b'), (4, 9100, 'c'), (2, 9100, 'd') RETURNING client_id, kind) SELECT array_agg(client_id), string_agg(kind, '') FROM i

# keys of a sequence
WITH i AS (INSERT INTO serials (v) VALUES ('x'), ('y'), ('z') RETURNING id, v) SELECT count(DISTINCT id), min(v) FROM i

# another schema
WITH i AS (INSERT INTO other.events (client_id, id, kind) VALUES (5, 9100, 'a'), (1, 9100, 'b') RETURNING events.client_id, kind) SELECT max(client_id), min(kind) FROM i

# a key that groups
WITH d AS (UPDATE events SET amount = 5 WHERE id = 1 RETURNING client_id, id, kind) SELECT client_id, id, kind FROM d GROUP BY client_id, id

# an IN over both
WITH d AS (DELETE FROM events WHERE id = 20 RETURNING client_id) SELECT count(*) FROM events WHERE client_id IN (SELECT client_id FROM d) AND client_id IN (SELECT client_id FROM sessions)

# one that is not there any more
WITH d AS (DELETE FROM events WHERE id = 21 RETURNING client_id, id) SELECT count(e.id), count(*) FROM d LEFT JOIN events e USING (client_id, id)

# a check that fails on one shard
WITH d AS (UPDATE events SET kind = CASE WHEN client_id = 7 THEN NULL ELSE kind END RETURNING client_id) SELECT count(*) FROM d

# nothing has changed
SELECT count(*), count(kind), sum(amount) FROM events

# an array and a composite
WITH d AS (UPDATE wide SET i4 = i4 RETURNING client_id, ai, pr) SELECT client_id, ai[1], (pr).a FROM d ORDER BY 1

# arrays are made
WITH d AS (UPDATE orders SET note = 'n' WHERE order_id < 3 RETURNING customer, order_id) SELECT customer, array_agg(order_id ORDER BY order_id), json_agg(d ORDER BY order_id)::text FROM d GROUP BY customer ORDER BY 1

# nothing is returned, and rows are as they were
WITH a AS (DELETE FROM events WHERE id = 22 AND client_id < 30), few AS (SELECT count(*) AS n FROM sessions) SELECT (SELECT count(*) FROM events WHERE id = 22), n FROM few

# rows that come, of which nothing is returned
WITH a AS (INSERT INTO events (client_id, id, kind) VALUES (5, 9200, 'a'), (1, 9200, 'b') ON CONFLICT DO NOTHING) SELECT count(*) FROM sessions
