@same 164

# counts
SELECT count(*) FROM events

# no rows at all
SELECT count(*), sum(client_id), max(v) FROM nothing

# no rows, grouped
SELECT v, count(*) FROM nothing GROUP BY v

# no rows, listed
SELECT * FROM nothing

# groups
SELECT kind, count(*), sum(amount), avg(amount), min(at), max(id) FROM events GROUP BY kind ORDER BY kind

# groups by an expression
SELECT client_id % 3 AS third, count(*) FROM events GROUP BY client_id % 3 ORDER BY third

# groups by position
SELECT kind, id, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2

# groups by output name
SELECT date_trunc('day', at) AS day, count(*) FROM events GROUP BY day ORDER BY day

# having
SELECT kind, count(*) AS n FROM events GROUP BY kind HAVING count(*) > 90 ORDER BY n, kind

# having without groups
SELECT sum(amount) FROM events HAVING count(*) > 1

# having that fails
SELECT sum(amount) FROM events HAVING count(*) < 1

# rollup
SELECT kind, id, count(*) FROM events GROUP BY ROLLUP (kind, id) ORDER BY kind NULLS FIRST, id NULLS FIRST

# cube
SELECT kind, id, count(*), grouping(kind, id) FROM events GROUP BY CUBE (kind, id) ORDER BY 4, 1, 2

# grouping sets
SELECT kind, id, count(*) FROM events GROUP BY GROUPING SETS ((kind), (id), ()) ORDER BY 1, 2

# distinct
SELECT DISTINCT kind FROM events ORDER BY kind

# distinct of two
SELECT DISTINCT kind, id FROM events ORDER BY 1, 2

# distinct on
SELECT DISTINCT ON (kind) kind, client_id, id FROM events ORDER BY kind, amount DESC NULLS LAST, client_id, id

# count distinct
SELECT count(DISTINCT kind), count(DISTINCT amount) FROM events

# aggregate of distinct
SELECT string_agg(DISTINCT kind, ',' ORDER BY kind DESC) FROM events

# ordered aggregate
SELECT array_agg(id ORDER BY client_id, id) FROM events WHERE kind = 'zero' OR client_id < 3

# filter
SELECT count(*) FILTER (WHERE amount > 50), count(*) FILTER (WHERE kind = 'buy') FROM events

# ordered set
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount), percentile_disc(0.9) WITHIN GROUP (ORDER BY amount), mode() WITHIN GROUP (ORDER BY kind) FROM events

# hypothetical set
SELECT rank(50) WITHIN GROUP (ORDER BY amount) FROM events

# statistics
SELECT round(stddev(amount), 6), round(variance(amount), 6), round(corr(id, amount)::numeric, 8) FROM events

# an aggregate of the user's own
SELECT kind, product(id) FROM events WHERE client_id < 8 GROUP BY kind ORDER BY kind

# a function of the user's own
SELECT sum(twice(client_id)) FROM events WHERE client_id BETWEEN 1 AND 50

# json aggregates
SELECT json_agg(kind ORDER BY client_id, id) FROM events WHERE client_id IN (1, 2, 3)

# window over all
SELECT client_id, id, row_number() OVER (ORDER BY client_id, id) FROM events ORDER BY 1, 2 LIMIT 20

# window by kind
SELECT client_id, id, kind, sum(amount) OVER (PARTITION BY kind ORDER BY client_id, id) FROM events ORDER BY 1, 2

# named window
SELECT client_id, id, lag(amount) OVER w, lead(id) OVER w, first_value(kind) OVER w FROM events WINDOW w AS (ORDER BY client_id, id) ORDER BY 1, 2

# window frames
SELECT client_id, id, avg(amount) OVER (ORDER BY client_id, id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) FROM events ORDER BY 1, 2

# ntile and ranks
SELECT kind, count(*), rank() OVER (ORDER BY count(*) DESC), ntile(2) OVER (ORDER BY kind) FROM events GROUP BY kind ORDER BY kind

# order by a text
SELECT customer, order_id FROM orders ORDER BY customer, order_id

# order by the C collation
SELECT customer, order_id FROM orders ORDER BY customer COLLATE "C" DESC, order_id

