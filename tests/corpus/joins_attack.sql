@same 184

# a reference table drives: its rows would come once a shard
SELECT c.code, d.client_id FROM countries c LEFT JOIN doubled d ON d.code = c.code

# the same, from the right
SELECT c.code, d.client_id FROM doubled d RIGHT JOIN countries c ON d.code = c.code

# the same, FULL
SELECT c.code, d.client_id FROM doubled d FULL JOIN countries c ON d.code = c.code

# the same, counted
SELECT count(*), count(d.client_id) FROM countries c LEFT JOIN doubled d ON d.code = c.code AND d.client_id = 3

# the same, grouped by a key that is not there
SELECT d.client_id, count(*) FROM countries c LEFT JOIN doubled d ON d.code = c.code AND d.n > 5 GROUP BY d.client_id

# in brackets, under an inner join
SELECT c.code, d.client_id, p.v FROM parents p JOIN (countries c LEFT JOIN doubled d ON d.code = c.code) ON d.client_id = p.client_id

# in brackets, under a left join
SELECT p.client_id, c.code, d.id FROM parents p LEFT JOIN (countries c LEFT JOIN doubled d ON d.code = c.code) ON d.client_id = p.client_id

# in brackets, under a left join by another condition
SELECT p.client_id, c.code, d.id FROM parents p LEFT JOIN (countries c LEFT JOIN doubled d ON d.code = c.code AND d.client_id = p.client_id) ON true

# lateral: a reference table drives inside
SELECT p.client_id, x.code, x.id FROM parents p, LATERAL (SELECT c.code, d.id FROM countries c LEFT JOIN doubled d ON d.code = c.code AND d.client_id = p.client_id) x

# lateral under a left join of a reference table
SELECT c.code, x.client_id, x.n FROM countries c LEFT JOIN LATERAL (SELECT d.client_id, count(*) AS n FROM doubled d WHERE d.code = c.code GROUP BY d.client_id) x ON true

# lateral under an inner join of a reference table
SELECT c.code, x.client_id, x.n FROM countries c, LATERAL (SELECT d.client_id, count(*) AS n FROM doubled d WHERE d.code = c.code GROUP BY d.client_id) x

# rows of a function drive
SELECT g, e.id FROM generate_series(1, 8) g LEFT JOIN events e ON e.client_id = g AND e.kind = 'buy'

# rows of VALUES drive
SELECT v.k, e.id FROM (VALUES (1), (2), (1000)) v (k) LEFT JOIN events e ON e.client_id = v.k AND e.id = 2

# rows of VALUES beside
SELECT v.k, e.id FROM (VALUES (1::bigint), (2), (1000)) v (k) JOIN events e ON e.client_id = v.k

# VALUES twice
SELECT v.k, e.id, s.seconds FROM (VALUES (1::bigint), (2), (3)) v (k) JOIN events e ON e.client_id = v.k JOIN sessions s ON s.client_id = v.k

# a function beside
SELECT e.client_id, g FROM events e, generate_series(1, e.id) g WHERE e.kind = 'buy'

# a function beside that asks another table of the key
SELECT p.client_id, g FROM parents p, generate_series(1, (SELECT max(s.seconds) / 1000 FROM sessions s WHERE s.client_id = p.client_id)) g

# a function beside that asks another table
SELECT p.client_id, g FROM parents p, generate_series(1, (SELECT count(*) / 30 FROM sessions s)) g

# no sharded table in FROM
SELECT (SELECT count(*) FROM events e), (SELECT max(seconds) FROM sessions s)

# nothing in FROM but a reference table
SELECT c.code, (SELECT count(*) FROM doubled d WHERE d.code = c.code) FROM countries c

# a reference table with EXISTS of a sharded one
SELECT c.code FROM countries c WHERE EXISTS (SELECT FROM doubled d WHERE d.code = c.code AND d.n > 15)

# FULL, USING
SELECT client_id, p.v, s.seconds FROM parents p FULL JOIN sessions s USING (client_id)

