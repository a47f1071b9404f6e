@same 18

# W1 a comparison in the select list is no filter
SELECT client_id, client_id = 5 AS mine FROM events WHERE id = 1

# W1 CASE
SELECT sum(CASE WHEN client_id = 5 THEN 1 ELSE 0 END) FROM events

# W1 ORDER BY
SELECT client_id FROM events WHERE id = 1 ORDER BY (client_id = 5) DESC, client_id

# W1 FILTER
SELECT count(*) FILTER (WHERE client_id = 5), count(*) FROM events

# W1 on one shard: the select list names another client
SELECT id, client_id = 5 AS mine FROM events WHERE client_id = 7

# W2 union of two keys
SELECT id FROM events WHERE client_id = 1 UNION ALL SELECT id FROM events WHERE client_id = 2

# W3 scalar subquery has a key, the outer query none
SELECT count(*) FROM events WHERE amount > (SELECT avg(amount) FROM events WHERE client_id = 5)

# W3 IN subquery has a key, the outer query none
SELECT count(*) FROM events WHERE id IN (SELECT id FROM events WHERE client_id = 5)

# W3 CTE has a key, the outer query none
WITH x AS (SELECT id FROM events WHERE client_id = 5) SELECT count(*) FROM events WHERE id IN (SELECT id FROM x)

# W4 outer join with the key in ON
SELECT count(*), count(c.code) FROM events e LEFT JOIN countries c ON e.client_id = 5

# W4 outer join with the key of the nullable side in ON
SELECT count(*) FROM countries c LEFT JOIN events e ON e.client_id = 5

# W5 key plus one
SELECT count(*) FROM events WHERE client_id + 1 = 5

# W5 modulo
SELECT count(*) FROM events WHERE client_id % 10 = 3

# W5 minus the key
SELECT count(*) FROM events WHERE -client_id = -5

# W5 constant arithmetic
SELECT id FROM events WHERE client_id = 3 + 4

# W5 parameter arithmetic
@params 6
SELECT id FROM events WHERE client_id = $1 + 1

# W5 minus a parameter
@params -7
SELECT id FROM events WHERE client_id = -$1

# W6 IN with an expression
SELECT count(*) FROM events WHERE client_id IN (1, 2 + 3)

# W6 IN with a function
SELECT count(*) FROM events WHERE client_id IN (1, abs(-9))

# W7 IS FALSE
SELECT count(*) FROM events WHERE (client_id = 5) IS FALSE

# W7 IS NOT TRUE
SELECT count(*) FROM events WHERE (client_id = 5) IS NOT TRUE

# W7 IS TRUE
SELECT count(*) FROM events WHERE (client_id = 5) IS TRUE

# W7 coalesce
SELECT count(*) FROM events WHERE coalesce(client_id = 5, true)

# W7 NOT
SELECT count(*) FROM events WHERE NOT client_id = 5

# W7 = true
SELECT count(*) FROM events WHERE (client_id = 5) = true

# W7 = false
SELECT count(*) FROM events WHERE (client_id = 5) = false

# W7 CASE
SELECT count(*) FROM events WHERE CASE WHEN client_id = 5 THEN false ELSE true END

# W8 two keys of two tables
SELECT count(*) FROM events a, events b WHERE a.client_id = 1 AND b.client_id = 2

# W9 several statements: the second writes nothing here but lives elsewhere
SELECT 1; SELECT count(*) FROM events WHERE client_id = 5; SELECT count(*) FROM events WHERE client_id = 6

# W10 a table that is not in the map
SELECT count(*) FROM unlisted

# W10 a view over a sharded table
SELECT count(*) FROM client_events

# W11 an alias that makes another column look like the key
SELECT count(*) FROM (SELECT id AS client_id FROM events) x WHERE x.client_id = 5

# W11 the parent's alias
SELECT count(*) FROM countries AS events WHERE events.code = 'DE'

# W16 text key with digits
SELECT order_id FROM orders WHERE customer = '123'

# W16 text key with leading zeros
SELECT order_id FROM orders WHERE customer = '007'

# W22 COPY TO of everything with a header
COPY countries TO STDOUT WITH (FORMAT csv, HEADER)

# W22 COPY TO of one client with a header
COPY (SELECT id, kind FROM events WHERE client_id = 7 ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)

# W22 COPY TO of a sharded table with a header
COPY sessions TO STDOUT WITH (FORMAT csv, HEADER)

# W24 LIMIT without ORDER BY
SELECT count(*) FROM (SELECT 1 FROM events LIMIT 10) x

# W24 LIMIT of everything
SELECT 1 FROM events LIMIT 10

# W25 OFFSET without LIMIT
SELECT client_id, id FROM events ORDER BY client_id, id OFFSET 350

# W25 casts on LIMIT and OFFSET
@params 3 | 5
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1::int OFFSET $2::int

# W25 on one key
@params 7 | 2 | 1
SELECT id FROM events WHERE client_id = $1 ORDER BY id LIMIT $2::int OFFSET $3::int

