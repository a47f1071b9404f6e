@same 52

# a reference table leaves rows on their shards: of a table that is joined with one of other keys
SELECT e.client_id, e.id, m.day FROM events e JOIN market_data m ON m.instrument_id = e.id, countries c WHERE c.code = left(e.kind, 2) AND c.population > 1000

# by a column of the table
SELECT i.symbol, c.name, e.client_id FROM instruments i JOIN countries c ON c.code = i.country JOIN events e ON e.id = i.instrument_id WHERE c.population > 10000000

# the same in WHERE
SELECT i.symbol, c.name, e.client_id FROM instruments i, countries c, events e WHERE c.code = i.country AND e.id = i.instrument_id AND c.name > 'F'

# by way of two reference tables
SELECT i.symbol, r.remark, e.client_id FROM instruments i, countries c, remarks r, events e WHERE c.code = i.country AND r.code = c.code AND e.id = i.instrument_id AND r.remark IS NOT NULL

# equal keys and a table of others
SELECT e.client_id, e.id, s.seconds, m.day FROM events e, sessions s, market_data m WHERE s.client_id = e.client_id AND s.seconds > 100 AND e.kind <> 'login' AND m.instrument_id = e.id

# the same with USING
SELECT client_id, e.id, s.seconds, m.day FROM events e JOIN sessions s USING (client_id) JOIN market_data m ON m.instrument_id = e.id WHERE s.seconds > 100 AND e.kind <> 'login'

# NATURAL
SELECT count(*) FROM (SELECT client_id, id FROM events) x, events e NATURAL JOIN parents p, market_data m WHERE p.v IS NOT NULL AND m.instrument_id = e.id AND x.id = e.id

# NATURAL of two tables
SELECT client_id, e.id, m.day FROM events e NATURAL JOIN parents p, market_data m WHERE p.v > 'a' AND m.instrument_id = e.id

# IN
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds < 500)

# IN with a LIMIT that picks
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds < 5000 ORDER BY s.client_id DESC LIMIT 3)

# IN with groups
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds > 10 GROUP BY s.client_id HAVING count(*) > 1)

# IN with grouping sets
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds > 10 GROUP BY ROLLUP (s.client_id))

# IN of rows
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND (e.client_id, e.id) IN (SELECT c.client_id, c.id FROM children c WHERE c.v IS NOT NULL)

# IN of rows that are not in the order of the keys
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND (e.id, e.client_id) IN (SELECT c.client_id, c.id FROM children c WHERE c.id > 0)

# = ANY
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id = ANY (SELECT s.client_id FROM sessions s WHERE s.seconds < 500)

# = ALL
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id = ALL (SELECT s.client_id FROM sessions s WHERE s.seconds < 0)

# NOT IN
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id NOT IN (SELECT s.client_id FROM sessions s WHERE s.seconds < 500)

# IN with a UNION
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds < 500 UNION SELECT p.client_id FROM parents p WHERE p.v = 'x')

# IN whose table an outer join makes NULL
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id AND s.seconds > 100 WHERE p.client_id > 2)

# IN in an OR
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND (e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds < 500) OR e.kind = 'login')

# IN IS NULL
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND (e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds < 500)) IS NOT TRUE

# EXISTS
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 100)

# EXISTS of an aggregate is always true
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND EXISTS (SELECT count(*) FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 1000000)

# the same in ORDER BY
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 1000000 ORDER BY count(*))

# and in DISTINCT ON
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND EXISTS (SELECT DISTINCT ON (count(*)) 1 FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 1000000)

# and in a window
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND 1 IN (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 1000000 WINDOW w AS (ORDER BY count(*)))

# EXISTS of no rows at all
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 1000000 LIMIT 0)

# two levels of IN, the innermost tied to the outermost
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM sessions s WHERE EXISTS (SELECT 1 FROM parents p WHERE p.client_id = s.client_id AND p.client_id <> e.id AND p.v > 'a'))

# an inner join whose rows an outer join around it preserves
SELECT e.client_id, e.id, m.day, i.symbol FROM market_data m LEFT JOIN (events e JOIN parents p ON p.client_id = e.client_id AND p.v > 'b') ON m.instrument_id = e.id LEFT JOIN instruments i ON i.instrument_id = m.instrument_id WHERE m.day < '2024-02-01'

# a part of WITH RECURSIVE
WITH RECURSIVE r AS (SELECT e.client_id, e.id FROM events e, parents p WHERE p.client_id = e.client_id AND p.v > 'a' AND e.id = 1 UNION SELECT m.instrument_id, r.id + 1 FROM r, market_data m, countries c WHERE m.instrument_id = r.id AND c.population > 80000000 AND r.id < 5) SELECT * FROM r

