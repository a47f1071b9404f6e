@same 144

# two tables by equal keys
SELECT e.client_id, e.id, s.session, s.seconds FROM events e JOIN sessions s ON s.client_id = e.client_id

# the same in WHERE, with conditions on both
SELECT e.id, s.seconds FROM events e, sessions s WHERE e.client_id = s.client_id AND e.kind = 'buy' AND s.seconds > 100

# USING
SELECT client_id, e.id, s.seconds FROM events e JOIN sessions s USING (client_id) WHERE e.id < 3

# NATURAL, a star
SELECT * FROM parents NATURAL JOIN registered

# sorted and limited
SELECT e.client_id, e.id, s.session FROM events e JOIN sessions s USING (client_id) ORDER BY e.client_id, e.id DESC, s.session LIMIT 7

# sorted by an expression of both
SELECT e.client_id, e.id, s.seconds FROM events e JOIN sessions s ON e.client_id = s.client_id ORDER BY e.id * s.seconds DESC, e.client_id, e.id, s.session LIMIT 9 OFFSET 3

# an outer join, its nullable side without rows
SELECT e.client_id, e.id, s.seconds FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id

# those without a match
SELECT e.client_id, e.id FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id WHERE s.client_id IS NULL ORDER BY 1, 2

# RIGHT
SELECT p.v, s.client_id, s.seconds FROM parents p RIGHT JOIN sessions s ON s.client_id = p.client_id

# FULL
SELECT p.v, s.client_id, s.seconds FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id

# a condition in ON that leaves rows unmatched
SELECT e.client_id, e.id, s.seconds FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id AND s.seconds > 1000 AND e.kind = 'buy'

# the preserved side is a reference table
SELECT c.code, d.client_id FROM countries c LEFT JOIN doubled d ON d.code = c.code LEFT JOIN parents p ON p.client_id = d.client_id

# reference tables beside
SELECT d.client_id, d.id, c.name, p.v FROM doubled d JOIN parents p USING (client_id) LEFT JOIN countries c ON c.code = d.code

# one table with itself
SELECT a.client_id, a.id, b.id FROM events a JOIN events b ON a.client_id = b.client_id AND a.id < b.id

# with itself by another column
SELECT count(*) FROM events a JOIN events b ON a.id = b.client_id

# keys of two integer types
SELECT e.client_id, e.id, m.v FROM events e JOIN smaller m ON m.client_id = e.client_id WHERE e.id = 1

# keys of text and varchar
SELECT t.k, v.v FROM k_text t JOIN k_varchar v ON t.k = v.k

# keys of numeric with and without digits
SELECT n.k, r.v FROM k_numeric n LEFT JOIN rounded r ON r.k = n.k

# equal keys of two keyspaces
SELECT i.k, b.k FROM k_integer i JOIN k_bigint b ON i.k = b.k

# another collation for the comparison
SELECT t.k, v.v FROM k_text t JOIN k_varchar v ON t.k = v.k COLLATE "C" ORDER BY t.k COLLATE "C"

# three tables
SELECT e.id, s.seconds, p.v FROM events e JOIN sessions s ON s.client_id = e.client_id JOIN parents p ON p.client_id = s.client_id

# three tables, one tied to a nullable one
SELECT e.client_id, e.id, s.seconds, p.v FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id LEFT JOIN parents p ON p.client_id = s.client_id

# the nullable side decides in the end
SELECT p.client_id, s.seconds, e.id FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id JOIN events e ON e.client_id = s.client_id

# three tables, one not tied
SELECT count(*) FROM events e JOIN sessions s ON s.client_id = e.client_id, parents p WHERE p.client_id < 3

# keys computed on the way are no keys
SELECT count(*) FROM events e JOIN sessions s ON s.client_id + 1 = e.client_id

# an OR ties nothing
SELECT count(*) FROM events e JOIN sessions s ON s.client_id = e.client_id OR s.seconds = e.id