# FULL, USING, grouped by what is merged
SELECT client_id, count(*) FROM parents p FULL JOIN sessions s USING (client_id) GROUP BY client_id

# RIGHT, USING, grouped by what is merged
SELECT client_id, count(*) FROM parents p RIGHT JOIN sessions s USING (client_id) GROUP BY client_id

# RIGHT, USING, grouped by what is not
SELECT p.client_id, count(*) FROM parents p RIGHT JOIN sessions s USING (client_id) GROUP BY p.client_id

# LEFT, USING, distinct keys of the nullable side
SELECT DISTINCT s.client_id FROM parents p LEFT JOIN sessions s USING (client_id)

# LEFT, USING, distinct keys that are merged
SELECT DISTINCT client_id FROM parents p LEFT JOIN sessions s USING (client_id)

# DISTINCT ON a name that is a column of the answer first
SELECT DISTINCT ON (client_id) s.client_id FROM parents p LEFT JOIN sessions s USING (client_id) ORDER BY client_id

# the same without an order
SELECT DISTINCT ON (client_id) s.client_id FROM parents p LEFT JOIN sessions s USING (client_id)

# the same by a star
SELECT count(*) FROM (SELECT DISTINCT ON (client_id) s.* FROM parents p LEFT JOIN sessions s USING (client_id)) x

# the same by a star of its own, not counted
SELECT DISTINCT ON (client_id) s.client_id IS NULL, s.* FROM parents p LEFT JOIN sessions s USING (client_id) ORDER BY client_id, session

# the same under a join
SELECT x.pk, e.id FROM (SELECT DISTINCT ON (client_id) s.client_id, p.client_id AS pk FROM parents p LEFT JOIN sessions s USING (client_id) ORDER BY client_id, p.client_id DESC) x JOIN events e ON e.client_id = x.pk

# DISTINCT ON an alias that hides the key
SELECT DISTINCT ON (client_id) kind AS client_id FROM events

# DISTINCT ON the key and more, with a star
SELECT DISTINCT ON (e.client_id, e.kind) e.* FROM events e ORDER BY e.client_id, e.kind, e.id

# DISTINCT ON the key, of one table by a star
SELECT DISTINCT ON (client_id) * FROM events ORDER BY client_id, id

# GROUP BY a name that is a column first
SELECT kind AS client_id, count(*) FROM events GROUP BY client_id, kind

# GROUP BY an alias
SELECT id AS k, count(*) FROM events GROUP BY k

# GROUP BY an alias of the key
SELECT client_id AS k, count(*) FROM events GROUP BY k

# GROUP BY a position that is not the key
SELECT kind, client_id % 3, count(*) FROM events GROUP BY 1, 2

# GROUP BY a position behind a star
SELECT e.*, 1 FROM events e GROUP BY 1, 2, 3, 4, 5, 6

# GROUP BY and nothing
SELECT client_id, count(*) FROM events GROUP BY GROUPING SETS ((client_id), ())

# GROUP BY a row of the key
SELECT client_id, count(*) FROM events GROUP BY (client_id, kind), client_id

# ROLLUP under a join
SELECT x.client_id, x.n, p.v FROM (SELECT client_id, count(*) AS n FROM events GROUP BY ROLLUP (client_id)) x LEFT JOIN parents p ON p.client_id = x.client_id

# GROUP BY DISTINCT
SELECT client_id, kind, count(*) FROM events GROUP BY DISTINCT client_id, kind

# HAVING without GROUP BY
SELECT 1 FROM events HAVING count(*) > 10

# HAVING without GROUP BY, without aggregates
SELECT 1 FROM events HAVING true

# HAVING of another table
SELECT e.client_id, count(*) FROM events e GROUP BY e.client_id HAVING count(*) > (SELECT count(*) * 2 FROM sessions s WHERE s.client_id = e.client_id)

# HAVING of all of another table
SELECT e.client_id, count(*) FROM events e GROUP BY e.client_id HAVING count(*) * 16 > (SELECT count(*) FROM sessions s)