# nulls first
SELECT client_id, id, amount FROM events ORDER BY amount NULLS FIRST, client_id, id LIMIT 40

# nulls last, descending
SELECT client_id, id, amount FROM events ORDER BY amount DESC NULLS LAST, client_id, id LIMIT 10 OFFSET 5

# limit without order over nothing
SELECT * FROM nothing LIMIT 5

# fetch with ties
SELECT amount FROM events WHERE amount IS NOT NULL ORDER BY amount FETCH FIRST 3 ROWS WITH TIES

# limit zero
SELECT * FROM events LIMIT 0

# offset beyond
SELECT * FROM events ORDER BY client_id, id OFFSET 1000

# order by an expression
SELECT client_id, id FROM events ORDER BY client_id % 7, client_id, id LIMIT 15

# order by an output name
SELECT client_id * 2 AS doubled, id FROM events WHERE client_id < 100 ORDER BY doubled DESC, id LIMIT 9

# order by a column that is not listed
SELECT id FROM events ORDER BY client_id, id LIMIT 12

# join on the key
SELECT e.client_id, count(*), sum(s.seconds) FROM events e JOIN sessions s USING (client_id) GROUP BY e.client_id ORDER BY 1

# join on something else
SELECT e.client_id, e.id, o.customer FROM events e JOIN orders o ON o.order_id = e.id WHERE e.client_id < 4 ORDER BY 1, 2, 3

# keyspaces joined
SELECT e.client_id, i.symbol FROM events e JOIN instruments i ON i.instrument_id = e.client_id ORDER BY 1, 2

# join of ranges
SELECT i.symbol, sum(m.volume) FROM instruments i JOIN market_data m USING (instrument_id) GROUP BY i.symbol ORDER BY i.symbol COLLATE "C"

# left join
SELECT e.client_id, e.id, s.seconds FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id AND s.seconds > 1000 ORDER BY 1, 2, 3

# right join
SELECT s.client_id, e.id FROM sessions s RIGHT JOIN events e ON e.client_id = s.client_id ORDER BY 2, 1 NULLS LAST LIMIT 30

# full join
SELECT e.client_id, s.client_id FROM (SELECT DISTINCT client_id FROM events WHERE client_id < 10) e FULL JOIN (SELECT DISTINCT client_id FROM sessions WHERE client_id > 5) s ON s.client_id = e.client_id ORDER BY 1, 2

# reference preserved
SELECT c.code, count(i.symbol) FROM countries c LEFT JOIN instruments i ON i.country = c.code GROUP BY c.code ORDER BY c.code

# reference nullable
SELECT i.symbol, c.name FROM instruments i LEFT JOIN countries c ON c.code = i.country ORDER BY i.instrument_id

# reference full
SELECT c.code, i.symbol FROM countries c FULL JOIN instruments i ON i.country = c.code AND c.code = 'DE' ORDER BY 1, 2 COLLATE "C"

# cross join
SELECT count(*) FROM instruments CROSS JOIN countries

# three tables
SELECT o.customer, count(*), sum(i.quantity) FROM orders o JOIN order_items i USING (customer, order_id) JOIN countries c ON c.population > 0 GROUP BY o.customer ORDER BY 1

# natural join
SELECT count(*), sum(quantity) FROM orders NATURAL JOIN order_items

# self join
SELECT a.client_id, b.client_id FROM events a JOIN events b ON a.amount = b.amount AND a.client_id < b.client_id ORDER BY 1, 2

# aliases of columns
SELECT x, y FROM events AS e (x, y) WHERE y = 1 ORDER BY x

# join alias
SELECT j.id FROM (events JOIN sessions USING (client_id)) AS j ORDER BY j.id LIMIT 3

# single table joined
SELECT a.what, count(e.id) FROM audit a LEFT JOIN events e ON e.id = a.id GROUP BY a.what ORDER BY 1

# in a subquery
SELECT count(*) FROM events WHERE client_id IN (SELECT client_id FROM sessions WHERE seconds > 500)

# not in with nulls
SELECT count(*) FROM events WHERE amount NOT IN (SELECT amount FROM events WHERE id = 3)

# not in without nulls
SELECT count(*) FROM events WHERE client_id NOT IN (SELECT client_id FROM sessions)

