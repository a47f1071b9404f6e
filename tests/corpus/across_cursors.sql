@same 60

# a text of reads
SELECT count(*) FROM events; SELECT sum(quantity) FROM order_items; SELECT code FROM countries ORDER BY code LIMIT 1

# of reads and settings
SET LOCAL timezone = 'Asia/Tokyo'; SELECT max(at) FROM events; SELECT current_setting('timezone')

# an error in the middle
SELECT count(*) FROM events; SELECT 1 / (count(*) - count(*)) FROM events; SELECT 1

# an unknown column in the middle
SELECT count(*) FROM events; SELECT nope FROM orders; SELECT 1

# keys of several shards
SELECT id FROM events WHERE client_id = 1 ORDER BY id; SELECT id FROM events WHERE client_id = 2 ORDER BY id; SELECT id FROM events WHERE client_id = 3 ORDER BY id

# a join, a view and a catalog
SELECT count(*) FROM events e JOIN sessions s USING (client_id); SELECT * FROM event_totals ORDER BY 1 LIMIT 3; SELECT relname FROM pg_class WHERE relname = 'events' AND relnamespace = 'public'::regnamespace

# prepared, without parameters
PREPARE p AS SELECT kind, count(*), sum(amount) FROM events GROUP BY kind ORDER BY kind; EXECUTE p; EXECUTE p; DEALLOCATE p

# with one that names shards
PREPARE p (bigint) AS SELECT id FROM events WHERE client_id = $1 ORDER BY id; EXECUTE p (1); EXECUTE p (2); EXECUTE p (1 + 2); DEALLOCATE p

# with a list
PREPARE p (bigint[]) AS SELECT client_id, id FROM events WHERE client_id = ANY ($1) ORDER BY 1, 2; EXECUTE p ('{1,2,3}'); EXECUTE p (ARRAY[4, 5]); EXECUTE p (NULL); DEALLOCATE p

# with a range
PREPARE p AS SELECT count(*), min(day), max(close) FROM market_data WHERE instrument_id BETWEEN $1 AND $2; EXECUTE p (1, 20000); EXECUTE p (5, 3); EXECUTE p (10000 - 1, 10000 + 5); DEALLOCATE p

# types that PostgreSQL finds
PREPARE p AS SELECT count(*) FROM events WHERE at > $1 AND amount < $2 AND payload @> $3; EXECUTE p ('2020-01-01', 100, '{}'); EXECUTE p (timestamptz '2020-01-01' + interval '1 year', 10.5 * 2, '{"a": 1}'::jsonb); DEALLOCATE p

# of every kind
PREPARE p (smallint, integer, bigint, real, double precision, numeric, text, boolean, date) AS SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, count(*) FROM events; EXECUTE p (1, 2, 3, 1.5, 'NaN', 12.340, 'x', true, '2024-02-29'); EXECUTE p (1 + 0, -2, 3, 0.1, 1e300, 1e-20, 'it''s' || '', 1 = 2, date '2024-01-31' + 1); EXECUTE p (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL); DEALLOCATE p

# a value out of range
PREPARE p (smallint) AS SELECT count(*) FROM events WHERE client_id > $1; EXECUTE p (70000); DEALLOCATE p

# a value of the wrong type
PREPARE p (date) AS SELECT count(*) FROM events WHERE at > $1; EXECUTE p (1 + 1); DEALLOCATE p

# one that is still there, because the text before failed as a whole
DEALLOCATE ALL

# too few
PREPARE p (bigint) AS SELECT count(*) FROM events WHERE client_id > $1; EXECUTE p; DEALLOCATE p

# none
DEALLOCATE ALL

# types that need more than a key
PREPARE p (jsonb, interval, varchar(3)[], numeric(5,2), char(4), time, int4range, bytea) AS SELECT $1, $2, $3, $4, $5, $6, $7, $8, count(*) FROM events WHERE payload @> $1; EXECUTE p ('{}', '1 day 02:03', '{abcd,NULL}', 1.239, 'xy', '10:11', '[1,5]', '\x00ff'); EXECUTE p ('{}'::jsonb, interval '1 day' * 2, ARRAY['a', 'b'], 1.0 / 3, 'x' || 'y', time '10:11' + interval '1 hour', int4range(1, 3), NULL); DEALLOCATE p

# time of the arguments
PREPARE p (timestamptz) AS SELECT count(*) FROM events WHERE at < $1; EXECUTE p (now()); EXECUTE p (clock_timestamp()); EXECUTE p (CURRENT_DATE); DEALLOCATE p

