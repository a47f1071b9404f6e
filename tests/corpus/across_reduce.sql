@same 123

# arithmetic over aggregates
SELECT sum(id) / count(*), count(*) * 2 + 1, sum(amount) / count(amount) FROM events

# arithmetic over aggregates, by kind
SELECT kind, sum(amount) / count(*), max(id) - min(id) FROM events GROUP BY kind ORDER BY 1

# coalesced
SELECT coalesce(sum(amount), 0), coalesce(max(kind), 'none') FROM events WHERE id = 12345

# over no rows
SELECT count(*), count(id), sum(id), avg(amount), min(kind), bool_and(id > 1), bit_or(id), count(*) + 1 FROM events WHERE kind = 'nothing at all'

# over no rows, by kind
SELECT kind, count(*) FROM events WHERE kind = 'nothing at all' GROUP BY kind

# with parameters that find no shard
@params {}
SELECT count(*), sum(id) FROM events WHERE client_id = ANY($1)

# by an expression
SELECT date_trunc('month', at), count(*) FROM events GROUP BY date_trunc('month', at) ORDER BY 1

# by a position
SELECT date_trunc('day', at), count(*) FROM events GROUP BY 1 ORDER BY 1

# by a name of the answer
SELECT upper(kind) AS k, sum(amount) FROM events GROUP BY k ORDER BY k

# by an expression that is not listed
SELECT count(*) FROM events GROUP BY lower(kind) ORDER BY 1

# by expressions of each kind
SELECT extract(year FROM at), date_part('month', at), count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2

# by arithmetic
SELECT id % 3, id * 2 / 4, count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2

# by arithmetic with numerics
SELECT round(amount), count(*) FROM events GROUP BY round(amount) ORDER BY 1

# by arithmetic with numerics of several scales
SELECT close - open > 0, count(*), sum(close - open) FROM market_data GROUP BY 1 ORDER BY 1

# by CASE
SELECT CASE WHEN amount > 50 THEN 'big' WHEN amount IS NULL THEN 'none' ELSE 'small' END, count(*) FROM events GROUP BY 1 ORDER BY 1

# by CASE of numbers
SELECT CASE WHEN id > 2 THEN 1 ELSE 0 END, count(*) FROM events GROUP BY 1 ORDER BY 1

# by COALESCE
SELECT coalesce(amount, 0), count(*) FROM events GROUP BY 1 ORDER BY 1, 2

# by a cast
SELECT at::date, count(*) FROM events GROUP BY at::date ORDER BY 1

# by text
SELECT kind || '!', count(*) FROM events GROUP BY 1 ORDER BY 1

# by a field of JSON
SELECT payload->>'a', count(*) FROM events GROUP BY 1 ORDER BY 1

# by a truth
SELECT amount > 50, kind LIKE 'b%', count(*) FROM events GROUP BY 1, 2 ORDER BY 1, 2

# by the key and more
SELECT client_id, kind, count(*), sum(amount) FROM events GROUP BY client_id, kind ORDER BY 1, 2

# by a column with another name
SELECT e.kind AS client_id, count(*) FROM events e GROUP BY e.kind ORDER BY client_id

# by a column that an output hides
SELECT count(*) AS kind FROM events GROUP BY kind ORDER BY kind

# qualified here, bare there
SELECT e.kind, kind, count(*) FROM events e GROUP BY kind, e.kind ORDER BY e.kind

# in an expression
SELECT kind || ':' || count(*), length(kind) + 1 FROM events GROUP BY kind ORDER BY 1

# keys of a modifier
SELECT v5, c5, n2, count(*) FROM wide GROUP BY v5, c5, n2 ORDER BY 1, 2, 3

# expressions of columns with a modifier
SELECT coalesce(v5, 'x'), upper(c5), n2 + 1, count(*) FROM wide GROUP BY 1, 2, 3 ORDER BY 1, 2, 3

# keys with a collation
SELECT cc, lower(cc), count(*) FROM wide GROUP BY cc, lower(cc) ORDER BY 1

# extremes with a collation
SELECT min(cc), max(lower(cc)), min(nm) FROM wide

