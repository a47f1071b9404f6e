@same 30

# scalar subquery on the same key
SELECT id, (SELECT count(*) FROM sessions WHERE client_id = 7) FROM events WHERE client_id = 7

# correlated scalar subquery
SELECT id, (SELECT count(*) FROM sessions s WHERE s.client_id = e.client_id) FROM events e WHERE e.client_id = 7

# correlated, unqualified inner name is the inner table's
SELECT id, (SELECT count(*) FROM sessions WHERE client_id = e.client_id) FROM events e WHERE e.client_id = 7

# unqualified on both sides: always true inside, all sessions counted
SELECT id, (SELECT count(*) FROM sessions WHERE client_id = client_id) FROM events WHERE client_id = 7

# scalar subquery of another key
SELECT id, (SELECT count(*) FROM sessions WHERE client_id = 8) FROM events WHERE client_id = 7

# scalar subquery without a key
SELECT id, (SELECT count(*) FROM sessions) FROM events WHERE client_id = 7

# EXISTS correlated
SELECT id FROM events e WHERE client_id = 7 AND EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 10)

# NOT EXISTS correlated
SELECT id FROM events e WHERE client_id = 5 AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id)

# EXISTS not correlated
SELECT id FROM events e WHERE client_id = 7 AND EXISTS (SELECT 1 FROM sessions s WHERE s.seconds > 10)

# IN subquery of the same key
SELECT id FROM events WHERE client_id = 7 AND id IN (SELECT id FROM other.events WHERE client_id = 7)

# IN subquery of the key column
SELECT id FROM events WHERE client_id IN (SELECT client_id FROM sessions WHERE client_id = 7)

# IN subquery gives the key
SELECT id FROM events WHERE client_id IN (SELECT 7)

# key = subquery
SELECT id FROM events WHERE client_id = (SELECT 7)

# key = subquery over a sharded table
SELECT id FROM events WHERE client_id = (SELECT client_id FROM sessions WHERE client_id = 7 LIMIT 1)

# key = subquery over a reference table
SELECT count(*) FROM events WHERE client_id = (SELECT count(*) + 2 FROM countries)

# NOT IN subquery
SELECT id FROM events WHERE client_id = 7 AND id NOT IN (SELECT seconds FROM sessions WHERE client_id = 7 AND seconds IS NOT NULL)

# ANY subquery
SELECT id FROM events WHERE client_id = 7 AND id > ALL (SELECT id - 3 FROM events WHERE client_id = 7)

# subquery in FROM
SELECT count(*) FROM (SELECT DISTINCT kind FROM events WHERE client_id = 7) k

# nested three deep
SELECT * FROM (SELECT * FROM (SELECT id, client_id FROM events) a WHERE client_id = 7) b WHERE id = 1

# limit inside, key inside
SELECT count(*) FROM (SELECT id FROM events WHERE client_id = 7 ORDER BY id LIMIT 3) x

# CTE with the key
WITH x AS (SELECT * FROM events WHERE client_id = 7) SELECT id FROM x WHERE id > 2

# CTE, key outside
WITH x AS (SELECT * FROM events) SELECT id FROM x WHERE client_id = 7

# CTE materialized, key outside
WITH x AS MATERIALIZED (SELECT * FROM events) SELECT id FROM x WHERE client_id = 7

# two CTEs of one key
WITH a AS (SELECT * FROM events WHERE client_id = 7), b AS (SELECT * FROM sessions WHERE client_id = 7) SELECT a.id, b.seconds FROM a, b

# two CTEs of two keys
WITH a AS (SELECT * FROM events WHERE client_id = 7), b AS (SELECT * FROM sessions WHERE client_id = 8) SELECT count(*) FROM a, b

# CTE hides a table
WITH events AS (SELECT 1 AS client_id, 2 AS id) SELECT * FROM events WHERE client_id = 1

# CTE hides a table for others only
WITH events AS (SELECT * FROM events WHERE client_id = 7) SELECT id FROM events

# schema-qualified name is not the CTE
WITH events AS (SELECT 1 AS x) SELECT id FROM public.events WHERE client_id = 7

# CTE that is not used
WITH unused AS (SELECT * FROM events) SELECT id FROM events WHERE client_id = 7

