@same 55

# key = literal
SELECT * FROM events WHERE client_id = 7

# either way round
SELECT id, kind FROM events WHERE 7 = client_id

# no such client
SELECT * FROM events WHERE client_id = 100000

# pinned client
SELECT * FROM events WHERE client_id = 42

# negative
SELECT * FROM events WHERE client_id = -5

# negative with blanks
SELECT * FROM events WHERE client_id = - 5

# beyond double precision
SELECT * FROM events WHERE client_id = 9007199254740993

# smallest
SELECT * FROM events WHERE client_id = -9223372036854775808

# largest
SELECT * FROM events WHERE client_id = 9223372036854775807

# beyond bigint: numeric comparison, no row
SELECT * FROM events WHERE client_id = 9223372036854775808

# a decimal that is a whole number
SELECT * FROM events WHERE client_id = 7.0

# a decimal that is none
SELECT * FROM events WHERE client_id = 7.5

# exponent
SELECT * FROM events WHERE client_id = 1e1

# string literal
SELECT * FROM events WHERE client_id = '7'

# string with blanks and sign
SELECT * FROM events WHERE client_id = ' +7 '

# string that is no number
SELECT * FROM events WHERE client_id = 'seven'

# empty string
SELECT * FROM events WHERE client_id = ''

# string beyond bigint
SELECT * FROM events WHERE client_id = '9223372036854775808'

# cast literal
SELECT * FROM events WHERE client_id = 7::int

# cast string
SELECT * FROM events WHERE client_id = '7'::bigint

# SQL cast
SELECT * FROM events WHERE client_id = CAST('7' AS bigint)

# cast of the column
SELECT * FROM events WHERE client_id::int = 7 AND client_id = 7

# type before literal
SELECT * FROM events WHERE client_id = bigint '7'

# cast that rounds
SELECT * FROM events WHERE client_id = 7.4::int

# cast that overflows
SELECT * FROM events WHERE client_id = 70000::smallint

# cast through text
SELECT * FROM events WHERE client_id = '7'::text::bigint

# qualified by table
SELECT events.* FROM events WHERE events.client_id = 7

# qualified by schema
SELECT * FROM public.events WHERE public.events.client_id = 7

# other schema, same name
SELECT * FROM other.events WHERE client_id = 7

# alias
SELECT e.id FROM events e WHERE e.client_id = 7

# alias with AS and column aliases
SELECT c FROM events AS e(c, i) WHERE c = 7 AND i < 3

# alias hides the table name
SELECT 1 FROM events e WHERE events.client_id = 7

# quoted names
SELECT "client_id" FROM "events" WHERE "client_id" = 7

# case of unquoted names
SELECT CLIENT_ID FROM Events WHERE Client_Id = 7

# quoted upper case does not exist
SELECT "CLIENT_ID" FROM events WHERE client_id = 7

# AND with more
SELECT id FROM events WHERE client_id = 7 AND kind = 'view' AND amount > 10

# key in the middle of ANDs
SELECT id FROM events WHERE kind = 'view' AND client_id = 7 AND id < 5

# parentheses
SELECT id FROM events WHERE ((client_id = (7)) AND (id < 5))

# the same key twice
SELECT id FROM events WHERE client_id = 7 AND client_id = 7

# contradiction
SELECT id FROM events WHERE client_id = 7 AND client_id = 8

# OR inside AND
SELECT id FROM events WHERE client_id = 7 AND (kind = 'view' OR kind = 'buy')

# OR of the same key
SELECT id FROM events WHERE (client_id = 7 AND id = 1) OR (client_id = 7 AND id = 2)

# OR with a contradiction
SELECT id FROM events WHERE client_id = 7 AND (client_id = 7 OR client_id = 8)

# OR of two keys
SELECT id FROM events WHERE client_id = 7 OR client_id = 8

# OR with something else
SELECT id FROM events WHERE client_id = 7 OR id = 1

# IN one
SELECT id FROM events WHERE client_id IN (7)

# IN the same
SELECT id FROM events WHERE client_id IN (7, 7, '7')

# IN many
SELECT id FROM events WHERE client_id IN (1, 2, 3, 4, 5, 6)

# IN with NULL
SELECT id FROM events WHERE client_id IN (7, NULL)

# NOT IN
SELECT id FROM events WHERE client_id = 7 AND id NOT IN (1, 2)

# ANY of an array literal
SELECT id FROM events WHERE client_id = ANY ('{7}')

# ANY of an array constructor
SELECT id FROM events WHERE client_id = ANY (ARRAY[7, 7])

# ANY of several
SELECT id FROM events WHERE client_id = ANY ('{7,8,9}'::bigint[])

# ANY of none
SELECT id FROM events WHERE client_id = ANY ('{}')

# ANY with NULL inside
SELECT id FROM events WHERE client_id = ANY ('{7,NULL}')

# = NULL
SELECT id FROM events WHERE client_id = NULL

# IS NULL
SELECT id FROM events WHERE client_id IS NULL

# IS NOT DISTINCT FROM
SELECT id FROM events WHERE client_id IS NOT DISTINCT FROM 7

# row comparison
SELECT kind FROM events WHERE (client_id, id) = (7, 2)

# row comparison the other way
SELECT kind FROM events WHERE (2, 7) = (id, client_id)

# row IN
SELECT kind FROM events WHERE (client_id, id) IN ((7, 1), (7, 2))