# extremes of all kinds
SELECT min(i2), max(i4), min(f4), max(f8), min(n), max(n2), min(c5), max(v5), min(d), max(t), min(tz), max(ts), min(ts3), max(tstz), min(iv), max(ip), max(net) FROM wide

# sums of all kinds
SELECT sum(i2), sum(i4), sum(n), sum(n2), sum(m), sum(iv) FROM wide

# averages of all kinds
SELECT avg(i2), avg(i4), avg(n), avg(n2) FROM wide WHERE client_id < 8

# averages with many digits
SELECT avg(id), avg(id * 7), avg(amount / 3), sum(amount / 7) FROM events

# averages of big numbers
SELECT avg(volume), avg(volume * 1000), avg(close), avg(open * close) FROM market_data

# averages, by day
SELECT day, avg(open), avg(volume), sum(close * volume) / nullif(sum(volume), 0) FROM market_data GROUP BY day ORDER BY day LIMIT 20

# averages of an interval
SELECT avg(started - '2024-01-01'::timestamp) FROM sessions

# sums of an interval
SELECT sum(started - '2024-01-01'::timestamp), max(started - '2024-01-01'::timestamp) FROM sessions

# floats
SELECT sum(value), avg(value), min(value), max(value), count(value) FROM readings

# a float made of integers
SELECT sum(id::float8), max(id::float8) FROM events

# bits
SELECT bit_and(id), bit_or(client_id), bit_xor(id) FROM events WHERE client_id > 0

# bits, by kind
SELECT kind, bit_or(id::int), bit_and(id::smallint) FROM events GROUP BY kind ORDER BY kind

# truths
SELECT bool_and(amount > 0), bool_or(kind = 'buy'), every(id > 0) FROM events

# FILTER
SELECT count(*) FILTER (WHERE amount > 50), sum(amount) FILTER (WHERE kind = 'buy'), avg(id) FILTER (WHERE kind = 'nothing') FROM events

# FILTER by a reference table
SELECT count(*) FILTER (WHERE country IN (SELECT code FROM countries WHERE population > 70000000)) FROM instruments

# the same aggregate twice
SELECT count(*), count(*) + 1, sum(id), -sum(id) FROM events

# HAVING
SELECT kind, count(*) FROM events GROUP BY kind HAVING count(*) > 3 ORDER BY kind

# HAVING of another aggregate
SELECT kind FROM events GROUP BY kind HAVING sum(amount) IS NULL OR max(id) > 2 ORDER BY kind

# HAVING of a key
SELECT kind, count(*) FROM events GROUP BY kind HAVING kind > 'c' AND count(*) > 0 ORDER BY kind

# HAVING without groups
SELECT count(*) FROM events HAVING count(*) > 5

# HAVING without groups that holds not
SELECT count(*) FROM events HAVING count(*) < 5

# HAVING without aggregates
SELECT 1 FROM events HAVING true

# HAVING of a parameter
@params 3
SELECT kind, count(*) FROM events GROUP BY kind HAVING count(*) > $1 ORDER BY kind

# HAVING of a parameter of the rows
@params 2
SELECT kind, count(*) FROM events WHERE id > $1 GROUP BY kind HAVING count(*) > $1 ORDER BY kind

# a key of a parameter
@params month
SELECT date_trunc($1, at), count(*) FROM events GROUP BY date_trunc($1, at) ORDER BY 1

# a key of a parameter, by its position
@params 2
SELECT id % $1, count(*) FROM events GROUP BY 1 ORDER BY 1

# a parameter in an aggregate and a limit
@params 2 | 3
SELECT kind, sum(id * $1::bigint) FROM events GROUP BY kind ORDER BY kind LIMIT $2

# HAVING with a subquery
SELECT kind FROM events GROUP BY kind HAVING count(*) > (SELECT count(*) FROM countries) ORDER BY kind

# ORDER BY an aggregate
SELECT kind, count(*) FROM events GROUP BY kind ORDER BY count(*) DESC, kind LIMIT 2