# text keys, whole rows
SELECT o, i FROM orders o JOIN order_items i USING (customer, order_id) WHERE i.line = 1

# aggregates of a join
SELECT count(*), sum(e.amount), max(s.seconds), avg(s.seconds) FROM events e JOIN sessions s USING (client_id)

# aggregates by groups
SELECT e.kind, count(*), sum(s.seconds), min(e.at) FROM events e JOIN sessions s ON s.client_id = e.client_id GROUP BY e.kind ORDER BY e.kind

# aggregates by groups of the nullable side
SELECT s.seconds IS NULL, count(*), count(s.seconds), sum(CASE WHEN e.kind = 'buy' THEN 1 ELSE 0 END) FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id GROUP BY 1 ORDER BY 1

# HAVING over a join with a reference table
SELECT c.name, count(*) FROM doubled d JOIN countries c ON c.code = d.code JOIN parents p ON p.client_id = d.client_id GROUP BY c.name HAVING count(*) > 2 ORDER BY 2 DESC, 1

# DISTINCT over a join
SELECT DISTINCT e.kind, s.seconds > 500 FROM events e JOIN sessions s USING (client_id) ORDER BY 1, 2

# floats depend on the order of rows
SELECT count(*), sum(w.f8)::numeric(20, 3) FROM wide w JOIN parents p USING (client_id)

# EXISTS
SELECT e.client_id, e.id FROM events e WHERE EXISTS (SELECT * FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 1500)

# EXISTS, counted by groups
SELECT e.kind, count(*) FROM events e WHERE e.id < 4 AND EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > e.id) GROUP BY e.kind ORDER BY e.kind

# NOT EXISTS
SELECT e.client_id, e.id FROM events e WHERE NOT EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id) ORDER BY 1, 2 LIMIT 5

# EXISTS in an OR
SELECT count(*) FROM events e WHERE e.id = 1 OR EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 2000)

# EXISTS as a column
SELECT p.client_id, EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = p.client_id) FROM parents p

# EXISTS that is not tied to the key
SELECT count(*) FROM events e WHERE EXISTS (SELECT FROM sessions s WHERE s.seconds = e.id)

# EXISTS with groups inside
SELECT e.client_id, e.id FROM events e WHERE EXISTS (SELECT s.client_id FROM sessions s WHERE s.client_id = e.client_id GROUP BY s.client_id HAVING sum(s.seconds) > 2000)

# EXISTS with LIMIT inside
SELECT count(*) FROM events e WHERE EXISTS (SELECT s.client_id FROM sessions s WHERE s.client_id = e.client_id LIMIT 1)

# IN by the key
SELECT e.client_id, e.id FROM events e WHERE e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds < 600)

# IN by the key, with groups
SELECT e.client_id, count(*) FROM events e WHERE e.client_id IN (SELECT s.client_id FROM sessions s GROUP BY s.client_id HAVING sum(s.seconds) > 1000) GROUP BY e.client_id

# IN with LIMIT inside: another thing on each shard
SELECT e.client_id, e.id FROM events e WHERE e.client_id IN (SELECT s.client_id FROM sessions s ORDER BY s.client_id DESC, s.session LIMIT 4)

# IN of another column, tied to the key
SELECT e.client_id, e.id FROM events e WHERE e.id IN (SELECT d.id FROM doubled d WHERE d.client_id = e.client_id)

# IN of another column, not tied
SELECT count(*) FROM events e WHERE e.id IN (SELECT s.client_id FROM sessions s)

# IN of pairs
SELECT o.customer, o.order_id FROM orders o WHERE (o.customer, o.order_id) IN (SELECT customer, order_id FROM order_items WHERE quantity > 2)

# NOT IN
SELECT count(*) FROM events e WHERE e.client_id NOT IN (SELECT s.client_id FROM sessions s)

# NOT IN, tied to the key
SELECT e.client_id, e.id FROM events e WHERE e.id NOT IN (SELECT d.n FROM doubled d WHERE d.client_id = e.client_id) ORDER BY 1, 2 LIMIT 10