# HAVING of another table, grouped by something else
SELECT e.kind, count(*) FROM events e GROUP BY e.kind HAVING count(*) > (SELECT count(*) FROM sessions s)

# HAVING that groups in a subquery of the key
SELECT p.client_id FROM parents p WHERE EXISTS (SELECT count(*) FROM sessions s WHERE s.client_id = p.client_id HAVING count(*) = 0)

# an aggregate of an outer query
SELECT (SELECT count(e.id)) FROM events e

# an aggregate of an outer query beside a table
SELECT (SELECT max(e.id) FROM sessions s WHERE s.client_id = 3 AND s.seconds > 100) FROM events e

# an aggregate of an outer query in groups of the key
SELECT e.client_id, (SELECT sum(e.amount) FROM parents p WHERE p.client_id = e.client_id) FROM events e GROUP BY e.client_id

# an aggregate of both
SELECT e.client_id, (SELECT sum(s.seconds + e.id) FROM sessions s WHERE s.client_id = e.client_id) FROM events e WHERE e.id < 3

# a window by a key that may be NULL
SELECT p.client_id, count(*) OVER (PARTITION BY x.k) FROM parents p LEFT JOIN LATERAL (SELECT p.client_id AS k FROM countries c WHERE c.code = 'DE' AND p.client_id > 9) x ON true

# groups by a key that may be NULL
SELECT x.k, count(*) FROM parents p LEFT JOIN LATERAL (SELECT p.client_id AS k FROM countries c WHERE c.code = 'DE' AND p.client_id > 9) x ON true GROUP BY x.k

# distinct rows of a key that may be NULL
SELECT DISTINCT x.k FROM parents p LEFT JOIN LATERAL (SELECT p.client_id AS k FROM countries c WHERE c.code = 'DE' AND p.client_id > 9) x ON true

# DISTINCT ON a key that may be NULL
SELECT DISTINCT ON (x.k) x.k FROM parents p LEFT JOIN LATERAL (SELECT p.client_id AS k FROM countries c WHERE c.code = 'DE' AND p.client_id > 9) x ON true

# the key carried by a lateral query
SELECT x.k, count(*) FROM parents p CROSS JOIN LATERAL (SELECT p.client_id AS k FROM countries c) x GROUP BY x.k

# a window of the nullable side
SELECT p.client_id, s.client_id, count(*) OVER (PARTITION BY s.client_id) FROM parents p LEFT JOIN sessions s USING (client_id)