# exists
SELECT count(*) FROM events e WHERE EXISTS (SELECT 1 FROM sessions s WHERE s.client_id = e.client_id AND s.seconds < 100)

# not exists
SELECT e.client_id, e.id FROM events e WHERE NOT EXISTS (SELECT FROM sessions s WHERE s.client_id = e.client_id) ORDER BY 1, 2

# scalar subquery
SELECT client_id, id FROM events WHERE amount = (SELECT max(amount) FROM events) ORDER BY 1, 2

# correlated scalar
SELECT e.client_id, (SELECT max(seconds) FROM sessions s WHERE s.client_id = e.client_id) FROM events e WHERE e.id = 1 ORDER BY 1

# a subquery of more than one row
SELECT (SELECT client_id FROM events)

# any and all
SELECT count(*) FROM events WHERE amount > ALL (SELECT seconds / 100.0 FROM sessions WHERE client_id < 5) OR id = ANY (SELECT order_id FROM orders)

# array subquery
SELECT ARRAY(SELECT id FROM events WHERE kind = 'buy' ORDER BY client_id, id)

# from a subquery
SELECT kind, n FROM (SELECT kind, count(*) AS n FROM events GROUP BY kind) g WHERE n > 50 ORDER BY 1

# limit inside
SELECT count(*) FROM (SELECT * FROM events ORDER BY client_id, id LIMIT 100) e WHERE client_id < 10

# lateral
SELECT i.symbol, m.day, m.close FROM instruments i, LATERAL (SELECT day, close FROM market_data m WHERE m.instrument_id = i.instrument_id ORDER BY close DESC LIMIT 2) m ORDER BY i.instrument_id, m.day

# lateral left
SELECT c.code, x.symbol FROM countries c LEFT JOIN LATERAL (SELECT symbol FROM instruments i WHERE i.country = c.code ORDER BY instrument_id DESC LIMIT 1) x ON true ORDER BY 1

# cte
WITH big AS (SELECT client_id, sum(amount) AS total FROM events GROUP BY client_id) SELECT count(*), max(total) FROM big WHERE total > 100

# cte used twice
WITH e AS (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) SELECT a.client_id FROM e a JOIN e b ON a.n = b.n AND a.client_id = b.client_id + 1 ORDER BY 1

# cte materialized
WITH e AS MATERIALIZED (SELECT * FROM events) SELECT kind, count(*) FROM e GROUP BY kind ORDER BY 1

# cte with the table's name
WITH events AS (SELECT * FROM events WHERE id = 1) SELECT count(*) FROM events

# cte with our name
WITH shardway_1 AS (SELECT client_id FROM sessions) SELECT count(*) FROM shardway_1 JOIN events USING (client_id)

# recursive cte
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT n, count(e.id) FROM t LEFT JOIN events e ON e.id = n GROUP BY n ORDER BY n

# recursion over sharded rows
WITH RECURSIVE chain AS (SELECT client_id, id FROM events WHERE client_id = 1 AND id = 1 UNION SELECT e.client_id, e.id FROM events e JOIN chain c ON e.client_id = c.client_id + 1 AND e.id = c.id WHERE e.client_id < 20) SELECT * FROM chain ORDER BY 1

# union
SELECT client_id FROM events UNION SELECT client_id FROM sessions ORDER BY 1

# union all
SELECT kind FROM events WHERE id = 1 UNION ALL SELECT status FROM orders ORDER BY 1

# intersect
SELECT client_id FROM events INTERSECT SELECT client_id FROM sessions ORDER BY 1

# except all
SELECT client_id FROM events EXCEPT ALL SELECT client_id FROM sessions ORDER BY 1

# union in a subquery
SELECT k, count(*) FROM (SELECT kind AS k FROM events UNION ALL SELECT status FROM orders) u GROUP BY k ORDER BY 1

# parentheses
(SELECT client_id FROM events ORDER BY client_id LIMIT 2) UNION ALL (SELECT client_id FROM sessions ORDER BY client_id DESC LIMIT 2)

# only parentheses
(SELECT count(*) FROM events)

# parentheses around with
(WITH e AS (SELECT * FROM events) SELECT count(*) FROM e)

