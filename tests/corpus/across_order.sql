@same 147

# smallint
SELECT client_id, i2 FROM wide ORDER BY i2, client_id

# integer, descending
SELECT client_id, i4 FROM wide ORDER BY i4 DESC, client_id

# bigint
SELECT client_id FROM events ORDER BY client_id, id

# bigint, both ends
SELECT id, client_id FROM events ORDER BY client_id DESC, id DESC LIMIT 3

# real with NaN, -0 and NULL
SELECT client_id, f4 FROM wide ORDER BY f4, client_id

# real, descending
SELECT client_id, f4 FROM wide ORDER BY f4 DESC, client_id DESC

# double precision with infinities
SELECT client_id, f8 FROM wide ORDER BY f8 NULLS FIRST, client_id

# double precision, descending, nulls last
SELECT client_id, f8 FROM wide ORDER BY f8 DESC NULLS LAST, client_id

# -0 and 0 are equal: the next key decides
SELECT client_id FROM wide ORDER BY f8 * 0, client_id

# numeric with NaN and Infinity
SELECT client_id, n FROM wide ORDER BY n, client_id

# numeric, descending
SELECT client_id, n FROM wide ORDER BY n DESC, client_id

# numeric keys, tiny, huge and of many digits
SELECT k, v FROM k_numeric ORDER BY k

# numeric keys, descending
SELECT k, v FROM k_numeric ORDER BY k DESC

# numeric, turned
SELECT k FROM k_numeric ORDER BY -k

# boolean with NULL
SELECT client_id, b FROM wide ORDER BY b, client_id

# boolean, descending, nulls first and last
SELECT client_id, b FROM wide ORDER BY b DESC NULLS LAST, client_id DESC

# date with infinity and BC
SELECT k, v FROM k_date ORDER BY k

# date, descending
SELECT k FROM k_date ORDER BY k DESC LIMIT 5

# timestamp with infinities
SELECT k, v FROM k_timestamp ORDER BY k

# timestamp, descending
SELECT k FROM k_timestamp ORDER BY k DESC OFFSET 2

# timestamptz
SELECT k, v FROM k_timestamptz ORDER BY k

# timestamptz, nulls first
SELECT client_id, tstz FROM wide ORDER BY tstz NULLS FIRST, client_id

# time
SELECT client_id, t FROM wide ORDER BY t DESC, client_id

# interval: months of 30 days
SELECT client_id, iv FROM wide ORDER BY iv, client_id

# interval, descending
SELECT client_id, iv FROM wide ORDER BY iv DESC NULLS LAST, client_id

# uuid
SELECT k, v FROM k_uuid ORDER BY k

# uuid, descending
SELECT k FROM k_uuid ORDER BY k DESC LIMIT 7

# bytea, empty and with zero bytes
SELECT client_id, by FROM wide ORDER BY by, client_id

# bytea, descending
SELECT client_id, by FROM wide ORDER BY by DESC, client_id

# oid
SELECT client_id, o FROM wide ORDER BY o DESC NULLS LAST, client_id

# text under the database's collation
SELECT customer, order_id FROM orders ORDER BY customer, order_id

# text under C
SELECT customer, order_id FROM orders ORDER BY customer COLLATE "C", order_id

# text under C, descending
SELECT customer, order_id FROM orders ORDER BY customer COLLATE "C" DESC, order_id DESC LIMIT 9

# text under POSIX
SELECT customer FROM orders WHERE order_id = 1 ORDER BY customer COLLATE pg_catalog."POSIX"

# a column whose collation is C
SELECT client_id, cc FROM wide ORDER BY cc, client_id

# the same, by position
SELECT cc, client_id FROM wide ORDER BY 1 DESC NULLS LAST, 2

# the same column under another collation
SELECT cc, client_id FROM wide ORDER BY cc COLLATE "default", client_id

# under a language
SELECT customer, order_id FROM orders ORDER BY customer COLLATE "und-x-icu", order_id

# varchar
SELECT k FROM k_varchar ORDER BY k COLLATE "C"