# a window of the key and more
SELECT client_id, id, row_number() OVER (PARTITION BY client_id, kind ORDER BY id), sum(amount) OVER (PARTITION BY client_id ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM events

# two windows, one without the key
SELECT client_id, id, count(*) OVER (PARTITION BY client_id), count(*) OVER (PARTITION BY kind) FROM events

# a window by name
SELECT client_id, id, rank() OVER w FROM events WINDOW w AS (PARTITION BY client_id ORDER BY id)

# a window by name without the key, beside one with it
SELECT client_id, id, count(*) OVER w, count(*) OVER (PARTITION BY client_id) FROM events WINDOW w AS (PARTITION BY kind)

# a window that adds to one by name
SELECT client_id, id, rank() OVER (w ORDER BY id, client_id) FROM events WINDOW w AS (PARTITION BY kind)

# a window over groups
SELECT client_id, sum(count(*)) OVER () FROM events GROUP BY client_id

# a window over groups, by the key
SELECT client_id, kind, sum(count(*)) OVER (PARTITION BY client_id) FROM events GROUP BY client_id, kind

# a window in ORDER BY alone
SELECT client_id, id FROM events ORDER BY count(*) OVER (PARTITION BY kind), client_id, id LIMIT 20

# a window of an outer key in a subquery
SELECT e.client_id, e.id, (SELECT count(*) OVER (PARTITION BY e.client_id)) FROM events e

# a window inside, a filter outside
SELECT x.client_id, x.n, p.v FROM (SELECT client_id, id, count(*) OVER (PARTITION BY kind) AS n FROM events) x JOIN parents p ON p.client_id = x.client_id

# LIMIT inside
SELECT x.client_id, p.v FROM (SELECT client_id FROM events ORDER BY client_id DESC, id LIMIT 250) x JOIN parents p ON p.client_id = x.client_id

# LIMIT inside EXISTS
SELECT p.client_id FROM parents p WHERE EXISTS (SELECT FROM (SELECT client_id FROM sessions ORDER BY client_id LIMIT 9) s WHERE s.client_id = p.client_id)

# OFFSET in EXISTS
SELECT p.client_id FROM parents p WHERE EXISTS (SELECT FROM events e WHERE e.client_id = p.client_id AND e.kind <> 'buy' OFFSET 4)

# LIMIT in IN
SELECT p.client_id FROM parents p WHERE p.client_id IN (SELECT s.client_id FROM sessions s ORDER BY s.client_id LIMIT 5)

# LIMIT that a subquery computes
SELECT e.client_id, e.id FROM events e ORDER BY 1, 2 LIMIT (SELECT count(*) FROM parents)

# NOT IN
SELECT p.client_id FROM parents p WHERE p.client_id NOT IN (SELECT s.client_id FROM sessions s)

# NOT IN of the nullable side
SELECT p.client_id FROM parents p WHERE p.client_id NOT IN (SELECT s.client_id FROM parents q LEFT JOIN sessions s USING (client_id))

# NOT IN of the key
SELECT p.client_id FROM parents p WHERE p.client_id NOT IN (SELECT s.client_id FROM sessions s WHERE s.client_id = p.client_id)

# IN as a value
SELECT p.client_id, p.client_id IN (SELECT s.client_id FROM sessions s) FROM parents p

# IN under OR
SELECT e.client_id, e.id FROM events e WHERE e.id = 1 OR e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds > 2000)

# IN of rows
SELECT o.customer, o.order_id FROM orders o WHERE (o.customer, o.order_id) IN (SELECT i.customer, i.order_id FROM order_items i WHERE i.line = 2)

# IN of rows the other way round
SELECT o.customer, o.order_id FROM orders o WHERE (o.order_id, o.customer) IN (SELECT i.line, i.customer FROM order_items i)

# IN of a list that holds a key
SELECT count(*) FROM events e, sessions s WHERE s.client_id IN (e.client_id, 3)

# = ANY
SELECT p.client_id FROM parents p WHERE p.client_id = ANY (SELECT s.client_id FROM sessions s WHERE s.seconds > 500)

# <> ANY
SELECT p.client_id FROM parents p WHERE p.client_id <> ANY (SELECT s.client_id FROM sessions s WHERE s.seconds > 3400)

# = ALL
SELECT p.client_id FROM parents p WHERE p.client_id = ALL (SELECT s.client_id FROM sessions s WHERE s.client_id IN (3, p.client_id))

# = ALL of nothing
SELECT p.client_id FROM parents p WHERE p.client_id = ALL (SELECT s.client_id FROM sessions s WHERE s.seconds > 100000)

# >= ALL
SELECT p.client_id FROM parents p WHERE p.client_id >= ALL (SELECT s.client_id FROM sessions s WHERE s.client_id < 15)

# >= ALL of the key
SELECT e.client_id, e.id FROM events e WHERE e.id >= ALL (SELECT x.id FROM events x WHERE x.client_id = e.client_id)

# half tied by OR
SELECT p.client_id FROM parents p WHERE EXISTS (SELECT FROM sessions s WHERE s.client_id = p.client_id OR s.seconds > 3500)

# half tied by arithmetic
SELECT p.client_id, (SELECT count(*) FROM sessions s WHERE s.client_id = p.client_id + 0) FROM parents p

# half tied by <=
SELECT p.client_id, (SELECT count(*) FROM sessions s WHERE s.client_id <= p.client_id) FROM parents p