# NOT IN with NULLs
SELECT count(*) FROM events e WHERE e.client_id NOT IN (SELECT s.client_id FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id)

# = ANY of a query
SELECT count(*) FROM events e WHERE e.client_id = ANY (SELECT s.client_id FROM sessions s WHERE s.seconds > 700)

# <> ALL of a query
SELECT count(*) FROM events e WHERE e.client_id <> ALL (SELECT s.client_id FROM sessions s WHERE s.seconds > 700)

# a count of rows of the same key
SELECT p.client_id, (SELECT count(*) FROM sessions s WHERE s.client_id = p.client_id) FROM parents p

# an aggregate beside rows of the same key
SELECT e.client_id, e.id, e.amount FROM events e WHERE e.amount = (SELECT max(f.amount) FROM events f WHERE f.client_id = e.client_id)

# an aggregate inside that belongs to the query around it
SELECT (SELECT max(e.amount) FROM parents p WHERE p.client_id = 3) FROM events e

# the same by groups
SELECT e.kind, (SELECT count(e.id) FROM parents p WHERE p.client_id = 3) FROM events e GROUP BY e.kind ORDER BY 1

# an aggregate inside whose FILTER names what is around it
SELECT p.client_id, (SELECT count(*) FILTER (WHERE p.client_id > 3) FROM sessions s WHERE s.client_id = p.client_id) FROM parents p

# the same, with what is inside too
SELECT p.client_id, (SELECT count(s.seconds) FILTER (WHERE p.client_id > 3) FROM sessions s WHERE s.client_id = p.client_id) FROM parents p

# one row of the same key
SELECT p.client_id, (SELECT s.seconds FROM sessions s WHERE s.client_id = p.client_id ORDER BY s.seconds DESC LIMIT 1) FROM parents p ORDER BY 1

# more than one row
SELECT p.client_id, (SELECT s.seconds FROM sessions s WHERE s.client_id = p.client_id) FROM parents p

# rows of the same key as an array
SELECT p.client_id, ARRAY(SELECT s.seconds FROM sessions s WHERE s.client_id = p.client_id ORDER BY 1) FROM parents p

# rows of a reference table as an array
SELECT p.client_id, ARRAY(SELECT name FROM countries ORDER BY name) FROM parents p WHERE p.client_id < 5

# one row of a reference table
SELECT p.client_id, c.name FROM parents p, (SELECT name FROM countries ORDER BY name DESC LIMIT 1) c

# an aggregate of a reference table
SELECT p.client_id, (SELECT sum(population) FROM countries), (SELECT string_agg(code, ',' ORDER BY code) FROM countries) FROM parents p

# LATERAL
SELECT p.client_id, x.seconds FROM parents p, LATERAL (SELECT s.seconds FROM sessions s WHERE s.client_id = p.client_id ORDER BY s.seconds LIMIT 1) x

# LATERAL, left
SELECT p.client_id, x.n FROM parents p LEFT JOIN LATERAL (SELECT sum(s.seconds) AS n, count(*) FROM sessions s WHERE s.client_id = p.client_id) x ON true ORDER BY x.n NULLS FIRST, 1

# joined with groups by the key
SELECT e.client_id, e.id, t.n FROM events e JOIN (SELECT client_id, count(*) AS n FROM sessions GROUP BY client_id) t ON t.client_id = e.client_id

# joined with groups by something else
SELECT e.client_id, e.id, t.n FROM events e JOIN (SELECT seconds AS client_id, count(*) AS n FROM sessions GROUP BY seconds) t ON t.client_id = e.client_id

# joined with what is LIMITed inside
SELECT e.client_id, e.id FROM events e JOIN (SELECT client_id FROM sessions ORDER BY client_id DESC, session LIMIT 5) t ON t.client_id = e.client_id