# arguments with names and casts
PREPARE p AS SELECT count(*) FROM orders WHERE customer > $1 AND total > $2; EXECUTE p ('a'::varchar, CAST('1' AS numeric)); EXECUTE p (current_user, abs(-1)); DEALLOCATE p

# forward
BEGIN; DECLARE c CURSOR FOR SELECT client_id, id, kind FROM events ORDER BY 1, 2; FETCH 3 FROM c; FETCH NEXT FROM c; MOVE 10 FROM c; FETCH c; FETCH 1 FROM c; COMMIT

# forward, the first 2
DECLARE c CURSOR FOR SELECT client_id, id, kind FROM events ORDER BY 1, 2; FETCH 3 FROM c

# forward, the first 3
DECLARE c CURSOR FOR SELECT client_id, id, kind FROM events ORDER BY 1, 2; FETCH 3 FROM c; FETCH NEXT FROM c

# forward, the first 4
DECLARE c CURSOR FOR SELECT client_id, id, kind FROM events ORDER BY 1, 2; FETCH 3 FROM c; FETCH NEXT FROM c; MOVE 10 FROM c

# forward, the first 5
DECLARE c CURSOR FOR SELECT client_id, id, kind FROM events ORDER BY 1, 2; FETCH 3 FROM c; FETCH NEXT FROM c; MOVE 10 FROM c; FETCH c

# every direction, over a join
BEGIN; DECLARE d SCROLL CURSOR FOR SELECT e.client_id, count(*) FROM events e JOIN sessions s USING (client_id) GROUP BY 1 ORDER BY 1; FETCH LAST FROM d; FETCH BACKWARD 2 FROM d; FETCH ABSOLUTE 3 FROM d; FETCH RELATIVE -1 FROM d; MOVE ABSOLUTE 0 IN d; FETCH PRIOR FROM d; FETCH ALL FROM d; FETCH FORWARD 2 FROM d; COMMIT

# every direction, over a join, the first 2
DECLARE d SCROLL CURSOR FOR SELECT e.client_id, count(*) FROM events e JOIN sessions s USING (client_id) GROUP BY 1 ORDER BY 1; FETCH LAST FROM d

# every direction, over a join, the first 3
DECLARE d SCROLL CURSOR FOR SELECT e.client_id, count(*) FROM events e JOIN sessions s USING (client_id) GROUP BY 1 ORDER BY 1; FETCH LAST FROM d; FETCH BACKWARD 2 FROM d

# every direction, over a join, the first 4
DECLARE d SCROLL CURSOR FOR SELECT e.client_id, count(*) FROM events e JOIN sessions s USING (client_id) GROUP BY 1 ORDER BY 1; FETCH LAST FROM d; FETCH BACKWARD 2 FROM d; FETCH ABSOLUTE 3 FROM d

# every direction, over a join, the first 5
DECLARE d SCROLL CURSOR FOR SELECT e.client_id, count(*) FROM events e JOIN sessions s USING (client_id) GROUP BY 1 ORDER BY 1; FETCH LAST FROM d; FETCH BACKWARD 2 FROM d; FETCH ABSOLUTE 3 FROM d; FETCH RELATIVE -1 FROM d

# every direction, over a join, the first 6
DECLARE d SCROLL CURSOR FOR SELECT e.client_id, count(*) FROM events e JOIN sessions s USING (client_id) GROUP BY 1 ORDER BY 1; FETCH LAST FROM d; FETCH BACKWARD 2 FROM d; FETCH ABSOLUTE 3 FROM d; FETCH RELATIVE -1 FROM d; MOVE ABSOLUTE 0 IN d

# every direction, over a join, the first 7
DECLARE d SCROLL CURSOR FOR SELECT e.client_id, count(*) FROM events e JOIN sessions s USING (client_id) GROUP BY 1 ORDER BY 1; FETCH LAST FROM d; FETCH BACKWARD 2 FROM d; FETCH ABSOLUTE 3 FROM d; FETCH RELATIVE -1 FROM d; MOVE ABSOLUTE 0 IN d; FETCH PRIOR FROM d

# every direction, over a join, the first 8
DECLARE d SCROLL CURSOR FOR SELECT e.client_id, count(*) FROM events e JOIN sessions s USING (client_id) GROUP BY 1 ORDER BY 1; FETCH LAST FROM d; FETCH BACKWARD 2 FROM d; FETCH ABSOLUTE 3 FROM d; FETCH RELATIVE -1 FROM d; MOVE ABSOLUTE 0 IN d; FETCH PRIOR FROM d; FETCH ALL FROM d

