@same 58

# two levels of EXISTS
SELECT e.client_id, e.id FROM events e WHERE EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id AND EXISTS (SELECT FROM parents p WHERE p.client_id = s.client_id AND p.client_id > e.id))

# the inner one tied to the outermost alone
SELECT count(*) FROM events e WHERE EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id AND EXISTS (SELECT FROM parents p WHERE p.client_id = e.client_id))

# the inner one not tied
SELECT count(*) FROM events e WHERE EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id AND EXISTS (SELECT FROM parents p WHERE p.client_id = s.seconds))

# EXISTS in ON of an outer join
SELECT e.client_id, e.id, c.code FROM events e LEFT JOIN countries c ON c.code = 'DE' AND EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 1000)

# EXISTS in ON, by the nullable side
SELECT p.client_id, e.id FROM parents p LEFT JOIN events e ON e.client_id = p.client_id AND EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id)

# equal keys in each branch of an OR
SELECT count(*) FROM events e, sessions s WHERE (e.client_id = s.client_id AND e.id = 1) OR (e.client_id = s.client_id AND s.seconds < 100)

# a key by way of coalesce
SELECT count(*) FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id LEFT JOIN parents p ON p.client_id = coalesce(s.client_id, e.client_id)

# a LEFT JOIN in parentheses on the nullable side
SELECT p.client_id, s.seconds, e.id FROM parents p LEFT JOIN (sessions s JOIN events e ON e.client_id = s.client_id AND e.id = 1) ON s.client_id = p.client_id

# the nullable side joined by another column
SELECT count(*) FROM parents p LEFT JOIN (sessions s LEFT JOIN events e ON e.id = s.seconds) ON s.client_id = p.client_id

# IN with EXCEPT inside
SELECT count(*) FROM events e WHERE e.client_id IN (SELECT client_id FROM sessions EXCEPT SELECT client_id FROM parents)

# IN with INTERSECT ALL and LIMIT inside
SELECT count(*) FROM events e WHERE e.client_id IN (SELECT client_id FROM sessions INTERSECT SELECT client_id FROM parents ORDER BY 1 LIMIT 3)

# UNION ALL with constants inside
SELECT e.client_id, e.id FROM events e JOIN (SELECT client_id FROM sessions WHERE seconds > 2000 UNION ALL SELECT 7 UNION ALL SELECT client_id FROM parents) u ON u.client_id = e.client_id

# HAVING by rows of the same key
SELECT e.client_id, count(*) FROM events e GROUP BY e.client_id HAVING count(*) > (SELECT count(*) FROM sessions s WHERE s.client_id = e.client_id) + 3

# HAVING by all rows
SELECT e.client_id, count(*) FROM events e GROUP BY e.client_id HAVING count(*) < (SELECT count(*) FROM parents)

# groups by a key that is cast
SELECT client_id::text, count(*) FROM events GROUP BY client_id::text ORDER BY 1 COLLATE "C" LIMIT 5

# groups by an expression over the key
SELECT client_id % 5, count(*), array_agg(id ORDER BY client_id, id) FROM events GROUP BY client_id % 5

# groups by the key of a table joined by another column
SELECT e.client_id, count(*) FROM events e JOIN sessions s ON s.seconds = e.id GROUP BY e.client_id

# a window by the key of the nullable side
SELECT e.client_id, s.seconds, count(*) OVER (PARTITION BY s.client_id) FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id AND s.seconds > 1500

# a window by a merged key
SELECT client_id, s.seconds, count(*) OVER (PARTITION BY client_id) FROM events e LEFT JOIN sessions s USING (client_id)

# a window by the key, DISTINCT
SELECT DISTINCT client_id, count(*) OVER (PARTITION BY client_id) FROM events

# a window by the key, DISTINCT without it
SELECT DISTINCT count(*) OVER (PARTITION BY client_id) FROM events

# windows over groups
SELECT kind, client_id, sum(count(*)) OVER (PARTITION BY kind) FROM events GROUP BY kind, client_id

# a RIGHT JOIN with a merged key that groups
SELECT client_id, count(e.id) FROM events e RIGHT JOIN sessions s USING (client_id) GROUP BY client_id

# groups by the last of three
SELECT p.client_id, count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id JOIN parents p ON p.client_id = s.client_id GROUP BY p.client_id ORDER BY 2 DESC, 1 LIMIT 4

# FILTER by rows of the same key
SELECT e.kind, count(*) FILTER (WHERE EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id)) FROM events e GROUP BY e.kind ORDER BY 1

# FILTER by all rows
SELECT e.kind, count(*) FILTER (WHERE e.id IN (SELECT s.client_id FROM sessions s)) FROM events e GROUP BY e.kind ORDER BY 1

# a key that is the value of a query over all
SELECT count(*) FROM events e WHERE e.client_id = (SELECT max(s.client_id) FROM sessions s)

# a key that is the value of a query of the same key
SELECT e.client_id, e.id FROM events e WHERE e.client_id = (SELECT max(s.client_id) FROM sessions s WHERE s.client_id = e.client_id)

# rows made of a row
SELECT e.client_id, g FROM events e JOIN sessions s USING (client_id), generate_series(1, e.id) g WHERE e.id < 3

# rows of the answer made of a row, distinct
SELECT DISTINCT e.client_id, generate_series(1, e.id) FROM events e ORDER BY 1, 2 LIMIT 9