# a chain that leaves nothing
SELECT e.client_id FROM events e, instruments i, countries c WHERE i.country = c.code AND c.name = 'Nowhere' AND i.instrument_id = e.id

# EXISTS with a star, and OFFSET
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND EXISTS (SELECT * FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 100 OFFSET 1)

# NOT EXISTS
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND NOT EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 100)

# a name of the inner query hides one of the outer
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND EXISTS (SELECT 1 FROM sessions e WHERE e.client_id = m.instrument_id AND e.seconds > 100)

# two tables by one alias at two levels
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT e.client_id FROM sessions e WHERE e.seconds > 100)

# names without their tables
SELECT kind, day FROM events, market_data WHERE instrument_id = id AND client_id IN (SELECT client_id FROM sessions WHERE seconds > 100)

# an outer join preserves what the other side would leave out
SELECT e.client_id, e.id, s.seconds, m.day FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id AND s.seconds > 100 JOIN market_data m ON m.instrument_id = e.id

# a condition on what an outer join adds
SELECT e.client_id, e.id, s.seconds, m.day FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id, market_data m WHERE m.instrument_id = e.id AND s.seconds IS NULL

# an inner join under a FULL join
SELECT e.client_id, e.id, p.v, m.day FROM (events e JOIN parents p ON p.client_id = e.client_id) FULL JOIN market_data m ON m.instrument_id = e.id WHERE p.v IS NULL OR p.v > 'a'

# an inner join under a RIGHT join
SELECT e.client_id, e.id, m.day FROM (events e JOIN parents p ON p.client_id = e.client_id AND p.client_id > 5) RIGHT JOIN market_data m ON m.instrument_id = e.id

# the same table twice
SELECT a.id, b.id, m.day FROM events a, events b, market_data m WHERE a.client_id = b.client_id AND a.kind = 'login' AND b.kind <> 'login' AND m.instrument_id = b.id

# keys of different columns
SELECT a.id, b.id, m.day FROM events a, children b, market_data m WHERE a.client_id = b.id AND b.v IS NOT NULL AND m.instrument_id = a.id

# keys of different types
SELECT e.id, w.v, m.day FROM events e, smaller w, market_data m WHERE e.client_id = w.client_id AND w.v > 'a' AND m.instrument_id = e.id

# a condition that fails for rows that are not needed
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM sessions s WHERE 10 / nullif(s.seconds, 0) > 0)

# in a query in FROM
SELECT x.client_id, m.day FROM (SELECT e.client_id, e.id FROM events e, parents p WHERE p.client_id = e.client_id AND p.v > 'a') x LEFT JOIN market_data m ON m.instrument_id = x.id

# in a part of WITH that is used twice
WITH x AS (SELECT e.client_id, e.id FROM events e, parents p WHERE p.client_id = e.client_id AND p.v > 'a') SELECT a.id, b.id FROM x a JOIN x b ON a.id = b.client_id

# correlated twice
SELECT e.client_id, e.id FROM events e WHERE e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds > 100 AND s.seconds > (SELECT min(m.volume) FROM market_data m WHERE m.instrument_id = e.id))

# a scalar subquery in the place of IN
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id = (SELECT min(s.client_id) FROM sessions s WHERE s.seconds > 100)

# a view of reference tables, and one that needs rows of several shards
SELECT i.symbol, n.name, v.id FROM instruments i, country_names n, client_events v WHERE n.code = i.country AND n.name > 'D' AND v.id = i.instrument_id AND v.kind = 'login'

# texts of blank-padded characters
SELECT i.symbol, e.id FROM instruments i, events e WHERE e.id = i.instrument_id AND i.country IN (SELECT code FROM countries WHERE name LIKE '%a%')

# a group over it
SELECT c.name, count(*), sum(e.amount) FROM countries c JOIN instruments i ON i.country = c.code JOIN events e ON e.id = i.instrument_id WHERE c.population > 1000 GROUP BY c.name

@params 100
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds > $1)

@params 100 | login
SELECT e.client_id, m.day FROM events e, market_data m, sessions s WHERE m.instrument_id = e.id AND e.client_id = s.client_id AND s.seconds > $1 AND e.kind = $2

# a column with the name of its schema in it
SELECT public.events.client_id, m.day FROM public.events, market_data m, parents p WHERE m.instrument_id = public.events.id AND p.client_id = public.events.client_id AND p.v > 'a'

# only rows of the table itself
SELECT e.client_id, m.day FROM ONLY events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT s.client_id FROM ONLY sessions s WHERE s.seconds > 100)

# rows of a table with row security
SELECT e.client_id, m.day FROM events e, market_data m WHERE m.instrument_id = e.id AND e.client_id IN (SELECT o.client_id FROM own_rows o WHERE o.id > 0)