# ORDER BY an aggregate that is not listed
SELECT kind FROM events GROUP BY kind ORDER BY sum(amount) DESC NULLS LAST, kind LIMIT 3 OFFSET 1

# ORDER BY an expression of it
SELECT kind, sum(amount) AS total FROM events GROUP BY kind ORDER BY -sum(amount), 1

# ORDER BY an expression of a key
SELECT kind, count(*) FROM events GROUP BY kind ORDER BY length(kind), kind

# ORDER BY a key that is not listed
SELECT count(*) FROM events GROUP BY kind ORDER BY kind DESC

# ORDER BY a name that hides a column
SELECT sum(id) AS amount, kind FROM events GROUP BY kind ORDER BY amount, kind

# LIMIT 0
SELECT kind, count(*) FROM events GROUP BY kind LIMIT 0

# WITH TIES
SELECT length(kind), count(*) FROM events GROUP BY 1 ORDER BY 1 FETCH FIRST 1 ROW WITH TIES

# DISTINCT
SELECT DISTINCT kind FROM events ORDER BY kind

# DISTINCT of several
SELECT DISTINCT kind, amount > 50 AS big FROM events ORDER BY kind, big

# DISTINCT of an expression
SELECT DISTINCT date_trunc('month', at) FROM events ORDER BY 1 LIMIT 3

# DISTINCT of groups
SELECT DISTINCT count(*) FROM events GROUP BY client_id ORDER BY 1

# DISTINCT of all columns
SELECT DISTINCT * FROM sessions ORDER BY 1, 2, 3, 4

# DISTINCT of a type of the user's own
SELECT DISTINCT md FROM wide ORDER BY md

# DISTINCT by a condition
SELECT DISTINCT kind FROM events WHERE id = 1 OR amount IS NULL ORDER BY kind DESC

# counts of distinct values
SELECT count(DISTINCT kind), sum(DISTINCT id) FROM events

# a type of the user's own for a key
SELECT md, count(*), max(i4) + 1 FROM wide GROUP BY md ORDER BY md

# joined with a reference table
SELECT c.name, count(*), max(i.symbol) FROM instruments i JOIN countries c ON c.code = i.country GROUP BY c.name ORDER BY 1

# joined with a reference table that adds rows
SELECT c.name, count(i.instrument_id), sum(c.population) / count(*) FROM instruments i LEFT JOIN countries c ON c.code = i.country GROUP BY c.name ORDER BY 1

# a reference table that is preserved
SELECT c.name, count(i.instrument_id) FROM countries c LEFT JOIN instruments i ON c.code = i.country GROUP BY c.name ORDER BY 1

# joined with USING
SELECT code, count(*) FROM instruments i JOIN countries c ON c.code = i.country GROUP BY code ORDER BY 1

# two reference tables
SELECT a.name || b.name, count(*) FROM instruments i JOIN countries a ON a.code = i.country JOIN countries b ON b.code < a.code GROUP BY 1 ORDER BY 1

# a column of both
SELECT code FROM countries a JOIN instruments i ON true JOIN countries b ON b.code = a.code GROUP BY code

# functions of the reader's time zone
SELECT to_char(at, 'YYYY-MM'), count(*) FROM events GROUP BY 1 ORDER BY 1

# a function of the user's own
SELECT twice(id), count(*) FROM events GROUP BY twice(id) ORDER BY 1

# an aggregate of the user's own
SELECT product(amount), count(*) FROM events WHERE id = 1

# a constant
SELECT sum(1), max('x'), count('x'), count(NULL), sum(2.50) FROM events

# a constant aggregate that is not taken to pieces
SELECT string_agg('x', ','), count(*) FROM events WHERE id = 1

# a constant beside
SELECT 'all', count(*), 1.5 FROM events

# nothing but a count in an expression
SELECT count(*) > 3 AS many FROM events

# names of columns
SELECT count(*), sum(id) + 1, coalesce(sum(id), 0), CASE WHEN count(*) > 1 THEN 'x' END, sum(id)::int, greatest(count(*), 2), nullif(count(*), 0), -count(*), count(*) IS NULL FROM events