# CTE that refers to an earlier one
WITH a AS (SELECT * FROM events WHERE client_id = 7), b AS (SELECT kind, count(*) n FROM a GROUP BY kind) SELECT * FROM b

# recursive without tables
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT * FROM r

# recursive over one key
WITH RECURSIVE r(id) AS (SELECT id FROM events WHERE client_id = 7 AND id = 1 UNION SELECT e.id FROM events e JOIN r ON e.id = r.id + 1 WHERE e.client_id = 7) SELECT * FROM r

# recursive without a key inside
WITH RECURSIVE r(id) AS (SELECT id FROM events WHERE client_id = 7 AND id = 1 UNION SELECT e.id FROM events e JOIN r ON e.id = r.id + 1) SELECT * FROM r

# CTE key outside via join
WITH k AS (SELECT 7::bigint AS c) SELECT count(*) FROM events, k WHERE client_id = c

# union of one key
SELECT id FROM events WHERE client_id = 7 UNION SELECT seconds FROM sessions WHERE client_id = 7

# union all of one key, ordered
SELECT id FROM events WHERE client_id = 7 UNION ALL SELECT id FROM other.events WHERE client_id = 7 ORDER BY 1

# intersect
SELECT id FROM events WHERE client_id = 7 INTERSECT SELECT id FROM other.events WHERE client_id = 7

# except
SELECT id FROM events WHERE client_id = 7 EXCEPT SELECT id FROM other.events WHERE client_id = 7

# union with a reference table
SELECT kind FROM events WHERE client_id = 7 UNION SELECT name FROM countries

# union with constants
SELECT id FROM events WHERE client_id = 7 UNION ALL SELECT 99

# union of a union
(SELECT id FROM events WHERE client_id = 7 UNION SELECT 1) EXCEPT (SELECT 2 UNION SELECT 3)

# union with a limit in a branch
(SELECT id FROM events WHERE client_id = 7 ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM events WHERE client_id = 7 ORDER BY id DESC LIMIT 1)

# union of two keys
SELECT id FROM events WHERE client_id = 7 UNION ALL SELECT id FROM events WHERE client_id = 8

# except of two keys
SELECT id FROM events WHERE client_id = 7 EXCEPT SELECT id FROM events WHERE client_id = 8

# union of the whole and a key
SELECT id FROM events UNION SELECT id FROM events WHERE client_id = 8

# key outside a union
SELECT count(*) FROM (SELECT client_id FROM events UNION ALL SELECT client_id FROM sessions) u WHERE client_id = 7

# values
VALUES (1, 'a'), (2, 'b')

# values in FROM
SELECT * FROM (VALUES (1), (2)) v

# subquery in ORDER BY
SELECT id FROM events WHERE client_id = 7 ORDER BY (SELECT max(seconds) FROM sessions WHERE client_id = 7), id

# subquery in LIMIT
SELECT id FROM events WHERE client_id = 7 ORDER BY id LIMIT (SELECT 2)

# subquery in LIMIT over all sessions
SELECT id FROM events WHERE client_id = 7 ORDER BY id LIMIT (SELECT count(*) FROM sessions)

# subquery in HAVING
SELECT kind FROM events WHERE client_id = 7 GROUP BY kind HAVING count(*) > (SELECT count(*) FROM audit)

# subquery in an aggregate's FILTER
SELECT count(*) FILTER (WHERE id > (SELECT 2)) FROM events WHERE client_id = 7

# row subquery
SELECT id FROM events WHERE (client_id, id) = (SELECT 7, 2)

# array of a subquery
SELECT ARRAY(SELECT id FROM events WHERE client_id = 7 ORDER BY id)

# array of a subquery over everything
SELECT array_length(ARRAY(SELECT id FROM events), 1)

# view
SELECT * FROM client_events WHERE client_id = 7

# view with renamed key and filter
SELECT * FROM big_events WHERE owner = 7

# view without a key
SELECT count(*) FROM big_events

# view with an aggregate
SELECT * FROM event_totals WHERE client_id = 7

# view over a reference table
SELECT * FROM country_names WHERE code = 'DE'

# view joined with its table
SELECT v.n, count(*) FROM event_totals v JOIN events e USING (client_id) WHERE client_id = 7 GROUP BY v.n

# view with a union of keys
SELECT count(*) FROM client_events WHERE client_id = 7 OR client_id = 8
