@same 334

# JOIN over same keyspace
SELECT e.client_id, e.id, s.session FROM events e JOIN sessions s ON e.client_id = s.client_id ORDER BY e.client_id, e.id, s.session

# LEFT JOIN over same keyspace
SELECT e.client_id, e.id, s.session FROM events e LEFT JOIN sessions s ON e.client_id = s.client_id ORDER BY e.client_id, e.id, s.session

# RIGHT JOIN over same keyspace
SELECT e.client_id, e.id, s.session FROM events e RIGHT JOIN sessions s ON e.client_id = s.client_id ORDER BY e.client_id, e.id, s.session

# FULL JOIN over same keyspace
SELECT e.client_id, e.id, s.session FROM events e FULL JOIN sessions s ON e.client_id = s.client_id ORDER BY e.client_id, e.id, s.session

# count of a join over same keyspace
SELECT count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id

# anti join over same keyspace
SELECT e.client_id, e.id FROM events e WHERE NOT EXISTS (SELECT FROM sessions s WHERE e.client_id = s.client_id) ORDER BY e.client_id, e.id

# semi join over same keyspace
SELECT e.client_id, e.id FROM events e WHERE EXISTS (SELECT 1 FROM sessions s WHERE e.client_id = s.client_id) ORDER BY e.client_id, e.id LIMIT 7

# JOIN over different keyspaces
SELECT e.client_id, e.id, o.customer, o.order_id FROM events e JOIN orders o ON e.id = o.order_id ORDER BY e.client_id, e.id, o.customer, o.order_id

# LEFT JOIN over different keyspaces
SELECT e.client_id, e.id, o.customer, o.order_id FROM events e LEFT JOIN orders o ON e.id = o.order_id ORDER BY e.client_id, e.id, o.customer, o.order_id

# RIGHT JOIN over different keyspaces
SELECT e.client_id, e.id, o.customer, o.order_id FROM events e RIGHT JOIN orders o ON e.id = o.order_id ORDER BY e.client_id, e.id, o.customer, o.order_id

# FULL JOIN over different keyspaces
SELECT e.client_id, e.id, o.customer, o.order_id FROM events e FULL JOIN orders o ON e.id = o.order_id ORDER BY e.client_id, e.id, o.customer, o.order_id

# count of a join over different keyspaces
SELECT count(*) FROM events e JOIN orders o ON e.id = o.order_id

# anti join over different keyspaces
SELECT e.client_id, e.id FROM events e WHERE NOT EXISTS (SELECT FROM orders o WHERE e.id = o.order_id) ORDER BY e.client_id, e.id

# semi join over different keyspaces
SELECT e.client_id, e.id FROM events e WHERE EXISTS (SELECT 1 FROM orders o WHERE e.id = o.order_id) ORDER BY e.client_id, e.id LIMIT 7

# JOIN over all of the key
SELECT o.customer, o.order_id, i.line FROM orders o JOIN order_items i ON o.customer = i.customer AND o.order_id = i.order_id ORDER BY o.customer, o.order_id, i.line

# LEFT JOIN over all of the key
SELECT o.customer, o.order_id, i.line FROM orders o LEFT JOIN order_items i ON o.customer = i.customer AND o.order_id = i.order_id ORDER BY o.customer, o.order_id, i.line

# RIGHT JOIN over all of the key
SELECT o.customer, o.order_id, i.line FROM orders o RIGHT JOIN order_items i ON o.customer = i.customer AND o.order_id = i.order_id ORDER BY o.customer, o.order_id, i.line

# FULL JOIN over all of the key
SELECT o.customer, o.order_id, i.line FROM orders o FULL JOIN order_items i ON o.customer = i.customer AND o.order_id = i.order_id ORDER BY o.customer, o.order_id, i.line

# count of a join over all of the key
SELECT count(*) FROM orders o JOIN order_items i ON o.customer = i.customer AND o.order_id = i.order_id

# anti join over all of the key
SELECT o.customer, o.order_id FROM orders o WHERE NOT EXISTS (SELECT FROM order_items i WHERE o.customer = i.customer AND o.order_id = i.order_id) ORDER BY o.customer, o.order_id

# semi join over all of the key
SELECT o.customer, o.order_id FROM orders o WHERE EXISTS (SELECT 1 FROM order_items i WHERE o.customer = i.customer AND o.order_id = i.order_id) ORDER BY o.customer, o.order_id LIMIT 7

# JOIN over ranges
SELECT m.instrument_id, m.day, n.instrument_id FROM market_data m JOIN instruments n ON m.instrument_id = n.instrument_id ORDER BY m.instrument_id, m.day, n.instrument_id

# LEFT JOIN over ranges
SELECT m.instrument_id, m.day, n.instrument_id FROM market_data m LEFT JOIN instruments n ON m.instrument_id = n.instrument_id ORDER BY m.instrument_id, m.day, n.instrument_id

# RIGHT JOIN over ranges
SELECT m.instrument_id, m.day, n.instrument_id FROM market_data m RIGHT JOIN instruments n ON m.instrument_id = n.instrument_id ORDER BY m.instrument_id, m.day, n.instrument_id

# FULL JOIN over ranges
SELECT m.instrument_id, m.day, n.instrument_id FROM market_data m FULL JOIN instruments n ON m.instrument_id = n.instrument_id ORDER BY m.instrument_id, m.day, n.instrument_id