# char(n)
SELECT client_id, c5 FROM wide ORDER BY c5, client_id

# an enum
SELECT client_id, md FROM wide ORDER BY md, client_id

# a domain
SELECT client_id, dm FROM wide ORDER BY dm DESC NULLS LAST, client_id

# jsonb
SELECT client_id, jb FROM wide ORDER BY jb, client_id

# an array
SELECT client_id, ai FROM wide ORDER BY ai, client_id

# inet
SELECT client_id, ip FROM wide ORDER BY ip DESC, client_id

# money
SELECT client_id, m FROM wide ORDER BY m, client_id

# name
SELECT client_id, nm FROM wide ORDER BY nm, client_id

# json has no order
SELECT client_id FROM wide ORDER BY j

# ascending and descending
SELECT kind, amount, client_id, id FROM events ORDER BY amount DESC, client_id ASC, id DESC LIMIT 40

# three keys, two of them of the sort of numbers
SELECT client_id, id FROM events ORDER BY id DESC, amount NULLS FIRST, client_id LIMIT 30

# ties on every shard
SELECT id, client_id FROM events ORDER BY id, client_id

# a star
SELECT * FROM events ORDER BY client_id, id

# a star by position
SELECT * FROM events ORDER BY 2, 1 DESC LIMIT 10

# an alias, a star and a column
SELECT e.*, amount FROM events e ORDER BY e.id, e.client_id LIMIT 10

# a qualified star, by bare names
SELECT e.* FROM events e ORDER BY id, client_id LIMIT 10

# the key is not listed
SELECT kind FROM events ORDER BY client_id, id

# by alias
SELECT client_id AS c, id AS i FROM events ORDER BY i, c

# an alias hides a column
SELECT -id AS id, client_id FROM events ORDER BY id, client_id

# names exchanged
SELECT client_id AS id, id AS client_id FROM events ORDER BY id, client_id

# an alias is no column inside an expression
SELECT -id AS id, client_id FROM events ORDER BY id + 0, client_id, 1

# the name of a function's column
SELECT abs(client_id), id FROM events WHERE client_id > -10 AND client_id < 10 ORDER BY abs, id

# an ambiguous name
SELECT id, client_id AS id FROM events ORDER BY id

# no such column
SELECT id FROM events ORDER BY nowhere

# no such position
SELECT id FROM events ORDER BY 3

# position zero
SELECT id FROM events ORDER BY 0

# a constant
SELECT id FROM events ORDER BY 'id'

# an expression
SELECT client_id, id FROM events ORDER BY client_id % 7, client_id, id

# an expression of dates
SELECT client_id, id FROM events ORDER BY extract(epoch FROM at) % 86400, client_id, id LIMIT 20

# an expression under the session's time zone
SELECT client_id, id, date_trunc('day', at) FROM events ORDER BY date_trunc('day', at) DESC, client_id, id LIMIT 20

# at another time zone
SELECT client_id, id FROM events ORDER BY (at AT TIME ZONE 'Asia/Tokyo')::time, client_id, id LIMIT 20

# a comparison
SELECT client_id, id FROM events ORDER BY kind = 'buy' DESC, client_id, id LIMIT 20

# is null
SELECT client_id, id FROM events ORDER BY amount IS NULL DESC, amount, client_id, id LIMIT 50

# coalesce
SELECT client_id, id FROM events ORDER BY coalesce(amount, 50), client_id, id

# case
SELECT client_id, id FROM events ORDER BY CASE WHEN kind = 'zero' THEN 0 ELSE client_id END, id

# a cast
SELECT client_id, id FROM events ORDER BY amount::integer, client_id, id

# lower
SELECT customer, order_id FROM orders ORDER BY lower(customer), customer, order_id

# length
SELECT customer, order_id FROM orders ORDER BY length(customer) DESC, customer COLLATE "C", order_id

# of json
SELECT client_id, id FROM events ORDER BY (payload ->> 'n')::integer NULLS FIRST, client_id, id LIMIT 200