# joined with what is DISTINCT inside
SELECT e.client_id, e.id FROM events e JOIN (SELECT DISTINCT client_id FROM sessions) t ON t.client_id = e.client_id ORDER BY 1, 2

# joined with DISTINCT ON inside
SELECT e.client_id, e.id, t.seconds FROM events e JOIN (SELECT DISTINCT ON (client_id) client_id, seconds FROM sessions ORDER BY client_id, seconds) t USING (client_id) ORDER BY 1, 2

# joined with a window inside, by the key
SELECT e.client_id, e.id, t.r FROM events e JOIN (SELECT client_id, row_number() OVER (PARTITION BY client_id ORDER BY seconds, session) AS r FROM sessions) t USING (client_id)

# joined with a window inside, over all
SELECT e.client_id, e.id, t.r FROM events e JOIN (SELECT client_id, row_number() OVER (ORDER BY client_id, session) AS r FROM sessions) t USING (client_id)

# joined with a UNION of keys
SELECT e.client_id, e.id FROM events e JOIN (SELECT client_id FROM sessions UNION SELECT client_id FROM parents) t USING (client_id)

# a query in FROM and nothing else
SELECT x.client_id, x.id FROM (SELECT client_id, id FROM events WHERE kind = 'buy') x

# a query in FROM, renamed, sorted
SELECT * FROM (SELECT client_id, id FROM events WHERE kind = 'buy') x (a, b) ORDER BY b DESC, a LIMIT 4

# a query of a join in FROM
SELECT x.client_id, count(*) FROM (SELECT e.client_id, s.seconds FROM events e JOIN sessions s USING (client_id)) x GROUP BY x.client_id

# a join with a name of its own
SELECT j.client_id, j.seconds FROM (events e JOIN sessions s USING (client_id)) AS j WHERE j.id = 2

# groups of one key
SELECT client_id, count(*), array_agg(id ORDER BY id), string_agg(kind, '/' ORDER BY id DESC) FROM events GROUP BY client_id

# groups of one key, by position
SELECT kind, client_id, count(DISTINCT id) FROM events GROUP BY 2, 1 HAVING count(*) > 1

# groups of one key, sorted by an aggregate
SELECT client_id, count(*) AS n, sum(amount) FROM events GROUP BY client_id ORDER BY n DESC, client_id LIMIT 6

# groups of one key, sorted by what is not listed
SELECT client_id FROM events GROUP BY client_id ORDER BY max(at) DESC NULLS LAST, client_id LIMIT 5 OFFSET 1

# groups of one key without it in the list
SELECT count(*) FROM events GROUP BY client_id

# the sum over groups
SELECT sum(n), count(*) FROM (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) x

# sets of groups
SELECT client_id, count(*) FROM events GROUP BY ROLLUP (client_id)

# groups of the key of the nullable side
SELECT s.client_id, count(*) FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id GROUP BY s.client_id

# DISTINCT with the key
SELECT DISTINCT client_id, kind FROM events

# DISTINCT with the key, sorted
SELECT DISTINCT client_id, kind FROM events ORDER BY kind COLLATE "C" DESC, client_id LIMIT 8

# DISTINCT with the key of the nullable side
SELECT DISTINCT s.client_id FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id

# DISTINCT ON the key
SELECT DISTINCT ON (client_id) client_id, id FROM events ORDER BY client_id, id DESC

# a window by the key
SELECT client_id, id, rank() OVER (PARTITION BY client_id ORDER BY id DESC), sum(amount) OVER (PARTITION BY client_id) FROM events

# a window over all
SELECT client_id, id, rank() OVER (ORDER BY client_id, id) FROM events

# windows by the key, and by another
SELECT client_id, id, count(*) OVER (PARTITION BY client_id), count(*) OVER (PARTITION BY kind) FROM events

# a window by name
SELECT client_id, id, rank() OVER w FROM events WINDOW w AS (PARTITION BY client_id ORDER BY id)