# count of a join over ranges
SELECT count(*) FROM market_data m JOIN instruments n ON m.instrument_id = n.instrument_id

# anti join over ranges
SELECT m.instrument_id, m.day FROM market_data m WHERE NOT EXISTS (SELECT FROM instruments n WHERE m.instrument_id = n.instrument_id) ORDER BY m.instrument_id, m.day

# semi join over ranges
SELECT m.instrument_id, m.day FROM market_data m WHERE EXISTS (SELECT 1 FROM instruments n WHERE m.instrument_id = n.instrument_id) ORDER BY m.instrument_id, m.day LIMIT 7

# JOIN over a reference table
SELECT n.instrument_id, c.code FROM instruments n JOIN countries c ON n.country = c.code ORDER BY n.instrument_id, c.code

# LEFT JOIN over a reference table
SELECT n.instrument_id, c.code FROM instruments n LEFT JOIN countries c ON n.country = c.code ORDER BY n.instrument_id, c.code

# RIGHT JOIN over a reference table
SELECT n.instrument_id, c.code FROM instruments n RIGHT JOIN countries c ON n.country = c.code ORDER BY n.instrument_id, c.code

# FULL JOIN over a reference table
SELECT n.instrument_id, c.code FROM instruments n FULL JOIN countries c ON n.country = c.code ORDER BY n.instrument_id, c.code

# count of a join over a reference table
SELECT count(*) FROM instruments n JOIN countries c ON n.country = c.code

# anti join over a reference table
SELECT n.instrument_id FROM instruments n WHERE NOT EXISTS (SELECT FROM countries c WHERE n.country = c.code) ORDER BY n.instrument_id

# semi join over a reference table
SELECT n.instrument_id FROM instruments n WHERE EXISTS (SELECT 1 FROM countries c WHERE n.country = c.code) ORDER BY n.instrument_id LIMIT 7

# JOIN over a reference table preserved
SELECT c.code, n.instrument_id FROM countries c JOIN instruments n ON n.country = c.code ORDER BY c.code, n.instrument_id

# LEFT JOIN over a reference table preserved
SELECT c.code, n.instrument_id FROM countries c LEFT JOIN instruments n ON n.country = c.code ORDER BY c.code, n.instrument_id

# RIGHT JOIN over a reference table preserved
SELECT c.code, n.instrument_id FROM countries c RIGHT JOIN instruments n ON n.country = c.code ORDER BY c.code, n.instrument_id

# FULL JOIN over a reference table preserved
SELECT c.code, n.instrument_id FROM countries c FULL JOIN instruments n ON n.country = c.code ORDER BY c.code, n.instrument_id

# count of a join over a reference table preserved
SELECT count(*) FROM countries c JOIN instruments n ON n.country = c.code

# anti join over a reference table preserved
SELECT c.code FROM countries c WHERE NOT EXISTS (SELECT FROM instruments n WHERE n.country = c.code) ORDER BY c.code

# semi join over a reference table preserved
SELECT c.code FROM countries c WHERE EXISTS (SELECT 1 FROM instruments n WHERE n.country = c.code) ORDER BY c.code LIMIT 7

# JOIN over a single table
SELECT a.id, e.client_id, e.id FROM audit a JOIN events e ON a.id = e.id ORDER BY a.id, e.client_id, e.id

# LEFT JOIN over a single table
SELECT a.id, e.client_id, e.id FROM audit a LEFT JOIN events e ON a.id = e.id ORDER BY a.id, e.client_id, e.id

# RIGHT JOIN over a single table
SELECT a.id, e.client_id, e.id FROM audit a RIGHT JOIN events e ON a.id = e.id ORDER BY a.id, e.client_id, e.id

# FULL JOIN over a single table
SELECT a.id, e.client_id, e.id FROM audit a FULL JOIN events e ON a.id = e.id ORDER BY a.id, e.client_id, e.id

# count of a join over a single table
SELECT count(*) FROM audit a JOIN events e ON a.id = e.id

# anti join over a single table
SELECT a.id FROM audit a WHERE NOT EXISTS (SELECT FROM events e WHERE a.id = e.id) ORDER BY a.id

# semi join over a single table
SELECT a.id FROM audit a WHERE EXISTS (SELECT 1 FROM events e WHERE a.id = e.id) ORDER BY a.id LIMIT 7

# JOIN over two range keyspaces
SELECT r.day, r.sensor, m.instrument_id FROM readings r JOIN market_data m ON r.day = m.day ORDER BY r.day, r.sensor, m.instrument_id

# LEFT JOIN over two range keyspaces
SELECT r.day, r.sensor, m.instrument_id FROM readings r LEFT JOIN market_data m ON r.day = m.day ORDER BY r.day, r.sensor, m.instrument_id

# RIGHT JOIN over two range keyspaces
SELECT r.day, r.sensor, m.instrument_id FROM readings r RIGHT JOIN market_data m ON r.day = m.day ORDER BY r.day, r.sensor, m.instrument_id

# FULL JOIN over two range keyspaces
SELECT r.day, r.sensor, m.instrument_id FROM readings r FULL JOIN market_data m ON r.day = m.day ORDER BY r.day, r.sensor, m.instrument_id