# W26 group by an expression
SELECT date_trunc('day', at) d, count(*) FROM events GROUP BY d ORDER BY d

# W26 group by a column that is not selected
SELECT count(*) FROM events GROUP BY kind

# W27 group by without aggregates
SELECT kind FROM events GROUP BY kind

# W28 aggregate inside an expression
SELECT coalesce(sum(amount), 0), round(avg(amount), 2), count(*) + 1 FROM events

# W28 the same for one client
SELECT coalesce(sum(amount), 0), round(avg(amount), 2), count(*) + 1 FROM events WHERE client_id = 7

# W29 having
SELECT kind FROM events GROUP BY kind HAVING count(*) > 90

# W30 window
SELECT sum(amount) OVER (), row_number() OVER (ORDER BY client_id, id) FROM events

# W31 top groups
SELECT client_id, sum(amount) FROM events GROUP BY client_id ORDER BY 2 DESC NULLS LAST, 1 LIMIT 3

# W32 order by something not selected
SELECT client_id FROM events ORDER BY amount NULLS FIRST, client_id, id LIMIT 5

# W32 order by count
SELECT kind FROM events GROUP BY kind ORDER BY count(*), kind

# W32 nulls first
SELECT amount FROM events ORDER BY amount NULLS FIRST LIMIT 5

# W33 text order
SELECT min(customer), max(customer) FROM orders

# W33 text order of rows
SELECT customer FROM orders ORDER BY lower(customer), customer, order_id LIMIT 5

# W34 timestamps with fractions
SELECT k FROM k_timestamp ORDER BY k

# W35 average
SELECT avg(amount), avg(id) FROM events

# W36 wide numerics
SELECT sum(k) FROM k_numeric WHERE k < 'Infinity'

# W37 count cast
SELECT count(*)::int, count(DISTINCT kind)::int, max(id)::text FROM events

# W37 the same for one client
SELECT count(*)::int, count(DISTINCT kind)::int, max(id)::text FROM events WHERE client_id = 7

# W38 distinct on
SELECT DISTINCT ON (events.kind) kind, client_id FROM events ORDER BY events.kind, client_id, id

# W39 intersect
SELECT id FROM events INTERSECT SELECT id FROM other.events

# W39 join on a non-key
SELECT count(*) FROM events e JOIN instruments i ON i.symbol = 'SYM' || e.id

# W39 derived-table aggregate
SELECT max(n) FROM (SELECT kind, count(*) n FROM events GROUP BY kind) x

# W41 average on one shard has no helper column
SELECT avg(amount), stddev(amount) FROM events WHERE client_id = 7

# W42 division by zero on every shard
SELECT 1 / (id - id) FROM events

# W42 division by zero on one
SELECT 1 / (id - id) FROM events WHERE client_id = 7

# W44 OR
SELECT count(*) FROM events WHERE client_id = 5 OR kind = 'view'

# W45 a parameter that is not the key
@params view
SELECT count(*) FROM events WHERE kind = $1

# W45 a parameter of another column beside the key
@params 3 | 7
SELECT kind FROM events WHERE id = $1 AND client_id = $2

# W46 no key
SELECT count(*) FROM events WHERE kind = 'view'

# W46 two keys
SELECT count(*) FROM events WHERE client_id IN (1, 2)

# W47 does not parse
SELEC * FROM events

# W47 newer syntax
SELECT count(*) FROM events WHERE client_id = 7 AND kind IS JSON

# W47 a word that later versions of PostgreSQL reserve
SELECT count(*) FROM events system_user

# W47 the same with a key
SELECT count(*) FROM events system_user WHERE client_id = 7

# A setting whose value comes with the Bind
@params 9MB
SELECT set_config('work_mem', $1, false)

# It is the session's on every shard
SELECT current_setting('work_mem') FROM events WHERE client_id = 3 AND id = 1

# One that does not run sets nothing
SELECT set_config('work_mem', '8MB', false) WHERE false

# It still holds
SELECT current_setting('work_mem') FROM events WHERE client_id = 2 AND id = 1

# The seed of one shard
SELECT setseed(0.5)

# One moment for a Query by itself, and two for a statement of the extended protocol
SELECT DISTINCT now() = statement_timestamp() FROM orders

# In rows that stream
SELECT now() = statement_timestamp() FROM orders

# In an aggregate
SELECT max((statement_timestamp() = CURRENT_TIMESTAMP)::int) FROM events

# In a condition
SELECT count(*) FROM events WHERE transaction_timestamp() = pg_catalog.statement_timestamp()

# Where one shard is enough
SELECT now() = statement_timestamp() FROM events WHERE client_id = 5 AND id = 1

# As a setting
SET seed TO 0.5

# A block that sets something
DO $$BEGIN SET work_mem = '7MB'; END$$

# A function that is called immutable and reads rows
SELECT fixed_events()

# One that calls such a function
SELECT fixed_twice() AS twice

# In a condition
SELECT id FROM events WHERE client_id = 2 AND id < fixed_events()

# An operator of such a function
SELECT @@@@ 'x'

# An aggregate whose function reads rows
SELECT sum_and_events(1)