# tied by IS NOT DISTINCT FROM
SELECT p.client_id, (SELECT count(*) FROM sessions s WHERE s.client_id IS NOT DISTINCT FROM p.client_id) FROM parents p

# tied by COALESCE
SELECT p.client_id, s.seconds FROM parents p LEFT JOIN sessions s ON s.client_id = coalesce(p.client_id, 3)

# tied by a key that COALESCE made
SELECT x.k, s.seconds FROM (SELECT coalesce(nullif(client_id, 5), 6) AS k FROM parents) x JOIN sessions s ON s.client_id = x.k

# tied by a renamed key
SELECT a.x, s.seconds FROM parents AS a (x, y) JOIN sessions AS s (x, y) USING (x)

# a renamed key that is not the key
SELECT count(*) FROM events AS a (id, client_id) JOIN sessions s USING (client_id)

# tied by a cast
SELECT p.client_id, m.v FROM parents p JOIN smaller m ON m.client_id::bigint = p.client_id

# tied by a cast to text
SELECT count(*) FROM parents p JOIN smaller m ON m.client_id::text = p.client_id::text

# keys of one type and two keyspaces
SELECT count(*) FROM instruments i JOIN events e ON e.client_id = i.instrument_id

# keys of two ranges
SELECT i.symbol, m.day FROM instruments i JOIN market_data m USING (instrument_id) WHERE m.volume > 5000

# keys of a range, outer, grouped
SELECT i.instrument_id, count(m.day), max(m.close) FROM instruments i LEFT JOIN market_data m ON m.instrument_id = i.instrument_id AND m.day > '2024-01-03' GROUP BY i.instrument_id

# a key that is rounded
SELECT n.k, r.v FROM k_numeric n JOIN rounded r ON r.k = n.k

# date and timestamp
SELECT count(*) FROM k_date d JOIN k_timestamp t ON t.k = d.k

# text and char(n)
SELECT count(*) FROM k_text t JOIN padded p ON p.k = t.k

# a UNION of two tables joined by the key
SELECT x.client_id, p.v FROM (SELECT client_id FROM events UNION ALL SELECT client_id FROM sessions) x JOIN parents p ON p.client_id = x.client_id

# EXCEPT joined by the key
SELECT x.client_id, p.v FROM (SELECT client_id FROM events EXCEPT SELECT client_id FROM sessions) x JOIN parents p ON p.client_id = x.client_id

# INTERSECT in EXISTS
SELECT p.client_id FROM parents p WHERE EXISTS (SELECT client_id FROM events e WHERE e.client_id = p.client_id INTERSECT SELECT client_id FROM sessions s WHERE s.client_id = p.client_id)

# UNION with a reference table
SELECT p.client_id, x.n FROM parents p JOIN (SELECT client_id, id::text AS n FROM events UNION ALL SELECT 3, code FROM countries) x ON x.client_id = p.client_id

# UNION alone
SELECT client_id FROM events UNION SELECT client_id FROM sessions

# half of a UNION tied
SELECT p.client_id, (SELECT count(*) FROM (SELECT client_id FROM events e WHERE e.client_id = p.client_id UNION ALL SELECT client_id FROM sessions) x) FROM parents p

# a CTE
WITH x AS (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) SELECT p.client_id, x.n FROM parents p LEFT JOIN x ON x.client_id = p.client_id

# a CTE used twice
WITH x AS (SELECT client_id, id FROM events) SELECT p.client_id, count(*) FROM parents p JOIN x a ON a.client_id = p.client_id, x b WHERE b.id = 1 GROUP BY p.client_id

# a CTE of a CTE used twice
WITH a AS (SELECT client_id FROM events), b AS (SELECT client_id FROM a) SELECT p.client_id, count(*) FROM parents p JOIN b x ON x.client_id = p.client_id JOIN b y ON true GROUP BY p.client_id