# the time
SELECT now() > '2020-01-01', count(*) FROM events

# a value that changes
SELECT random() < 2, count(*) FROM events GROUP BY kind

# windows over groups
SELECT kind, count(*), rank() OVER (ORDER BY count(*) DESC, kind) FROM events GROUP BY kind ORDER BY kind

# sets of groups
SELECT kind, count(*) FROM events GROUP BY ROLLUP (kind) ORDER BY kind

# division by zero on the way
SELECT sum(100 / (id - 1)) FROM events

# division by zero on the way, by kind
SELECT kind, count(*) FROM events WHERE 1 / (id - 1) > 0 GROUP BY kind

# a bad cast
SELECT max(kind::int) FROM events

# a bad key
SELECT kind::int, count(*) FROM events GROUP BY 1

# division by zero in the end
SELECT kind, 1 / (count(*) - count(*)) FROM events GROUP BY kind

# a sum that overflows
SELECT sum(id)::smallint * 10000::smallint FROM events

# correlated
SELECT c.name, (SELECT count(*) FROM instruments i WHERE i.country = c.code) FROM countries c ORDER BY 1

# nested
SELECT avg(n), max(n) FROM (SELECT count(*) AS n FROM events GROUP BY kind) t

# in a part of WITH
WITH t AS (SELECT kind, count(*) AS n FROM events GROUP BY kind) SELECT max(n) FROM t

# ungrouped
SELECT kind, amount FROM events GROUP BY kind

# aggregates in WHERE
SELECT 1 FROM events WHERE sum(id) > 1

# aggregates in GROUP BY
SELECT count(*) FROM events GROUP BY count(*)

# aggregates of aggregates
SELECT sum(count(*)) FROM events GROUP BY kind

# a position out of range
SELECT kind FROM events GROUP BY 2

# as a row
SELECT (kind, count(*)) FROM events GROUP BY kind ORDER BY kind

# grouped by a row
SELECT (kind, id), count(*) FROM events GROUP BY (kind, id) ORDER BY 1

# a key between
SELECT kind, id, count(*) FROM events GROUP BY id, kind ORDER BY kind, id

# names of NULLs and infinities
SELECT max(n), min(n), sum(n) FROM wide

# big numbers
SELECT sum(client_id), avg(client_id), max(client_id) FROM events

# a domain that forbids NULL, which an outer join makes
SELECT g.v, count(*) FROM sessions s LEFT JOIN givens g ON g.client_id = s.client_id GROUP BY g.v ORDER BY g.v

# the same with distinct rows
SELECT DISTINCT g.v FROM givens g RIGHT JOIN sessions s USING (client_id) ORDER BY g.v

# the same in a minimum
SELECT min(g.v), count(g.v) FROM sessions s FULL JOIN givens g USING (client_id)

# the same where each row is there
SELECT g.v, count(*) FROM sessions s JOIN givens g ON g.client_id = s.client_id GROUP BY g.v ORDER BY g.v

# all bits turned
SELECT ~ id AS turned, count(*), max(~ id), sum(~ id::smallint) FROM events GROUP BY turned ORDER BY turned

# a time without a time zone, in a time zone
SELECT date_trunc('day', started, 'Asia/Tokyo') AS d, count(*), max(date_trunc('hour', started, 'Asia/Tokyo')) FROM sessions GROUP BY d ORDER BY d

# a date in a time zone
SELECT date_trunc('month', placed, 'UTC') AS m, count(*) FROM orders GROUP BY m ORDER BY m

# the least integers
SELECT CASE WHEN id = 1 THEN -2147483648 END AS least, max(-2147483648), min(-9223372036854775808), sum(-2147483648), count(*) FROM events GROUP BY least ORDER BY least

# numbers that this version of PostgreSQL may not know
SELECT max(id + 1_000) FROM events

# such a number in ORDER BY
SELECT id FROM events WHERE client_id = 1 OR client_id = 2 ORDER BY id + 0x1F, client_id

# such a number in a fold
SELECT count(*), max(id) FROM events WHERE id < 0b11
