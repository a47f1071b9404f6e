@same 27

# a filter beside the key
@params buy
SELECT count(*) FROM events WHERE kind = $1

# two parameters
@params 10 | view
SELECT client_id, id FROM events WHERE amount > $1 AND kind = $2 ORDER BY 1, 2

# twice the same
@params 3
SELECT count(*) FROM events WHERE id = $1 OR client_id = $1

# of two types
@params 3
SELECT count(*) FROM events WHERE id = $1 AND amount > $1

# null
@params NULL
SELECT count(*) FROM events WHERE kind = $1

# array
@params {1,2,3}
SELECT client_id, id FROM events WHERE client_id = ANY($1) ORDER BY 1, 2

# array of texts
@params {buy,view}
SELECT count(*) FROM events WHERE kind = ANY($1)

# limit and offset
@params 5 | 3
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1 OFFSET $2

# in the list
@params 7
SELECT $1::integer + id FROM events WHERE client_id < 3 ORDER BY 1

# in the list alone
@params 7
SELECT count(*), $1::text FROM events

# only in the list of rows
@params x
SELECT id, $1 AS given FROM events WHERE client_id = 1 OR client_id = 2 ORDER BY id

# a date
@params 2024-01-05
SELECT instrument_id, close FROM market_data WHERE day = $1 ORDER BY 1

# between
@params 2023-12-20 | 2024-01-20
SELECT count(*), sum(value) FROM readings WHERE day BETWEEN $1 AND $2

# in having
@params 10
SELECT kind, count(*) FROM events GROUP BY kind HAVING count(*) > $1 ORDER BY 1

# in a subquery
@params 500
SELECT count(*) FROM events WHERE client_id IN (SELECT client_id FROM sessions WHERE seconds > $1)

# like
@params customer 1%
SELECT count(*) FROM orders WHERE customer LIKE $1

# with a cast
@params 2024-05-10
SELECT count(*) FROM events WHERE at > $1::timestamptz

# wide types
@params 4
SELECT client_id, ai, md, jb FROM wide WHERE i2 > $1 ORDER BY 1

# an enum
@params happy
SELECT client_id FROM wide WHERE md = $1 ORDER BY 1

# an array element
@params 2
SELECT client_id FROM wide WHERE $1 = ANY(ai) ORDER BY 1

# numeric
@params 0.5
SELECT client_id FROM wide WHERE n > $1 ORDER BY 1

# not used by the shards
@params 5
SELECT sum(amount) / $1 FROM events

# in the order
@params 2
SELECT client_id, id FROM events ORDER BY (client_id % $1), client_id, id LIMIT 6

# in a window
@params 1
SELECT client_id, id, lag(id, $1) OVER (ORDER BY client_id, id) FROM events ORDER BY 1, 2 LIMIT 5

# a bad value
@params x
SELECT count(*) FROM events WHERE amount > $1

# division by a parameter
@params 0
SELECT count(*) FROM events WHERE 10 / $1::integer > 0

# in a cte
@params view
WITH v AS (SELECT * FROM events WHERE kind = $1) SELECT count(*), max(client_id) FROM v

# in a union
@params view | 1
SELECT client_id FROM events WHERE kind = $1 UNION SELECT client_id FROM sessions WHERE seconds = $2 ORDER BY 1