# a recursive CTE
WITH RECURSIVE r (n) AS (SELECT 1::bigint UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT r.n, e.id FROM r LEFT JOIN events e ON e.client_id = r.n

# a recursive CTE over a sharded table
WITH RECURSIVE r AS (SELECT client_id FROM parents WHERE client_id = 1 UNION ALL SELECT p.client_id FROM parents p JOIN r ON p.client_id = r.client_id + 1) SELECT * FROM r

# MATERIALIZED, with a filter outside
WITH x AS MATERIALIZED (SELECT client_id, id FROM events) SELECT p.v, x.id FROM parents p JOIN x USING (client_id)

# a view of groups
SELECT p.client_id, t.n FROM parents p LEFT JOIN event_totals t USING (client_id)

# views on views
SELECT j.client_id, j.n, p.v FROM joined_view j JOIN parents p ON p.client_id = j.client_id

# a view of a reference table drives
SELECT n.name, d.id FROM country_names n LEFT JOIN doubled d USING (code)

# groups of a view of reference rows
SELECT p.client_id, n.letters, n.n FROM parents p, name_lengths n

# rows of a set in the select list
SELECT client_id, generate_series(1, 2) AS g FROM parents ORDER BY g, client_id LIMIT 25

# rows of a set and DISTINCT
SELECT DISTINCT client_id, generate_series(1, 2) FROM events

# rows of a set and GROUP BY
SELECT client_id, unnest(ARRAY[1, 2]), count(*) FROM events GROUP BY client_id, 2

# LIMIT over a reference table
SELECT p.client_id, c.name FROM parents p, (SELECT * FROM countries ORDER BY code LIMIT 2) c

# the order of reference rows
SELECT p.client_id, (SELECT string_agg(name, ',' ORDER BY code) FROM countries) FROM parents p

# the order of floats
SELECT client_id, sum(f8) FROM wide WHERE client_id < 50 GROUP BY client_id

# an array of rows of the key
SELECT p.client_id, ARRAY(SELECT e.id FROM events e WHERE e.client_id = p.client_id ORDER BY e.id) FROM parents p

# an array of all rows
SELECT p.client_id, ARRAY(SELECT s.client_id FROM sessions s WHERE s.seconds > 3400 ORDER BY s.client_id) FROM parents p

# counts of nothing
SELECT p.client_id, (SELECT count(*) FROM sessions s WHERE s.client_id = p.client_id AND s.seconds < 0), (SELECT sum(s.seconds) FROM sessions s WHERE s.client_id = p.client_id AND s.seconds < 0) FROM parents p

# a scalar subquery of more than one row
SELECT p.client_id, (SELECT s.seconds FROM sessions s WHERE s.client_id = p.client_id) FROM parents p

# a key equal to a scalar subquery
SELECT e.id FROM events e WHERE e.client_id = (SELECT max(client_id) FROM sessions)

# a key equal to a scalar subquery of a key
SELECT e.client_id, e.id FROM events e WHERE e.client_id = (SELECT s.client_id FROM sessions s WHERE s.client_id = e.client_id LIMIT 1)

# a subquery in ON that is tied
SELECT p.client_id, s.seconds FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id AND EXISTS (SELECT FROM events e WHERE e.client_id = s.client_id AND e.kind = 'buy' AND e.id > 3)

# a subquery in ON that is not
SELECT p.client_id, s.seconds FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id AND s.seconds > (SELECT avg(seconds) FROM sessions)

# IN in ON for the side that stays
SELECT p.client_id, s.seconds FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id AND p.client_id IN (SELECT e.client_id FROM events e WHERE e.kind = 'buy' AND e.id = 1)

# a constant in ON for the side that stays
SELECT p.client_id, s.seconds FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id AND p.client_id = 3

# a constant in ON for the other
SELECT p.client_id, s.seconds FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id AND s.client_id = 3

# never in ON
SELECT p.client_id, s.seconds FROM parents p LEFT JOIN sessions s ON false

# never in WHERE, counted
SELECT count(*), sum(e.id), max(s.seconds) FROM events e JOIN sessions s USING (client_id) WHERE false

# NULL as a key
SELECT count(*) FROM events e JOIN sessions s USING (client_id) WHERE e.client_id = NULL

# a subquery in ORDER BY
SELECT p.client_id FROM parents p ORDER BY (SELECT count(*) FROM events e WHERE e.client_id = p.client_id AND e.kind = 'buy') DESC, p.client_id LIMIT 5

# a subquery in ORDER BY that is not tied
SELECT p.client_id FROM parents p ORDER BY p.client_id < (SELECT avg(client_id) FROM smaller), p.client_id LIMIT 5

# a subquery in VALUES
SELECT p.client_id, x.n FROM parents p, LATERAL (VALUES ((SELECT count(*) FROM events e WHERE e.client_id = p.client_id)), (0)) x (n)

# a subquery two levels down, tied to the outermost
SELECT p.client_id FROM parents p WHERE EXISTS (SELECT FROM sessions s WHERE EXISTS (SELECT FROM events e WHERE e.client_id = p.client_id AND s.client_id = e.client_id AND e.id = 2))

# a subquery two levels down that ties the outer ones
SELECT count(*) FROM parents p, sessions s WHERE EXISTS (SELECT FROM countries c WHERE p.client_id = s.client_id AND c.code = 'DE')

# anti-join over a left join with a condition on both
SELECT p.client_id FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id AND s.seconds > 500 WHERE s.client_id IS NULL

# the nullable key against the key
SELECT p.client_id, s.client_id FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id AND s.seconds > 500 WHERE s.client_id IS DISTINCT FROM 3

# two left joins, the second by the first's key
SELECT p.client_id, s.seconds, e.id FROM parents p LEFT JOIN sessions s USING (client_id) LEFT JOIN events e ON e.client_id = s.client_id AND e.id = 1

# left, then full
SELECT p.client_id, s.seconds, m.v FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id FULL JOIN smaller m ON m.client_id = p.client_id

# left, then right
SELECT p.client_id, s.seconds, m.v FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id RIGHT JOIN smaller m ON m.client_id = s.client_id

# a join with an alias, its merged key
SELECT j.client_id, e.id FROM (parents LEFT JOIN sessions USING (client_id)) AS j JOIN events e ON e.client_id = j.client_id WHERE e.id = 1

# a join with an alias of what is merged
SELECT j.client_id, count(*) FROM parents p JOIN sessions s USING (client_id) AS j GROUP BY j.client_id

# NATURAL with other names in common
SELECT * FROM orders NATURAL JOIN order_items ORDER BY customer, order_id, line LIMIT 10

# grouped by a merged column that is no key
SELECT order_id, count(*), min(line) FROM orders RIGHT JOIN order_items USING (customer, order_id) GROUP BY order_id

# aggregates of a merged column
SELECT count(DISTINCT customer), max(order_id), count(*) FROM orders LEFT JOIN order_items USING (customer, order_id)

# FILTER with a subquery
SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id)) FROM events e