# count of a join over two range keyspaces
SELECT count(*) FROM readings r JOIN market_data m ON r.day = m.day

# anti join over two range keyspaces
SELECT r.day, r.sensor FROM readings r WHERE NOT EXISTS (SELECT FROM market_data m WHERE r.day = m.day) ORDER BY r.day, r.sensor

# semi join over two range keyspaces
SELECT r.day, r.sensor FROM readings r WHERE EXISTS (SELECT 1 FROM market_data m WHERE r.day = m.day) ORDER BY r.day, r.sensor LIMIT 7

# UNION of two tables
SELECT client_id FROM events UNION SELECT client_id FROM sessions ORDER BY 1

# UNION with a limit of its own
(SELECT client_id FROM events ORDER BY 1 LIMIT 5) UNION (SELECT client_id FROM sessions ORDER BY 1 DESC LIMIT 5) ORDER BY 1

# UNION of text under two names
SELECT kind AS a FROM events UNION SELECT status FROM orders ORDER BY a

# UNION ALL of two tables
SELECT client_id FROM events UNION ALL SELECT client_id FROM sessions ORDER BY 1

# UNION ALL with a limit of its own
(SELECT client_id FROM events ORDER BY 1 LIMIT 5) UNION ALL (SELECT client_id FROM sessions ORDER BY 1 DESC LIMIT 5) ORDER BY 1

# UNION ALL of text under two names
SELECT kind AS a FROM events UNION ALL SELECT status FROM orders ORDER BY a

# INTERSECT of two tables
SELECT client_id FROM events INTERSECT SELECT client_id FROM sessions ORDER BY 1

# INTERSECT with a limit of its own
(SELECT client_id FROM events ORDER BY 1 LIMIT 5) INTERSECT (SELECT client_id FROM sessions ORDER BY 1 DESC LIMIT 5) ORDER BY 1

# INTERSECT of text under two names
SELECT kind AS a FROM events INTERSECT SELECT status FROM orders ORDER BY a

# INTERSECT ALL of two tables
SELECT client_id FROM events INTERSECT ALL SELECT client_id FROM sessions ORDER BY 1

# INTERSECT ALL with a limit of its own
(SELECT client_id FROM events ORDER BY 1 LIMIT 5) INTERSECT ALL (SELECT client_id FROM sessions ORDER BY 1 DESC LIMIT 5) ORDER BY 1

# INTERSECT ALL of text under two names
SELECT kind AS a FROM events INTERSECT ALL SELECT status FROM orders ORDER BY a

# EXCEPT of two tables
SELECT client_id FROM events EXCEPT SELECT client_id FROM sessions ORDER BY 1

# EXCEPT with a limit of its own
(SELECT client_id FROM events ORDER BY 1 LIMIT 5) EXCEPT (SELECT client_id FROM sessions ORDER BY 1 DESC LIMIT 5) ORDER BY 1

# EXCEPT of text under two names
SELECT kind AS a FROM events EXCEPT SELECT status FROM orders ORDER BY a

# EXCEPT ALL of two tables
SELECT client_id FROM events EXCEPT ALL SELECT client_id FROM sessions ORDER BY 1

# EXCEPT ALL with a limit of its own
(SELECT client_id FROM events ORDER BY 1 LIMIT 5) EXCEPT ALL (SELECT client_id FROM sessions ORDER BY 1 DESC LIMIT 5) ORDER BY 1

# EXCEPT ALL of text under two names
SELECT kind AS a FROM events EXCEPT ALL SELECT status FROM orders ORDER BY a

# grouped by ROLLUP
SELECT kind, client_id, count(*), sum(amount), grouping(kind) FROM events WHERE client_id < 20 GROUP BY ROLLUP (kind, client_id) ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3, 4 NULLS FIRST, 5

# grouped by CUBE
SELECT kind, client_id, count(*), sum(amount), grouping(kind) FROM events WHERE client_id < 20 GROUP BY CUBE (kind, client_id) ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3, 4 NULLS FIRST, 5

# grouped by GROUPING
SELECT kind, client_id, count(*), sum(amount), grouping(kind) FROM events WHERE client_id < 20 GROUP BY GROUPING SETS ((kind), (client_id), ()) ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3, 4 NULLS FIRST, 5

# grouped by GROUPING
SELECT kind, client_id, count(*), sum(amount), grouping(kind) FROM events WHERE client_id < 20 GROUP BY GROUPING SETS ((kind, client_id), (kind)) ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3, 4 NULLS FIRST, 5

# grouped by kind,
SELECT kind, client_id, count(*), sum(amount), grouping(kind) FROM events WHERE client_id < 20 GROUP BY kind, ROLLUP (client_id) ORDER BY 1 NULLS FIRST, 2 NULLS FIRST, 3, 4 NULLS FIRST, 5

# grouped by an expression
SELECT date_trunc('month', at) AS g, count(*), min(id), max(amount) FROM events GROUP BY 1 ORDER BY 1 NULLS LAST, 2, 3

# grouped by an expression
SELECT extract(hour FROM at) AS g, count(*), min(id), max(amount) FROM events GROUP BY 1 ORDER BY 1 NULLS LAST, 2, 3