# a window over groups of the key
SELECT client_id, kind, count(*), rank() OVER (PARTITION BY client_id ORDER BY count(*) DESC) FROM events GROUP BY client_id, kind

# WITH
WITH t AS (SELECT client_id, sum(seconds) AS n FROM sessions GROUP BY client_id) SELECT e.client_id, e.id, t.n FROM events e JOIN t ON t.client_id = e.client_id

# WITH, used twice
WITH t AS (SELECT client_id, seconds FROM sessions) SELECT a.client_id, a.seconds, b.seconds FROM t a JOIN t b ON a.client_id = b.client_id

# WITH, the only relation
WITH t AS (SELECT client_id, id FROM events) SELECT * FROM t WHERE id = 3

# WITH that nobody looks at
WITH t AS (SELECT client_id, id FROM events) SELECT * FROM parents

# a view of a join
SELECT * FROM joined_view

# a view beside a table
SELECT v.owner, v.id, s.seconds FROM big_events v JOIN sessions s ON s.client_id = v.owner ORDER BY 1, 2, 3

# a view of groups beside a table
SELECT e.client_id, e.id, t.total FROM events e JOIN event_totals t USING (client_id) WHERE e.id = 1

# a view of groups, summed
SELECT sum(n), max(total) FROM event_totals

# tables with policies that look at others
SELECT o.client_id, o.id, p.v FROM own_rows o JOIN parents p USING (client_id)

# the same time for all
SELECT count(*) FROM events e JOIN sessions s USING (client_id) WHERE s.started < now() AND e.at < now()

# chance
SELECT count(*) FROM events e JOIN sessions s USING (client_id) WHERE random() < 2

# a range of keys
SELECT m.day, i.symbol, m.close FROM market_data m JOIN instruments i USING (instrument_id) WHERE m.instrument_id BETWEEN 9000 AND 12000 ORDER BY m.close DESC, m.day LIMIT 5

# some keys
SELECT e.client_id, e.id, s.seconds FROM events e JOIN sessions s ON s.client_id = e.client_id WHERE e.client_id IN (1, 2, 3, 42) ORDER BY 1, 2, 3

# some keys of the other table
SELECT e.client_id, e.id, s.seconds FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id AND s.client_id IN (1, 2, 3) ORDER BY 1, 2, 3

# parameters
@params 2 | 500
SELECT e.client_id, e.id, s.seconds FROM events e JOIN sessions s ON s.client_id = e.client_id WHERE e.id = $1 AND s.seconds > $2 ORDER BY 1, 2, 3 LIMIT 4

# parameters of aggregates
@params buy | 500
SELECT count(*) FILTER (WHERE e.kind = $1), sum(s.seconds) FROM events e JOIN sessions s USING (client_id) WHERE s.seconds > $2

# division by zero in one row
SELECT e.client_id, 1 / (e.id - 2) FROM events e JOIN sessions s USING (client_id) ORDER BY s.session, e.id

# a column that is not there
SELECT e.nothing FROM events e JOIN sessions s USING (client_id)

# a name that two tables have
SELECT client_id FROM events e JOIN sessions s ON e.client_id = s.client_id

# types of one's own
SELECT w.md, w.am, w.pr, p.v FROM wide w JOIN parents p USING (client_id) ORDER BY w.client_id

# system columns over shards
SELECT count(e.ctid) FROM events e JOIN sessions s USING (client_id)

# a single table beside
SELECT count(*) FROM events e JOIN sessions s USING (client_id) JOIN audit a ON a.id = e.id

# locked
SELECT e.client_id, e.id FROM events e JOIN sessions s USING (client_id) WHERE s.seconds > 1000 FOR UPDATE

# one of them locked
SELECT e.client_id, e.id FROM events e JOIN sessions s USING (client_id) JOIN countries c ON c.population > e.id WHERE s.seconds > 1000 AND c.code = 'DE' FOR UPDATE OF s