# a function of the user's own
SELECT client_id, id FROM events WHERE client_id BETWEEN 1 AND 60 ORDER BY twice(client_id) DESC, id

# a function that fails
SELECT client_id FROM events ORDER BY 1 / client_id

# set-returning
SELECT client_id, generate_series(1, 2) AS n FROM events WHERE id = 1 ORDER BY n DESC, client_id

# the time of the statement
SELECT client_id, id FROM events ORDER BY now() - at, client_id, id LIMIT 5

# limit
SELECT client_id, id, amount FROM events ORDER BY amount, client_id, id LIMIT 10

# limit and offset
SELECT client_id, id, amount FROM events ORDER BY amount, client_id, id LIMIT 10 OFFSET 20

# offset alone
SELECT client_id, id FROM events ORDER BY client_id, id OFFSET 350

# offset beyond the end
SELECT client_id, id FROM events ORDER BY client_id, id OFFSET 10000

# limit beyond the end
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT 10000

# the largest numbers
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT 2147483647 OFFSET 2147483647

# limit 0
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT 0

# limit null
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT NULL OFFSET NULL

# limit all
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT ALL OFFSET 300

# fetch first
SELECT client_id, id FROM events ORDER BY client_id, id OFFSET 3 ROWS FETCH FIRST 5 ROWS ONLY

# fetch first row
SELECT client_id, id FROM events ORDER BY client_id DESC, id FETCH FIRST ROW ONLY

# with ties
SELECT client_id, id FROM events ORDER BY client_id FETCH FIRST 2 ROWS WITH TIES

# a computed limit
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT 2 + 3

# a limit of a query
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT (SELECT count(*) FROM countries)

# a limit with a fraction
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT 2.5

# a negative limit
SELECT client_id FROM events ORDER BY client_id, id LIMIT -1

# a negative offset
SELECT client_id FROM events ORDER BY client_id, id OFFSET -1

# limit as a parameter
@params 4
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1

# limit and offset as parameters
@params 4 | 10
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1 OFFSET $2

# parameters before
@params 3 | 5 | 2
SELECT client_id, id FROM events WHERE id = $1 ORDER BY client_id LIMIT $2 OFFSET $3

# parameters in the other order
@params 5 | 2 | buy
SELECT client_id, id FROM events WHERE kind = $3 ORDER BY client_id, id LIMIT $1 OFFSET $2

# a parameter that is limit and condition
@params 3
SELECT client_id, id FROM events WHERE id = $1 ORDER BY client_id LIMIT $1

# a limit that is null
@params NULL | 360
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1 OFFSET $2

# a limit that is cast
@params 4
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1::integer

# a limit that is zero
@params 0
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1

# the largest limit
@params 9223372036854775807 | 360
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1 OFFSET $2

# a negative limit as a parameter
@params -1
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1

# a negative offset as a parameter
@params -1
SELECT client_id, id FROM events ORDER BY client_id, id OFFSET $1

# no number for a limit
@params many
SELECT client_id, id FROM events ORDER BY client_id, id LIMIT $1

# a parameter among the listed
@params 7
SELECT client_id, $1 + id AS n FROM events ORDER BY n, client_id LIMIT 5

# a parameter in an expression that is sorted by
@params 7
SELECT client_id, id FROM events ORDER BY client_id % $1, client_id, id LIMIT 5

# no limit without an order, yet all rows
SELECT client_id, id FROM events LIMIT 10000

# none of them
SELECT client_id, id FROM events LIMIT 0

# all of them skipped
SELECT client_id, id FROM events OFFSET 10000

# rows that are all the same
SELECT 'x' FROM events WHERE client_id BETWEEN 1 AND 60 LIMIT 7 OFFSET 3

# an empty table
SELECT * FROM nothing ORDER BY v COLLATE "C", client_id

# an empty table, limited
SELECT client_id, v FROM nothing ORDER BY client_id LIMIT 3 OFFSET 1

