@same 40

# parameter
@params 7
SELECT * FROM events WHERE client_id = $1

# parameter, other way round
@params 7
SELECT id FROM events WHERE $1 = client_id

# second parameter
@params view | 7
SELECT id FROM events WHERE kind = $1 AND client_id = $2

# cast to int
@params 7
SELECT id FROM events WHERE client_id = $1::int

# cast to bigint
@params 7
SELECT id FROM events WHERE client_id = $1::bigint

# cast to smallint
@params 7
SELECT id FROM events WHERE client_id = $1::smallint

# cast to text and on
@params 7
SELECT id FROM events WHERE client_id = $1::text::bigint

# numeric parameter
@params 7
SELECT id FROM events WHERE client_id = $1::numeric

# numeric parameter with a fraction
@params 7.5
SELECT id FROM events WHERE client_id = $1::numeric

# numeric with trailing zeros
@params 7.000
SELECT id FROM events WHERE client_id = $1::numeric

# float parameter
@params 7
SELECT id FROM events WHERE client_id = $1::float8

# NULL
@params NULL
SELECT id FROM events WHERE client_id = $1

# not a number
@params seven
SELECT id FROM events WHERE client_id = $1

# blanks around
@params  7
SELECT id FROM events WHERE client_id = $1

# out of range
@params 9223372036854775808
SELECT id FROM events WHERE client_id = $1

# the largest
@params 9223372036854775807
SELECT id FROM events WHERE client_id = $1

# the smallest
@params -9223372036854775808
SELECT id FROM events WHERE client_id = $1

# IN of parameters, same
@params 7 | 7
SELECT id FROM events WHERE client_id IN ($1, $2)

# IN of parameters, different
@params 7 | 8
SELECT id FROM events WHERE client_id IN ($1, $2)

# IN with a NULL
@params 7 | NULL
SELECT id FROM events WHERE client_id IN ($1, $2)

# array of one
@params {7}
SELECT id FROM events WHERE client_id = ANY ($1)

# array of the same
@params {7,7,7}
SELECT id FROM events WHERE client_id = ANY ($1)

# array of many
@params {1,2,3,4,5,6,7}
SELECT id FROM events WHERE client_id = ANY ($1)

# array of none
@params {}
SELECT id FROM events WHERE client_id = ANY ($1)

# array NULL
@params NULL
SELECT id FROM events WHERE client_id = ANY ($1)

# array with NULL
@params {NULL,7}
SELECT id FROM events WHERE client_id = ANY ($1)

# int array
@params {7}
SELECT id FROM events WHERE client_id = ANY ($1::int[])

# two-dimensional array
@params {{7},{7}}
SELECT id FROM events WHERE client_id = ANY ($1::bigint[])

# broken array
@params {7
SELECT id FROM events WHERE client_id = ANY ($1)

# ALL
@params {7}
SELECT id FROM events WHERE client_id = ALL ($1)

# OR of parameters, same
@params 7 | 7
SELECT id FROM events WHERE client_id = $1 OR client_id = $2

# OR of parameters, different
@params 7 | 8
SELECT id FROM events WHERE client_id = $1 OR client_id = $2

# AND of parameters, different
@params 7 | 8
SELECT id FROM events WHERE client_id = $1 AND client_id = $2

# row
@params 7 | 2
SELECT kind FROM events WHERE (client_id, id) = ($1, $2)

# arithmetic on the parameter
@params 6
SELECT id FROM events WHERE client_id = $1 + 1

# minus the parameter
@params 5
SELECT id FROM events WHERE client_id = -$1

# function of the parameter
@params 7
SELECT id FROM events WHERE client_id = abs($1)

# coalesce
@params NULL
SELECT id FROM events WHERE client_id = coalesce($1, 7)

# the parameter twice
@params 7
SELECT id, $1::bigint FROM events WHERE client_id = $1

# limit and offset
@params 7 | 2 | 1
SELECT id FROM events WHERE client_id = $1 ORDER BY id LIMIT $2 OFFSET $3

# optional filter
@params 7 | NULL
SELECT id FROM events WHERE client_id = $1 AND ($2::text IS NULL OR kind = $2)

# key that may be NULL to mean all
@params NULL
SELECT count(*) FROM events WHERE $1::bigint IS NULL OR client_id = $1

# join
@params 7
SELECT e.id, s.seconds FROM events e JOIN sessions s ON s.client_id = e.client_id WHERE e.client_id = $1

# join with both keys given
@params 7 | 7
SELECT e.id, s.seconds FROM events e, sessions s WHERE e.client_id = $1 AND s.client_id = $2

# join with two different keys
@params 7 | 8
SELECT e.id, s.seconds FROM events e, sessions s WHERE e.client_id = $1 AND s.client_id = $2

# text key
@params customer 7
SELECT * FROM orders WHERE customer = $1

# text key, empty
@params ''
SELECT * FROM orders WHERE customer = $1

# text key, unicode
@params naïve ☃
SELECT * FROM orders WHERE customer = $1

# text key as varchar
@params trailing
SELECT * FROM orders WHERE customer = $1::varchar

# text key as varchar(4)
@params trailing
SELECT * FROM orders WHERE customer = $1::varchar(4)

# text key as char
@params trailing
SELECT * FROM orders WHERE customer = $1::char(20)

# text key array
@params {"customer 7"}
SELECT order_id FROM orders WHERE customer = ANY ($1)

# text key array with quotes
@params {"O'Brien","O'Brien"}
SELECT order_id FROM orders WHERE customer = ANY ($1::text[])

# instrument and dates
@params 5001 | 2024-01-02
SELECT close FROM market_data WHERE instrument_id = $1 AND day >= $2 ORDER BY day

# instrument range inside one shard
@params 1 | 5000
SELECT count(*), sum(volume) FROM market_data WHERE instrument_id BETWEEN $1 AND $2

# instrument range over two shards
@params 9000 | 11000
SELECT count(*), sum(volume) FROM market_data WHERE instrument_id BETWEEN $1 AND $2

# inverted range
@params 5000 | 1
SELECT count(*), sum(volume) FROM market_data WHERE instrument_id BETWEEN $1 AND $2

# range with NULL
@params NULL | 5000
SELECT count(*), sum(volume) FROM market_data WHERE instrument_id BETWEEN $1 AND $2

# half-open range
@params 20001
SELECT count(*) FROM market_data WHERE instrument_id >= $1

# just below the bound
@params 10000
SELECT count(*) FROM market_data WHERE instrument_id <= $1

# strictly below the bound
@params 10001
SELECT count(*) FROM market_data WHERE instrument_id < $1

# at the bound
@params 10001
SELECT count(*) FROM market_data WHERE instrument_id <= $1

# no key at all
@params 1
SELECT $1::int + 1

# reference table
@params DE
SELECT * FROM countries WHERE code = $1

# wrong number of parameters
SELECT * FROM events WHERE client_id = $1

# a parameter beside other numbers takes their common type
@params 2
SELECT count(*) FROM k_smallint WHERE k IN ($1, 1)

# with a number beyond the column's type
@params 2
SELECT k FROM k_integer WHERE k IN ($1, 3000000000, 1)

# in an array of its own
@params 2
SELECT k FROM k_bigint WHERE k = ANY (ARRAY[$1, 1])

# as rows of VALUES
@params 2
SELECT b.k FROM k_bigint b JOIN (VALUES ($1), (1)) v(k) ON v.k = b.k