# FILTER with a subquery that is not tied
SELECT e.kind, count(*) FILTER (WHERE e.client_id > (SELECT avg(client_id) FROM smaller)) FROM events e GROUP BY e.kind

# groups with a subquery beside
SELECT e.kind, count(*), (SELECT count(*) FROM countries) FROM events e GROUP BY e.kind

# a percentile by the key
SELECT client_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM events GROUP BY client_id

# a system column
SELECT p.client_id, p.tableoid = s.tableoid FROM parents p JOIN sessions s USING (client_id)

# a random row
SELECT count(*) FROM events e JOIN sessions s USING (client_id) WHERE random() < 2

# row security that is tied
SELECT o.client_id, o.id, p.v FROM own_rows o JOIN parents p USING (client_id)

# single tables beside
SELECT p.client_id, a.what FROM parents p JOIN audit a ON a.id = p.client_id

# two tables of one name
SELECT e.client_id, o.kind FROM events e JOIN other.events o ON o.client_id = e.client_id AND o.id = e.id

# FOR UPDATE of the side that stays
SELECT p.client_id FROM parents p LEFT JOIN sessions s USING (client_id) FOR UPDATE OF p

# FOR UPDATE of one, FOR SHARE of a reference table
SELECT d.client_id, c.name FROM doubled d JOIN countries c USING (code) FOR UPDATE OF d FOR SHARE OF c