# grouped by an expression
SELECT upper(kind) AS g, count(*), min(id), max(amount) FROM events GROUP BY 1 ORDER BY 1 NULLS LAST, 2, 3

# grouped by an expression
SELECT client_id % 3 AS g, count(*), min(id), max(amount) FROM events GROUP BY 1 ORDER BY 1 NULLS LAST, 2, 3

# grouped by an expression
SELECT amount IS NULL AS g, count(*), min(id), max(amount) FROM events GROUP BY 1 ORDER BY 1 NULLS LAST, 2, 3

# grouped by an expression
SELECT payload ->> 'a' AS g, count(*), min(id), max(amount) FROM events GROUP BY 1 ORDER BY 1 NULLS LAST, 2, 3

# grouped by an expression
SELECT CASE WHEN amount > 50 THEN 'big' ELSE 'small' END AS g, count(*), min(id), max(amount) FROM events GROUP BY 1 ORDER BY 1 NULLS LAST, 2, 3

# grouped by an expression
SELECT (client_id, kind) AS g, count(*), min(id), max(amount) FROM events GROUP BY 1 ORDER BY 1 NULLS LAST, 2, 3

# an aggregate of all rows
SELECT count(DISTINCT kind) AS a FROM events

# an aggregate of groups
SELECT client_id, count(DISTINCT kind) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT sum(DISTINCT amount) AS a FROM events

# an aggregate of groups
SELECT client_id, sum(DISTINCT amount) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT array_agg(id ORDER BY client_id DESC, id) AS a FROM events

# an aggregate of groups
SELECT client_id, array_agg(id ORDER BY client_id DESC, id) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT string_agg(kind, '|' ORDER BY client_id, id) AS a FROM events

# an aggregate of groups
SELECT client_id, string_agg(kind, '|' ORDER BY client_id, id) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT percentile_cont(0.25) WITHIN GROUP (ORDER BY amount) AS a FROM events

# an aggregate of groups
SELECT client_id, percentile_cont(0.25) WITHIN GROUP (ORDER BY amount) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT percentile_disc(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY id) AS a FROM events

# an aggregate of groups
SELECT client_id, percentile_disc(ARRAY[0.1, 0.9]) WITHIN GROUP (ORDER BY id) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT mode() WITHIN GROUP (ORDER BY kind) AS a FROM events

# an aggregate of groups
SELECT client_id, mode() WITHIN GROUP (ORDER BY kind) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT rank(5) WITHIN GROUP (ORDER BY id) AS a FROM events

# an aggregate of groups
SELECT client_id, rank(5) WITHIN GROUP (ORDER BY id) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT count(*) FILTER (WHERE amount > 10) AS a FROM events

# an aggregate of groups
SELECT client_id, count(*) FILTER (WHERE amount > 10) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT bool_and(amount > 0) AS a FROM events

# an aggregate of groups
SELECT client_id, bool_and(amount > 0) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT every(id > 0) AS a FROM events

# an aggregate of groups
SELECT client_id, every(id > 0) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT bit_xor(id) AS a FROM events

# an aggregate of groups
SELECT client_id, bit_xor(id) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT variance(id) AS a FROM events

# an aggregate of groups
SELECT client_id, variance(id) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT stddev_samp(id) AS a FROM events

# an aggregate of groups
SELECT client_id, stddev_samp(id) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT regr_count(id, client_id) AS a FROM events

# an aggregate of groups
SELECT client_id, regr_count(id, client_id) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT product(id::numeric % 3 + 1) AS a FROM events

# an aggregate of groups
SELECT client_id, product(id::numeric % 3 + 1) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT jsonb_object_agg(id::text || kind || client_id::text, amount) AS a FROM events

# an aggregate of groups
SELECT client_id, jsonb_object_agg(id::text || kind || client_id::text, amount) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT json_agg(id ORDER BY client_id, id) AS a FROM events

# an aggregate of groups
SELECT client_id, json_agg(id ORDER BY client_id, id) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT max(kind) AS a FROM events

# an aggregate of groups
SELECT client_id, max(kind) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT min(at) AS a FROM events

# an aggregate of groups
SELECT client_id, min(at) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT range_agg(int8range(id, id + 1)) IS NOT NULL AS a FROM events

# an aggregate of groups
SELECT client_id, range_agg(int8range(id, id + 1)) IS NOT NULL AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT sum(twice(id)) AS a FROM events

# an aggregate of groups
SELECT client_id, sum(twice(id)) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT count(payload) AS a FROM events

# an aggregate of groups
SELECT client_id, count(payload) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# an aggregate of all rows
SELECT array_agg(DISTINCT kind ORDER BY kind DESC) AS a FROM events

# an aggregate of groups
SELECT client_id, array_agg(DISTINCT kind ORDER BY kind DESC) AS a FROM events WHERE client_id < 12 GROUP BY client_id ORDER BY client_id

# HAVING
SELECT client_id FROM events GROUP BY client_id HAVING count(*) > 1 ORDER BY 1

# HAVING
SELECT client_id FROM events GROUP BY client_id HAVING sum(amount) > 100 ORDER BY 1

# HAVING
SELECT client_id FROM events GROUP BY client_id HAVING max(at) < '2030-01-01' ORDER BY 1