# row IN of two keys
SELECT kind FROM events WHERE (client_id, id) IN ((7, 1), (8, 2))

# row less-than
SELECT kind FROM events WHERE client_id = 7 AND (client_id, id) > (7, 2)

# BETWEEN one value
SELECT id FROM events WHERE client_id BETWEEN 7 AND 7

# BETWEEN on a hash key
SELECT id FROM events WHERE client_id BETWEEN 7 AND 9

# WHERE false
SELECT id FROM events WHERE false

# WHERE key AND false
SELECT id FROM events WHERE client_id = 7 AND false

# whole table
SELECT count(*) FROM events

# order, limit, offset on one shard
SELECT id, amount FROM events WHERE client_id = 7 ORDER BY amount DESC NULLS LAST, id LIMIT 3 OFFSET 1

# order by expression
SELECT id FROM events WHERE client_id = 7 ORDER BY -id

# FETCH FIRST
SELECT id FROM events WHERE client_id = 7 ORDER BY id FETCH FIRST 2 ROWS ONLY

# distinct
SELECT DISTINCT kind FROM events WHERE client_id = 7

# distinct on
SELECT DISTINCT ON (kind) kind, id FROM events WHERE client_id = 7 ORDER BY kind, id DESC

# aggregates
SELECT count(*), sum(amount), avg(amount), min(at), max(kind) FROM events WHERE client_id = 7

# group and having
SELECT kind, count(*) FROM events WHERE client_id = 7 GROUP BY kind HAVING count(*) > 1

# group by expression
SELECT date_trunc('day', at) d, count(*) FROM events WHERE client_id = 7 GROUP BY d ORDER BY d

# grouping sets
SELECT kind, id % 2, count(*) FROM events WHERE client_id = 7 GROUP BY ROLLUP (kind, id % 2) ORDER BY 1, 2, 3

# window
SELECT id, row_number() OVER (ORDER BY id), sum(amount) OVER (PARTITION BY kind ORDER BY id) FROM events WHERE client_id = 7 ORDER BY id

# FOR UPDATE
SELECT id FROM events WHERE client_id = 7 AND id = 1 FOR UPDATE

# FOR SHARE SKIP LOCKED
SELECT id FROM events WHERE client_id = 7 FOR SHARE SKIP LOCKED

# star with system column
SELECT tableoid::regclass::text, id FROM events WHERE client_id = 7

# json
SELECT payload->>'n', payload @> '{"n": 3}' FROM events WHERE client_id = 7 AND payload IS NOT NULL

# case
SELECT CASE WHEN amount IS NULL THEN 'none' ELSE kind END FROM events WHERE client_id = 11

# subscript and array
SELECT (ARRAY[kind, 'x'])[1] FROM events WHERE client_id = 7 AND id = 1

# set-returning function in FROM
SELECT e.id, g FROM events e, generate_series(1, 2) g WHERE e.client_id = 7 AND e.id = 1

# lateral
SELECT e.id, x.y FROM events e, LATERAL (SELECT e.id * 2 AS y) x WHERE e.client_id = 7

# TABLESAMPLE of everything
SELECT id FROM events TABLESAMPLE BERNOULLI (100) WHERE client_id = 7

# ONLY
SELECT id FROM ONLY events WHERE client_id = 7

# TABLE command
TABLE events

# key text: plain
SELECT * FROM orders WHERE customer = 'customer 7'

# key text: digits
SELECT * FROM orders WHERE customer = '123'

# key text: leading zeros
SELECT * FROM orders WHERE customer = '007'

# key text: a number where text is needed
SELECT * FROM orders WHERE customer = 123

# key text: quote
SELECT * FROM orders WHERE customer = 'O''Brien'

# key text: empty
SELECT * FROM orders WHERE customer = ''

# key text: unicode
SELECT * FROM orders WHERE customer = 'naïve ☃'

# key text: trailing blank counts
SELECT * FROM orders WHERE customer = 'trailing '

# key text: case counts
SELECT * FROM orders WHERE customer = 'UPPER'

# key text: char cast loses the blank
SELECT * FROM orders WHERE customer = 'trailing '::char(9)

# key text: varchar cast cuts
SELECT * FROM orders WHERE customer = 'trailing far'::varchar(8)

# key text: name type
SELECT * FROM orders WHERE customer = 'trailing'::name

# key text: LIKE without wildcard
SELECT * FROM orders WHERE customer LIKE 'trailing'

# key text: lower() of the column
SELECT * FROM orders WHERE lower(customer) = 'upper'

# key text: lower() of a constant
SELECT * FROM orders WHERE customer = lower('UPPER')

# key text: concatenation
SELECT * FROM orders WHERE customer = 'customer' || ' 7'

# key text: collation
SELECT * FROM orders WHERE customer = 'UPPER' COLLATE "C"

# key text: IN
SELECT order_id FROM orders WHERE customer IN ('customer 7')

# several statements of one shard in one message
SELECT id FROM events WHERE client_id = 7; SELECT id FROM events WHERE client_id = 7

# several statements of several shards in one message
SELECT count(*) FROM events WHERE client_id = 1; SELECT count(*) FROM events WHERE client_id = 2; SELECT count(*) FROM events WHERE client_id = 3; SELECT count(*) FROM events WHERE client_id = 4

# the second of several fails
SELECT 1; SELECT 1/0; SELECT 2

# empty statements between
SELECT 1; ; SELECT id FROM events WHERE client_id = 7 AND id = 2;