# on two shards, in turn
BEGIN; DECLARE one CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id; DECLARE other CURSOR FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id; FETCH 2 FROM one; FETCH 2 FROM other; FETCH 1 FROM one; CLOSE one; FETCH 1 FROM other; COMMIT

# on two shards, in turn, the first 2
DECLARE one CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id; DECLARE other CURSOR FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id

# on two shards, in turn, the first 3
DECLARE one CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id; DECLARE other CURSOR FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id; FETCH 2 FROM one

# on two shards, in turn, the first 4
DECLARE one CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id; DECLARE other CURSOR FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id; FETCH 2 FROM one; FETCH 2 FROM other

# on two shards, in turn, the first 5
DECLARE one CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id; DECLARE other CURSOR FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id; FETCH 2 FROM one; FETCH 2 FROM other; FETCH 1 FROM one

# on two shards, in turn, the first 6
DECLARE one CURSOR FOR SELECT id FROM events WHERE client_id = 2 ORDER BY id; DECLARE other CURSOR FOR SELECT id FROM events WHERE client_id = 3 ORDER BY id; FETCH 2 FROM one; FETCH 2 FROM other; FETCH 1 FROM one; CLOSE one

# every type
BEGIN; DECLARE w CURSOR FOR SELECT client_id, n, f8, d, ts, iv, u, jb, ip, ai, at, md, b, c5, v5, by, t, m FROM wide ORDER BY client_id; FETCH 5 FROM w; COMMIT

# a view
BEGIN; DECLARE v CURSOR FOR SELECT * FROM big_events ORDER BY owner, id; FETCH 5 FROM v; COMMIT

# a set operation
BEGIN; DECLARE u CURSOR FOR SELECT client_id FROM events UNION SELECT client_id FROM sessions ORDER BY 1; FETCH ALL FROM u; COMMIT

# a recursive query
BEGIN; DECLARE r CURSOR FOR WITH RECURSIVE n(i) AS (SELECT min(client_id) FROM events WHERE client_id > 0 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i, (SELECT count(*) FROM events WHERE client_id = i) FROM n ORDER BY 1; FETCH ALL FROM r; COMMIT

# names in quotes
BEGIN; DECLARE "C" NO SCROLL CURSOR WITHOUT HOLD FOR SELECT count(*) FROM events; FETCH ALL FROM "C"; CLOSE ALL; FETCH "C"; COMMIT

# names in quotes, the first 2
DECLARE "C" NO SCROLL CURSOR WITHOUT HOLD FOR SELECT count(*) FROM events; FETCH ALL FROM "C"

# names in quotes, the first 3
DECLARE "C" NO SCROLL CURSOR WITHOUT HOLD FOR SELECT count(*) FROM events; FETCH ALL FROM "C"; CLOSE ALL

# savepoints
BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT count(*) FROM order_items; FETCH c; ROLLBACK TO s; DECLARE c CURSOR FOR SELECT count(*) FROM events; FETCH c; COMMIT

# gone with its savepoint
BEGIN; SAVEPOINT s; DECLARE c CURSOR FOR SELECT count(*) FROM order_items; ROLLBACK TO s; FETCH c

# a name that is taken
BEGIN; DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 1; DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 2

# without a block the text is one
DECLARE c SCROLL CURSOR FOR SELECT count(*) FROM events; FETCH c; FETCH c; MOVE BACKWARD 1 FROM c; FETCH c

# BEGIN AND COMMIT between
DECLARE c CURSOR FOR SELECT count(*) FROM events; COMMIT; FETCH c

# held over a COMMIT
DECLARE c CURSOR WITH HOLD FOR SELECT count(*) FROM events; COMMIT; FETCH c; CLOSE c

# outside
DECLARE c CURSOR FOR SELECT count(*) FROM events

# held
DECLARE h SCROLL CURSOR WITH HOLD FOR SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind

# rows
FETCH 1 FROM h

# rows
FETCH LAST FROM h

# rows
FETCH BACKWARD ALL FROM h

# closed
CLOSE h

# gone
FETCH h

# with parameters
@params 3
DECLARE p CURSOR FOR SELECT client_id, id FROM events WHERE client_id < $1 ORDER BY 1, 2

# with parameters
@params 3 | c
DECLARE p CURSOR FOR SELECT client_id, id FROM events WHERE client_id < $1 AND kind > $2 ORDER BY 1, 2