# HAVING
SELECT client_id FROM events GROUP BY client_id HAVING count(DISTINCT kind) = 1 ORDER BY 1

# HAVING
SELECT client_id FROM events GROUP BY client_id HAVING NOT bool_or(amount IS NULL) ORDER BY 1

# HAVING
SELECT client_id FROM events GROUP BY client_id HAVING count(*) > (SELECT count(*) FROM nothing) ORDER BY 1

# a window
SELECT client_id, id, row_number() OVER (ORDER BY client_id, id) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, rank() OVER (PARTITION BY kind ORDER BY amount) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, dense_rank() OVER (ORDER BY kind) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, percent_rank() OVER (PARTITION BY client_id ORDER BY id) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, cume_dist() OVER (ORDER BY id) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, ntile(4) OVER (ORDER BY client_id, id) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, lag(amount) OVER (PARTITION BY client_id ORDER BY id) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, lead(kind, 2, 'none') OVER (ORDER BY client_id, id) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, first_value(id) OVER w AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, last_value(id) OVER w AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, nth_value(id, 2) OVER w AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, sum(amount) OVER (PARTITION BY client_id ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, count(*) OVER (PARTITION BY kind) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, avg(id) OVER (ORDER BY id RANGE BETWEEN 5 PRECEDING AND CURRENT ROW) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# a window
SELECT client_id, id, max(amount) OVER (ORDER BY client_id, id GROUPS 2 PRECEDING EXCLUDE CURRENT ROW) AS w FROM events WHERE client_id < 15 WINDOW w AS (PARTITION BY client_id ORDER BY id) ORDER BY client_id, id

# an order
SELECT client_id, id, amount FROM events ORDER BY kind COLLATE "C", client_id, id LIMIT 9 OFFSET 3

# an order with ties
SELECT count(*) OVER () > 0 FROM events ORDER BY kind COLLATE "C" FETCH FIRST 3 ROWS WITH TIES

# an order
SELECT client_id, id, amount FROM events ORDER BY kind COLLATE "en-x-icu" DESC, client_id, id LIMIT 9 OFFSET 3

# an order with ties
SELECT count(*) OVER () > 0 FROM events ORDER BY kind COLLATE "en-x-icu" DESC FETCH FIRST 3 ROWS WITH TIES

# an order
SELECT client_id, id, amount FROM events ORDER BY amount NULLS FIRST, client_id, id LIMIT 9 OFFSET 3

# an order with ties
SELECT count(*) OVER () > 0 FROM events ORDER BY amount NULLS FIRST FETCH FIRST 3 ROWS WITH TIES

# an order
SELECT client_id, id, amount FROM events ORDER BY amount DESC NULLS LAST, client_id, id LIMIT 9 OFFSET 3

# an order with ties
SELECT count(*) OVER () > 0 FROM events ORDER BY amount DESC NULLS LAST FETCH FIRST 3 ROWS WITH TIES

# an order
SELECT client_id, id, amount FROM events ORDER BY at DESC, client_id, id LIMIT 9 OFFSET 3

# an order with ties
SELECT count(*) OVER () > 0 FROM events ORDER BY at DESC FETCH FIRST 3 ROWS WITH TIES

# an order
SELECT client_id, id, amount FROM events ORDER BY payload, client_id, id LIMIT 9 OFFSET 3

# an order with ties
SELECT count(*) OVER () > 0 FROM events ORDER BY payload FETCH FIRST 3 ROWS WITH TIES

# an order
SELECT client_id, id, amount FROM events ORDER BY lower(kind), client_id, id LIMIT 9 OFFSET 3

# an order with ties
SELECT count(*) OVER () > 0 FROM events ORDER BY lower(kind) FETCH FIRST 3 ROWS WITH TIES

# an order
SELECT client_id, id, amount FROM events ORDER BY amount * -1 NULLS FIRST, client_id, id LIMIT 9 OFFSET 3

# an order with ties
SELECT count(*) OVER () > 0 FROM events ORDER BY amount * -1 NULLS FIRST FETCH FIRST 3 ROWS WITH TIES

# an order
SELECT client_id, id, amount FROM events ORDER BY (amount IS NULL) DESC, client_id, id LIMIT 9 OFFSET 3

# an order with ties
SELECT count(*) OVER () > 0 FROM events ORDER BY (amount IS NULL) DESC FETCH FIRST 3 ROWS WITH TIES

# DISTINCT
SELECT DISTINCT kind FROM events ORDER BY 1

# DISTINCT
SELECT DISTINCT ON (kind) kind, client_id, id FROM events ORDER BY kind, client_id DESC, id

# DISTINCT
SELECT DISTINCT ON (client_id % 2) client_id % 2, client_id, id FROM events ORDER BY client_id % 2, client_id, id

# DISTINCT
SELECT DISTINCT amount IS NULL, kind FROM events ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE client_id NOT IN (SELECT client_id FROM sessions) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE client_id NOT IN (SELECT seconds FROM sessions) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE amount > ALL (SELECT total FROM orders WHERE status = 'open') ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE amount = ANY (SELECT total FROM orders) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE amount > (SELECT avg(amount) FROM events) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE (client_id, id) IN (SELECT client_id, id FROM other.events) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE id = (SELECT max(id) FROM events x WHERE x.client_id = e.client_id) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE EXISTS (SELECT FROM orders o WHERE o.order_id = e.id AND o.total > e.amount) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE kind IN (SELECT status FROM orders UNION SELECT kind FROM other.events) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE client_id = ANY (ARRAY(SELECT client_id FROM sessions)) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE (SELECT count(*) FROM sessions s WHERE s.client_id = e.client_id) > 1 ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE e.client_id IN (SELECT s.client_id FROM sessions s WHERE s.seconds IN (SELECT x.id FROM events x WHERE x.kind = e.kind)) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE NOT (client_id < ANY (SELECT client_id FROM nothing)) ORDER BY 1, 2

# a subquery in WHERE
SELECT client_id, id FROM events e WHERE client_id <> ALL (SELECT client_id FROM nothing) ORDER BY 1, 2

# a subquery in the select list
SELECT e.client_id, e.id, (SELECT max(seconds) FROM sessions s WHERE s.client_id = e.client_id) AS v FROM events e WHERE e.client_id < 10 ORDER BY 1, 2

# a subquery in the select list
SELECT e.client_id, e.id, (SELECT name FROM countries ORDER BY code LIMIT 1) AS v FROM events e WHERE e.client_id < 10 ORDER BY 1, 2

# a subquery in the select list
SELECT e.client_id, e.id, ARRAY(SELECT s.seconds FROM sessions s WHERE s.client_id = e.client_id ORDER BY 1) AS v FROM events e WHERE e.client_id < 10 ORDER BY 1, 2

# a subquery in the select list
SELECT e.client_id, e.id, EXISTS (SELECT FROM nothing) AS v FROM events e WHERE e.client_id < 10 ORDER BY 1, 2

# a subquery in the select list
SELECT e.client_id, e.id, (SELECT jsonb_agg(o.order_id ORDER BY o.order_id) FROM orders o WHERE o.order_id = e.id) AS v FROM events e WHERE e.client_id < 10 ORDER BY 1, 2

# a subquery in the select list
SELECT e.client_id, e.id, (SELECT n FROM event_totals t WHERE t.client_id = e.client_id) AS v FROM events e WHERE e.client_id < 10 ORDER BY 1, 2

# LATERAL with a limit
SELECT s.client_id, s.seconds, x.id FROM sessions s CROSS JOIN LATERAL (SELECT id FROM events e WHERE e.client_id = s.client_id ORDER BY id DESC LIMIT 2) x ORDER BY 1, 2, 3

# LATERAL that may find nothing
SELECT s.client_id, s.session, x.id FROM sessions s LEFT JOIN LATERAL (SELECT id FROM events e WHERE e.id > s.seconds ORDER BY id, client_id LIMIT 1) x ON true ORDER BY 1, 2, 3

# LATERAL of a function of a row
SELECT e.client_id, e.id, g FROM events e, LATERAL generate_series(1, (e.id % 3)::integer) g ORDER BY 1, 2, 3 LIMIT 20

# a part of WITH used twice
WITH t AS (SELECT client_id, sum(amount) AS s FROM events GROUP BY client_id) SELECT a.client_id, b.client_id FROM t a JOIN t b ON a.s < b.s ORDER BY 1, 2 LIMIT 20

# parts of WITH on parts
WITH a AS (SELECT * FROM events WHERE amount > 10), b AS MATERIALIZED (SELECT client_id, count(*) AS n FROM a GROUP BY 1), d AS NOT MATERIALIZED (SELECT max(n) AS m FROM b) SELECT * FROM b WHERE n = (SELECT m FROM d) ORDER BY 1

# WITH inside of a subquery
SELECT client_id FROM sessions WHERE client_id IN (WITH x AS (SELECT client_id FROM events WHERE kind = 'click') SELECT client_id FROM x) ORDER BY 1

# a recursive walk over rows
WITH RECURSIVE w AS (SELECT client_id, id FROM events WHERE id = 1 UNION SELECT e.client_id, e.id FROM events e JOIN w ON e.client_id = w.client_id AND e.id = w.id + 1) SELECT count(*), max(id) FROM w

# a recursive series joined
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT n.i, count(e.id) FROM n LEFT JOIN events e ON e.id = n.i GROUP BY n.i ORDER BY 1

# recursive with SEARCH
WITH RECURSIVE w(i) AS (SELECT id FROM events WHERE id < 3 UNION SELECT w.i + 1 FROM w WHERE w.i < 6) SEARCH DEPTH FIRST BY i SET o SELECT DISTINCT i FROM w ORDER BY i

# recursive with CYCLE
WITH RECURSIVE w(i) AS (SELECT 1 UNION ALL SELECT i % 3 + 1 FROM w) CYCLE i SET looped USING path SELECT i, looped FROM w JOIN events e ON e.id = w.i AND e.client_id = 1 ORDER BY 1, 2

# a set-returning function in the select list
SELECT client_id, id, generate_series(1, 2) FROM events WHERE client_id < 4 ORDER BY 1, 2, 3

# unnest of a column
SELECT w.client_id, u FROM wide w, unnest(w.ai) u ORDER BY 1, 2

# unnest WITH ORDINALITY
SELECT w.client_id, u.v, u.n FROM wide w CROSS JOIN LATERAL unnest(w.at) WITH ORDINALITY AS u(v, n) ORDER BY 1, 3

# ROWS FROM
SELECT e.id, r.a, r.b FROM events e, ROWS FROM (generate_series(1, 2), unnest(ARRAY['x', 'y', 'z'])) AS r(a, b) WHERE e.client_id = 1 OR e.client_id = 2 ORDER BY 1, 2, 3, e.client_id

# jsonb_each
SELECT e.client_id, e.id, j.key, j.value FROM events e, jsonb_each(e.payload) j WHERE jsonb_typeof(e.payload) = 'object' ORDER BY 1, 2, 3

# jsonb_to_record
SELECT e.client_id, e.id, r.a FROM events e, jsonb_to_record(e.payload) AS r(a text) WHERE jsonb_typeof(e.payload) = 'object' ORDER BY 1, 2

# jsonb_path_query
SELECT client_id, id, jsonb_path_query(payload, '$.*') AS v FROM events ORDER BY 1, 2, 3

# regexp_split_to_table
SELECT customer, order_id, regexp_split_to_table(status, 'e') AS p FROM orders ORDER BY 1, 2, 3

# VALUES joined
SELECT v.n, e.id FROM (VALUES (1, 'click'), (2, 'view')) AS v(n, kind) LEFT JOIN events e ON e.kind = v.kind AND e.client_id < 5 ORDER BY 1, 2

# VALUES as an IN list
SELECT client_id, id FROM events WHERE (kind, id) IN (VALUES ('click', 1::bigint), ('view', 2)) ORDER BY 1, 2

# a view on views
SELECT * FROM joined_view ORDER BY 1, 2, 3

# an aggregate over a view
SELECT owner, count(*), sum(amount) FROM big_events GROUP BY owner ORDER BY 1

# two views joined
SELECT b.owner, t.n FROM big_events b JOIN event_totals t ON t.client_id = b.owner ORDER BY 1, 2, b.id

# a view of a view in EXISTS
SELECT client_id FROM sessions s WHERE EXISTS (SELECT FROM big_events b WHERE b.owner = s.client_id) ORDER BY 1

# the columns of a view renamed
SELECT x.a, x.b FROM event_totals AS x(a, b, d) ORDER BY 1

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN payload #>> '{a,b}' END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN payload @> '{"a": 1}' END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN payload ? 'a' END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN jsonb_pretty(payload) END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN payload - 'a' END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN jsonb_set(payload, '{z}', '1') END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN payload || '{"q": true}' END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN jsonb_typeof(payload) END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN payload -> 0 END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN jsonb_strip_nulls(payload) END AS v FROM events ORDER BY 1, 2

# JSON
SELECT client_id, id, CASE WHEN jsonb_typeof(payload) = 'object' THEN jsonb_path_exists(payload, '$.a') END AS v FROM events ORDER BY 1, 2

# rows as JSON
SELECT to_jsonb(e) - 'at' AS v FROM events e ORDER BY client_id, id LIMIT 10

# rows as JSON, aggregated
SELECT jsonb_agg(to_jsonb(c) ORDER BY c.code) FROM countries c WHERE EXISTS (SELECT FROM instruments n WHERE n.country = c.code)

# row_to_json of a subquery
SELECT row_to_json(x) FROM (SELECT client_id, count(*) AS n FROM events GROUP BY 1) x ORDER BY x.client_id

# a type of the user's
SELECT client_id, md AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT md AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, am AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT am AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, dm AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT dm AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, pr AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT pr AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, (pr).a AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT (pr).a AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, (pr).b AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT (pr).b AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, md > 'sad' AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT md > 'sad' AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, md::text AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT md::text AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, dm + 1 AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT dm + 1 AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, pr IS NULL AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT pr IS NULL AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, am[1] AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT am[1] AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, md IN ('ok', 'happy') AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT md IN ('ok', 'happy') AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, enum_range(md) AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT enum_range(md) AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, pr = ROW(1, 'x')::pair AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT pr = ROW(1, 'x')::pair AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# a type of the user's
SELECT client_id, array_length(am, 1) AS v FROM wide ORDER BY client_id

# a type of the user's, aggregated
SELECT array_length(am, 1) AS v, count(*) FROM wide GROUP BY 1 ORDER BY 1 NULLS FIRST, 2

# the largest of an enum
SELECT max(md), min(md), array_agg(md ORDER BY md DESC) FROM wide

# enums joined
SELECT a.client_id, b.client_id FROM wide a JOIN wide b ON a.md = b.md ORDER BY 1, 2

# an aggregate of the user's
SELECT kind, product(amount % 3 + 1) FROM events WHERE amount IS NOT NULL GROUP BY kind ORDER BY 1

# an aggregate of the user's as a window
SELECT client_id, id, product(id % 2 + 1) OVER (PARTITION BY client_id ORDER BY id) FROM events WHERE client_id < 6 ORDER BY 1, 2

# a function of the user's
SELECT twice(id), count(*) FROM events GROUP BY twice(id) ORDER BY 1 LIMIT 5

# times in UTC
SELECT client_id, tstz AT TIME ZONE 'UTC' AS l, date_trunc('day', tstz, 'UTC') AS d FROM wide ORDER BY 1

# times in America/New_York
SELECT client_id, tstz AT TIME ZONE 'America/New_York' AS l, date_trunc('day', tstz, 'America/New_York') AS d FROM wide ORDER BY 1

# times in Asia/Kathmandu
SELECT client_id, tstz AT TIME ZONE 'Asia/Kathmandu' AS l, date_trunc('day', tstz, 'Asia/Kathmandu') AS d FROM wide ORDER BY 1

# times in Australia/Lord_Howe
SELECT client_id, tstz AT TIME ZONE 'Australia/Lord_Howe' AS l, date_trunc('day', tstz, 'Australia/Lord_Howe') AS d FROM wide ORDER BY 1

# NaN, infinities and zeros in order
SELECT f4, count(*) FROM wide GROUP BY f4 ORDER BY 1 NULLS FIRST, 2

# their extremes
SELECT min(f4), max(f4), count(f4), count(DISTINCT f4) FROM wide

# NaN, infinities and zeros in order
SELECT f8, count(*) FROM wide GROUP BY f8 ORDER BY 1 NULLS FIRST, 2

# their extremes
SELECT min(f8), max(f8), count(f8), count(DISTINCT f8) FROM wide

# NaN, infinities and zeros in order
SELECT n, count(*) FROM wide GROUP BY n ORDER BY 1 NULLS FIRST, 2

# their extremes
SELECT min(n), max(n), count(n), count(DISTINCT n) FROM wide

# NaN, infinities and zeros in order
SELECT d, count(*) FROM wide GROUP BY d ORDER BY 1 NULLS FIRST, 2

# their extremes
SELECT min(d), max(d), count(d), count(DISTINCT d) FROM wide

# NaN, infinities and zeros in order
SELECT ts, count(*) FROM wide GROUP BY ts ORDER BY 1 NULLS FIRST, 2

# their extremes
SELECT min(ts), max(ts), count(ts), count(DISTINCT ts) FROM wide

# NaN, infinities and zeros in order
SELECT tstz, count(*) FROM wide GROUP BY tstz ORDER BY 1 NULLS FIRST, 2

# their extremes
SELECT min(tstz), max(tstz), count(tstz), count(DISTINCT tstz) FROM wide

# NaN, infinities and zeros in order
SELECT iv, count(*) FROM wide GROUP BY iv ORDER BY 1 NULLS FIRST, 2

# their extremes
SELECT min(iv), max(iv), count(iv), count(DISTINCT iv) FROM wide

# a condition on a type
SELECT client_id FROM wide WHERE f8 = 'NaN' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE f8 > 1e300 ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE f4 = '-0' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE n = 'NaN' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE d = 'infinity' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE ts < '-infinity' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE cc = '' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE cc COLLATE "en-x-icu" < 'b' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE by = '\x' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE at = '{}' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE v5 > 'a' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE c5 = 'ab' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE r4 @> 3 ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE ip << '10.0.0.0/8' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE bt & B'1000' = B'1000' ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE tv @@ 'a'::tsquery ORDER BY 1

# a condition on a type
SELECT client_id FROM wide WHERE iv > '1 day' ORDER BY 1

# an error as PostgreSQL gives it
SELECT max(1 / (id - 1)) FROM events

# an error as PostgreSQL gives it
SELECT max(kind::integer) FROM events

# an error as PostgreSQL gives it
SELECT max(('2024-01-' || id)::date) FROM events

# an error as PostgreSQL gives it
SELECT max(sqrt(-amount)) FROM events

# an error as PostgreSQL gives it
SELECT max(ln(0 * id)) FROM events

# an error as PostgreSQL gives it
SELECT max(repeat('x', -1)::integer) FROM events

# an error as PostgreSQL gives it
SELECT max((SELECT client_id FROM sessions)) FROM events

# an error as PostgreSQL gives it
SELECT max(id::smallint * 30000::smallint) FROM events

# an error as PostgreSQL gives it
SELECT jsonb_array_elements(payload)::text::integer FROM events

# a statement that is wrong
SELECT nothing_of_this FROM events

# a statement that is wrong
SELECT events.x FROM events

# a statement that is wrong
SELECT sum(kind) FROM events

# a statement that is wrong
SELECT client_id FROM events GROUP BY kind ORDER BY 1

# a statement that is wrong
SELECT * FROM events JOIN sessions USING (id)

# a statement that is wrong
SELECT client_id FROM events, sessions

# a statement that is wrong
SELECT max(count(*)) FROM events

# a statement that is wrong
SELECT 1 FROM events WHERE count(*) > 1

# a statement that is wrong
SELECT DISTINCT kind FROM events ORDER BY id

# a statement that is wrong
SELECT id FROM events UNION SELECT kind FROM events

# a statement that is wrong
SELECT nofunc(id) FROM events

# a statement that is wrong
SELECT id FROM events LIMIT -1

# a statement that is wrong
SELECT id FROM events ORDER BY 7

# a statement that is wrong
SELECT (SELECT id, kind FROM events)

# a statement that is wrong
SELECT e.id FROM events

# an empty table
SELECT count(*), sum(client_id), max(v), array_agg(v) FROM nothing

# an empty table grouped
SELECT v, count(*) FROM nothing GROUP BY v

# an empty table joined
SELECT e.id, n.v FROM events e LEFT JOIN nothing n USING (client_id) ORDER BY e.client_id, e.id LIMIT 5