# values joined
SELECT v.n, count(e.id) FROM (VALUES (1), (2), (99)) v(n) LEFT JOIN events e ON e.id = v.n GROUP BY v.n ORDER BY 1

# rows from
SELECT e.client_id, g.* FROM events e, ROWS FROM (generate_series(1, 2), generate_series(5, 6)) AS g(a, b) WHERE e.id = 1 AND e.client_id < 4 ORDER BY 1, 2

# set-returning function
SELECT client_id, generate_series(1, id) FROM events WHERE client_id < 3 ORDER BY 1, 2

# a view
SELECT count(*), sum(amount) FROM client_events

# a view with a filter
SELECT owner, count(*) FROM big_events GROUP BY owner ORDER BY 1

# a view with groups
SELECT * FROM event_totals ORDER BY client_id

# views in views
SELECT * FROM joined_view ORDER BY client_id, id, seconds

# a view twice
SELECT count(*) FROM event_totals a JOIN event_totals b ON a.total = b.total

# a view with an alias
SELECT v.owner FROM big_events AS v (owner, n) ORDER BY 1 LIMIT 5

# a view and a key
SELECT n FROM event_totals WHERE client_id IN (1, 2, 3) ORDER BY client_id

# key in a list
SELECT * FROM events WHERE client_id IN (1, 2, 3, 4) ORDER BY client_id, id

# key range
SELECT count(*) FROM market_data WHERE instrument_id BETWEEN 9000 AND 21000

# key range and groups
SELECT instrument_id, max(close) FROM market_data WHERE instrument_id > 9000 AND instrument_id < 21000 GROUP BY 1 ORDER BY 1

# days
SELECT day, avg(value) FROM readings WHERE day >= '2023-12-20' AND day < '2024-01-10' GROUP BY day ORDER BY day

# schema named
SELECT count(*) FROM public.events

# schema and column named
SELECT public.events.id FROM public.events ORDER BY client_id, id LIMIT 1

# odd blanks in a name
SELECT count(*) FROM public . events /* here */ WHERE id = 1

# a quoted table
SELECT count(*) FROM "events" AS "The Events" WHERE "The Events".id > 3

# another schema
SELECT count(*) FROM other.events o JOIN public.events e USING (client_id)

# table
TABLE events

# only
SELECT count(*) FROM ONLY events

# star behind a name
SELECT count(*) FROM events *

# the row as a whole
SELECT e FROM events e ORDER BY client_id, id LIMIT 1

# the row as json
SELECT row_to_json(e) FROM events e WHERE id = 1 ORDER BY client_id LIMIT 2

# count of rows as a whole
SELECT count(e) FROM events e

# all of a row in ROW
SELECT ROW(e.*) FROM (SELECT client_id, id FROM events) e ORDER BY 1 LIMIT 2

# system columns
SELECT ctid FROM events ORDER BY 1 LIMIT 1

# tableoid
SELECT DISTINCT tableoid::regclass FROM events

# sample
SELECT count(*) FROM events TABLESAMPLE SYSTEM (100)

# locks
SELECT * FROM events WHERE id = 1 ORDER BY client_id LIMIT 1 FOR UPDATE

# group by primary key
SELECT client_id, id, kind, count(*) FROM events GROUP BY client_id, id ORDER BY 1, 2 LIMIT 5

# division by zero
SELECT count(*) FROM events WHERE 1 / (id - 1) > 0

# division by zero in the list
SELECT 1 / (id - id) FROM events

# a cast that fails
SELECT count(*) FROM events WHERE kind::integer > 0

# a cast that is not reached
SELECT count(*) FROM events WHERE CASE WHEN kind = 'none' THEN kind::integer > 0 ELSE true END

# no such column
SELECT missing FROM events

# no such table
SELECT count(*) FROM events, missing

# no such function
SELECT missing(id) FROM events

# ungrouped column
SELECT kind, id, count(*) FROM events GROUP BY kind

# ambiguous column
SELECT client_id FROM events, sessions

# type mismatch
SELECT count(*) FROM events WHERE kind = 5

# overflow of a sum
SELECT sum(i.population) FROM (SELECT 9223372036854775807 AS population FROM events) i

# numeric overflow
SELECT (sum(client_id) * 1e100)::bigint FROM events