# WITH TIES by groups
SELECT count(*) FROM events GROUP BY client_id ORDER BY count(*) FETCH FIRST 3 ROWS WITH TIES

# groups sorted by an array
SELECT client_id, array_agg(id ORDER BY id) FROM events GROUP BY client_id ORDER BY array_agg(id ORDER BY id), client_id LIMIT 4

# groups sorted by json, which cannot be
SELECT client_id FROM events GROUP BY client_id ORDER BY json_agg(id)

# rows of a group as json
SELECT client_id, json_agg(e ORDER BY id) FROM events e GROUP BY client_id

# an aggregate of an aggregate's query
SELECT max((SELECT count(*) FROM sessions s WHERE s.client_id = e.client_id)) FROM events e

# an inner aggregate over outer and inner columns
SELECT p.client_id, (SELECT sum(s.seconds + p.client_id) FROM sessions s WHERE s.client_id = p.client_id) FROM parents p

# an inner aggregate of a name that both have
SELECT p.client_id, (SELECT count(client_id) FROM sessions s WHERE s.client_id = p.client_id) FROM parents p

# an inner aggregate over a star
SELECT p.client_id, (SELECT count(p.*) FROM sessions s WHERE s.client_id = p.client_id) FROM parents p GROUP BY p.client_id

# an outer aggregate in an inner HAVING
SELECT e.kind, EXISTS (SELECT 1 FROM parents p GROUP BY p.client_id HAVING count(e.id) > 80) FROM events e GROUP BY e.kind ORDER BY 1

# WITH that is used in two places
WITH t AS (SELECT client_id, sum(seconds) AS n FROM sessions GROUP BY client_id) SELECT e.client_id FROM events e JOIN t ON t.client_id = e.client_id WHERE t.n > (SELECT avg(n) FROM t)

# WITH inside a subquery
SELECT p.client_id, (WITH t AS (SELECT seconds FROM sessions s WHERE s.client_id = p.client_id) SELECT max(seconds) FROM t) FROM parents p

# WITH whose name is that of a table
WITH sessions AS (SELECT client_id, 1 AS seconds FROM parents) SELECT e.client_id, s.seconds FROM events e JOIN sessions s USING (client_id)

# recursive
WITH RECURSIVE t (client_id, n) AS (SELECT client_id, 1 FROM parents WHERE client_id < 4 UNION ALL SELECT t.client_id, t.n + 1 FROM t JOIN events e ON e.client_id = t.client_id AND e.id = t.n WHERE t.n < 3) SELECT * FROM t

# LATERAL with a LIMIT that is not tied
SELECT p.client_id, x.id FROM parents p, LATERAL (SELECT e.id FROM events e WHERE e.id > p.client_id ORDER BY e.id, e.client_id LIMIT 1) x

# LATERAL in LATERAL
SELECT p.client_id, y.n FROM parents p, LATERAL (SELECT e.client_id, e.id FROM events e WHERE e.client_id = p.client_id) x, LATERAL (SELECT count(*) AS n FROM sessions s WHERE s.client_id = x.client_id) y

# an alias that hides a column
SELECT x.client_id, s.seconds FROM (SELECT id AS client_id FROM events) x JOIN sessions s ON s.client_id = x.client_id

# columns renamed by their alias
SELECT a.x, b.y FROM parents a (x, v) JOIN smaller b (y, v) ON a.x = b.y WHERE a.v <> b.v

# columns renamed so that they change places
SELECT count(*) FROM events a (id, client_id) JOIN sessions b ON a.client_id = b.client_id

# text keys and a comparison of another kind
SELECT count(*) FROM orders o JOIN order_items i ON o.customer ILIKE i.customer

# a table of another schema
SELECT o.client_id, e.kind FROM other.events o JOIN public.events e ON e.client_id = o.client_id AND e.id = o.id

# the same table under both schemas
SELECT other.events.client_id, public.events.kind FROM other.events JOIN public.events ON public.events.client_id = other.events.client_id WHERE public.events.id = 1

# keys in rows
SELECT count(*) FROM orders o JOIN order_items i ON (o.customer, o.order_id) = (i.customer, i.order_id)

# keys in rows, less than
SELECT count(*) FROM orders o JOIN order_items i ON (o.customer, o.order_id) <= (i.customer, i.order_id) AND i.line = 1 AND o.order_id = 2

# equal and NULL alike
SELECT count(*) FROM events e LEFT JOIN sessions s ON s.client_id IS NOT DISTINCT FROM e.client_id

# the time as a literal
SELECT count(*) FROM events e JOIN sessions s USING (client_id) WHERE e.at < 'now'

# NULL for a key
SELECT count(*) FROM events e JOIN sessions s ON s.client_id = e.client_id AND e.client_id = NULL

# nothing at all
SELECT e.client_id, count(*) FROM events e WHERE false GROUP BY e.client_id

# aggregates of nothing
SELECT count(*), sum(s.seconds), max(e.id) FROM events e JOIN sessions s USING (client_id) WHERE e.kind = 'no such'

# locked in a subquery of FROM
SELECT * FROM (SELECT client_id FROM events FOR UPDATE) x JOIN sessions s USING (client_id)

# a view locked
SELECT * FROM client_events FOR UPDATE

# TABLESAMPLE
SELECT count(*) FROM events e TABLESAMPLE SYSTEM (100) JOIN sessions s USING (client_id)

# a time that moves, as a literal
SELECT count(*) FROM events e WHERE e.at < timestamptz 'now' AND EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id)