# locked where others exist
SELECT e.client_id, e.id FROM events e WHERE EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id AND s.seconds > 1000) FOR SHARE

# copied out
COPY (SELECT e.client_id, e.id, s.seconds FROM events e JOIN sessions s USING (client_id) WHERE e.id = 1) TO STDOUT

# copied out by groups
COPY (SELECT client_id, count(*) FROM events GROUP BY client_id) TO STDOUT (FORMAT csv)

# merged columns beside aggregates
SELECT e.kind, count(client_id), max(s.seconds) FROM events e LEFT JOIN sessions s USING (client_id) GROUP BY e.kind ORDER BY 1

# a merged column that is the name of another one too
SELECT e.kind AS client_id, count(*) FROM events e JOIN sessions s USING (client_id) GROUP BY client_id ORDER BY 2, 1 LIMIT 3

# a name of two tables in GROUP BY
SELECT e.kind AS client_id, count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id GROUP BY client_id

# a merged column that FULL JOIN makes
SELECT client_id, count(p.v), count(s.seconds) FROM parents p FULL JOIN sessions s USING (client_id) GROUP BY client_id

# merged names under an alias
SELECT u.client_id, count(*) FROM parents p JOIN sessions s USING (client_id) AS u GROUP BY u.client_id

# sorted groups of a text key, first by a collation
SELECT customer, sum(quantity) FROM order_items GROUP BY customer ORDER BY customer LIMIT 4

# sorted groups of a text key by bytes
SELECT customer COLLATE "C", sum(quantity) FROM order_items GROUP BY customer, 1 ORDER BY 1 DESC LIMIT 4 OFFSET 1

# DISTINCT sorted by what it does not list
SELECT DISTINCT client_id, kind FROM events ORDER BY at

# DISTINCT sorted by its own expression
SELECT DISTINCT client_id, id + 1 FROM events ORDER BY id + 1, client_id LIMIT 3

# groups and an offset alone
SELECT client_id, max(amount) FROM events GROUP BY client_id ORDER BY client_id OFFSET 60

# groups of all columns
SELECT client_id, id FROM events GROUP BY client_id, id ORDER BY id DESC, client_id LIMIT 6

# groups by an alias
SELECT client_id AS c, count(*) FROM events GROUP BY c ORDER BY c LIMIT 3

# DISTINCT over groups of the key
SELECT DISTINCT client_id, count(*) FROM events GROUP BY client_id, kind ORDER BY 1, 2 LIMIT 5

# DISTINCT over groups of the key, without it
SELECT DISTINCT count(*) FROM events GROUP BY client_id ORDER BY 1

# no rows wanted
SELECT client_id, count(*) FROM events GROUP BY client_id ORDER BY 2 LIMIT 0

# parameters in groups
@params 3 | 1
SELECT client_id, count(*) + $1::bigint FROM events GROUP BY client_id HAVING count(*) > $2 ORDER BY 1 LIMIT 5

# a view of rows, sorted
SELECT * FROM client_events ORDER BY amount DESC NULLS LAST, client_id, id LIMIT 5

# a view of rows, aggregated
SELECT kind, count(*), sum(amount) FROM client_events GROUP BY kind ORDER BY kind

# a view of groups by the key, aggregated
SELECT count(*), sum(n) FROM event_totals WHERE total > 10

# a view of groups by the key, sorted
SELECT client_id, total FROM event_totals ORDER BY total DESC NULLS LAST, client_id LIMIT 4

# a view beside tables, aggregated
SELECT v.kind, max(s.seconds) FROM client_events v JOIN sessions s ON s.client_id = v.client_id GROUP BY v.kind ORDER BY 1

# a view of types of one's own
SELECT mixed, md, ai FROM wide_view ORDER BY mixed COLLATE "C" LIMIT 3

# its own rows by a policy of each table, through views
SELECT count(*), min(id) FROM own_private_rows

# the rows of the owner, through views
SELECT count(*), min(id), max(id) FROM all_private_rows