# case and coalesce
SELECT sum(CASE kind WHEN 'buy' THEN 1 ELSE 0 END), sum(coalesce(amount, 0)) FROM events

# booleans
SELECT bool_or(amount > 99), bool_and(amount IS NOT NULL) FROM events

# like
SELECT count(*) FROM orders WHERE customer LIKE 'customer 1%' AND status <> 'open'

# similar and regular
SELECT count(*) FROM orders WHERE customer ~ '^customer [12]' AND customer SIMILAR TO '%[0-9]'

# is null
SELECT count(*) FROM events WHERE amount IS NULL AND payload IS NOT NULL

# is distinct
SELECT count(*) FROM events WHERE amount IS DISTINCT FROM 1.5

# json operators
SELECT payload->>'n' AS n, count(*) FROM events WHERE payload ? 'n' GROUP BY 1 ORDER BY 1

# time zones
SELECT at AT TIME ZONE 'Europe/Berlin' AS berlin FROM events WHERE id = 1 ORDER BY at LIMIT 5

# extract
SELECT extract(month FROM at) AS month, count(*) FROM events GROUP BY 1 ORDER BY 1

# row comparison
SELECT count(*) FROM events WHERE (client_id, id) > (30, 3)

# rows in a list
SELECT count(*) FROM events WHERE (client_id, id) IN ((1, 1), (2, 2), (30, 3))

# between symmetric
SELECT count(*) FROM events WHERE client_id BETWEEN SYMMETRIC 20 AND 10

# a comment at the end
SELECT count(*) FROM events -- all of them

# a comment before
/* first */ SELECT count(*) FROM events;

# with a comment
WITH /* e */ e AS (SELECT * FROM events) SELECT count(*) FROM e;

# string functions
SELECT upper(kind), length(kind), count(*) FROM events GROUP BY kind ORDER BY 1

# string_agg
SELECT client_id, string_agg(kind, '-' ORDER BY id) FROM events WHERE client_id < 6 GROUP BY client_id ORDER BY 1

# names of the answer
SELECT count(*), max(id), client_id + 1, 'x', NULL, coalesce(max(kind), ''), (SELECT 1), EXISTS (SELECT 1), ARRAY[1], kind FROM events WHERE client_id < 100 GROUP BY client_id, kind ORDER BY client_id, kind LIMIT 2

# all rows
SELECT client_id, id, kind, amount, at, payload FROM events

# all rows with a filter
SELECT * FROM events WHERE amount > 30 AND kind IN ('buy', 'view')

# computed rows
SELECT client_id * 2 AS d, upper(kind), amount::text, to_char(at, 'YYYY-MM-DD') FROM events WHERE client_id BETWEEN 0 AND 100

# rows joined with a reference table
SELECT i.symbol, c.name FROM instruments i JOIN countries c ON c.code = i.country

# rows and a subquery on a reference table
SELECT symbol FROM instruments WHERE country IN (SELECT code FROM countries WHERE population > 70000000)

# now is the same for all
SELECT count(DISTINCT now()) FROM events

# now in the list
SELECT DISTINCT now() = transaction_timestamp() FROM events

# current user
SELECT DISTINCT current_user FROM events

# random
SELECT count(*) FROM (SELECT random() AS r FROM events) x WHERE r >= 0

# grouping nothing
SELECT count(*) FROM events GROUP BY ()

# distinct of aggregates
SELECT DISTINCT count(*) FROM events GROUP BY client_id ORDER BY 1

# order by an aggregate
SELECT kind FROM events GROUP BY kind ORDER BY count(*) DESC, kind

# limit by an expression
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT 1 + 2

# windows over groups
SELECT kind, sum(count(*)) OVER (ORDER BY kind) FROM events GROUP BY kind ORDER BY kind

# exists over all
SELECT EXISTS (SELECT 1 FROM events WHERE kind = 'zero')

# case with a subquery
SELECT CASE WHEN (SELECT count(*) FROM events) > 10 THEN 'many' ELSE 'few' END

# two counts
SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM sessions), (SELECT count(*) FROM countries)

# catalog and rows
SELECT count(*) FROM pg_class c, (SELECT DISTINCT kind FROM events) e WHERE c.relname = 'events'