# parameters in keys
@params 3 | 500
SELECT e.id, s.seconds FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id AND s.seconds > $2 WHERE e.client_id > $1 ORDER BY 1, 2 LIMIT 20

# a parameter for the nullable side
@params 3
SELECT p.client_id, s.seconds FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id AND s.client_id = $1

# EXPLAIN
EXPLAIN (COSTS off) SELECT 1 FROM events e WHERE false

# COPY of a join
COPY (SELECT p.client_id, s.seconds FROM parents p JOIN sessions s USING (client_id)) TO STDOUT

# a list of the first few
SELECT e.client_id, e.id FROM events e WHERE e.client_id IN (SELECT client_id FROM sessions ORDER BY client_id LIMIT 3) ORDER BY 1, 2

# equal to the greatest
SELECT e.client_id, e.id FROM events e WHERE e.client_id = (SELECT max(client_id) FROM sessions) ORDER BY 1, 2

# exists beyond the first
SELECT p.client_id FROM parents p WHERE EXISTS (SELECT FROM events e WHERE e.client_id = p.client_id OFFSET 2) ORDER BY 1

# a whole table among the groups
SELECT client_id, count(*), (SELECT count(*) FROM sessions) FROM events GROUP BY client_id ORDER BY 1

# the key beside an empty grouping set
SELECT client_id, count(*) FROM events GROUP BY client_id, GROUPING SETS ((), (kind)) ORDER BY 1, 2

# ranks of the groups themselves
SELECT client_id, count(*), rank() OVER (ORDER BY count(*) DESC, client_id) FROM events GROUP BY client_id ORDER BY 1

# a window over the partition of a group
SELECT client_id, kind, sum(count(*)) OVER (PARTITION BY client_id) FROM events GROUP BY client_id, kind ORDER BY 1, 2

# a lateral limit for each key
SELECT p.client_id, x.id FROM parents p CROSS JOIN LATERAL (SELECT id FROM events e WHERE e.client_id = p.client_id ORDER BY id DESC LIMIT 1) x ORDER BY 1

# one limit for all
SELECT p.client_id, x.client_id FROM parents p LEFT JOIN (SELECT client_id FROM events ORDER BY client_id, id LIMIT 4) x ON x.client_id = p.client_id ORDER BY 1

# distinct counts over a join that repeats
SELECT count(DISTINCT s.client_id), count(*) FROM events e JOIN sessions s USING (client_id)

# distinct on with another order
SELECT DISTINCT ON (client_id) client_id, id FROM events ORDER BY client_id, id DESC

# CSV of a group with a forced quote and a marker
COPY (SELECT client_id, count(*), max(kind), nullif(min(kind), 'view') FROM events GROUP BY client_id HAVING count(*) > 1 ORDER BY client_id) TO STDOUT (FORMAT csv, HEADER, NULL 'n', FORCE_QUOTE (max))

# not in, with nulls made
SELECT p.client_id FROM parents p WHERE p.client_id NOT IN (SELECT nullif(s.client_id, 3) FROM sessions s WHERE s.client_id = p.client_id) ORDER BY 1

# an aggregate of the outer query inside
SELECT p.client_id, (SELECT count(p.v)) FROM parents p GROUP BY p.client_id ORDER BY 1

# union inside a tied query
SELECT p.client_id, (SELECT count(*) FROM (SELECT client_id FROM events UNION SELECT client_id FROM sessions) u WHERE u.client_id = p.client_id) FROM parents p ORDER BY 1

# intersect all of keys and others
SELECT count(*) FROM parents p JOIN (SELECT client_id FROM events EXCEPT ALL SELECT client_id FROM sessions) u ON u.client_id = p.client_id