# rows of one shard only
SELECT instrument_id, day FROM market_data WHERE instrument_id > 25000 ORDER BY day DESC, instrument_id LIMIT 4

# of two shards
SELECT instrument_id, day, close FROM market_data WHERE instrument_id BETWEEN 9000 AND 11000 ORDER BY close DESC, instrument_id, day

# no shard at all
SELECT client_id FROM events WHERE client_id = 1 AND client_id = 2 ORDER BY id

# several keys
SELECT client_id, id FROM events WHERE client_id IN (1, 2, 3, 4) ORDER BY id, client_id LIMIT 6

# joined with a reference table
SELECT i.symbol, c.name FROM instruments i JOIN countries c ON c.code = i.country ORDER BY c.population DESC, i.instrument_id LIMIT 12

# a star over a join
SELECT * FROM instruments i JOIN countries c ON c.code = i.country ORDER BY instrument_id LIMIT 5

# a star over a join, by position
SELECT * FROM instruments i JOIN countries c ON c.code = i.country ORDER BY 6 DESC, 1 LIMIT 5

# a name that only one side lists
SELECT i.* FROM instruments i JOIN instruments j USING (instrument_id) ORDER BY instrument_id LIMIT 5

# joined, merged columns
SELECT * FROM instruments JOIN countries ON code = country ORDER BY instrument_id DESC LIMIT 3

# left joined
SELECT i.instrument_id, c.name FROM instruments i LEFT JOIN countries c ON c.code = i.country AND c.code = 'DE' ORDER BY c.name COLLATE "C" NULLS FIRST, i.instrument_id LIMIT 30

# a subquery on a reference table
SELECT instrument_id FROM instruments i ORDER BY (SELECT population FROM countries c WHERE c.code = i.country), instrument_id LIMIT 12

# distinct
SELECT DISTINCT id FROM events ORDER BY id DESC

# distinct, limited
SELECT DISTINCT kind COLLATE "C" AS k FROM events ORDER BY k LIMIT 3

# distinct on
SELECT DISTINCT ON (id) id, client_id FROM events ORDER BY id, client_id DESC

# grouped
SELECT client_id, count(*) FROM events GROUP BY client_id ORDER BY 2 DESC, 1 LIMIT 5

# windowed
SELECT client_id, id, rank() OVER (ORDER BY amount) FROM events ORDER BY 3, 1, 2 LIMIT 10

# inside another query
SELECT sum(id) FROM (SELECT id FROM events ORDER BY client_id DESC, id DESC LIMIT 10) t

# of a union
SELECT client_id FROM events WHERE id = 1 UNION ALL SELECT client_id FROM sessions ORDER BY 1 DESC LIMIT 8

# with an operator
SELECT client_id, id FROM events ORDER BY client_id USING >, id USING < LIMIT 8

# through a view
SELECT client_id, id FROM client_events ORDER BY amount DESC NULLS LAST, client_id, id LIMIT 5

# by a whole row
SELECT client_id, id FROM events e ORDER BY e LIMIT 5

# by a system column
SELECT client_id FROM events ORDER BY ctid LIMIT 5

# division by zero on the way
SELECT client_id, 10 / (id - 3) FROM events ORDER BY client_id, id

# a cast that fails
SELECT client_id FROM events ORDER BY kind::integer

# quoted names
SELECT client_id AS "Client ""1""", "Mixed Case" FROM wide ORDER BY "Client ""1""" DESC LIMIT 3

# no such table
SELECT * FROM nowhere ORDER BY 1

# rows that a function makes of each row
SELECT g, e.client_id, repeat('x', 3) FROM events e, generate_series(1, 3) g WHERE e.client_id IN (1, 2, 3) ORDER BY g DESC, e.client_id, e.id

# all fields of a row
SELECT (c).* FROM countries c JOIN instruments i ON i.country = c.code ORDER BY 1 LIMIT 2

# all fields of a value
SELECT (pr).*, client_id FROM wide WHERE pr IS NOT NULL ORDER BY 2, 3 LIMIT 3
