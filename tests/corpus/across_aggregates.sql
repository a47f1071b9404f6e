@same 80

# numbers of client_id
SELECT count(client_id), sum(client_id), avg(client_id), min(client_id), max(client_id) FROM wide WHERE client_id < 100

# numbers of client_id by b
SELECT b, count(client_id), sum(client_id), avg(client_id), min(client_id), max(client_id) FROM wide WHERE client_id < 100 GROUP BY b ORDER BY b

# numbers of i2
SELECT count(i2), sum(i2), avg(i2), min(i2), max(i2) FROM wide WHERE client_id < 100

# numbers of i2 by b
SELECT b, count(i2), sum(i2), avg(i2), min(i2), max(i2) FROM wide WHERE client_id < 100 GROUP BY b ORDER BY b

# numbers of i4
SELECT count(i4), sum(i4), avg(i4), min(i4), max(i4) FROM wide WHERE client_id < 100

# numbers of i4 by b
SELECT b, count(i4), sum(i4), avg(i4), min(i4), max(i4) FROM wide WHERE client_id < 100 GROUP BY b ORDER BY b

# numbers of n
SELECT count(n), sum(n), avg(n), min(n), max(n) FROM wide WHERE client_id < 100

# numbers of n by b
SELECT b, count(n), sum(n), avg(n), min(n), max(n) FROM wide WHERE client_id < 100 GROUP BY b ORDER BY b

# numbers of n2
SELECT count(n2), sum(n2), avg(n2), min(n2), max(n2) FROM wide WHERE client_id < 100

# numbers of n2 by b
SELECT b, count(n2), sum(n2), avg(n2), min(n2), max(n2) FROM wide WHERE client_id < 100 GROUP BY b ORDER BY b

# extremes of d
SELECT min(d), max(d), count(d) FROM wide

# extremes of ts
SELECT min(ts), max(ts), count(ts) FROM wide

# extremes of tstz
SELECT min(tstz), max(tstz), count(tstz) FROM wide

# extremes of cc
SELECT min(cc), max(cc), count(cc) FROM wide

# extremes of v5
SELECT min(v5), max(v5), count(v5) FROM wide

# extremes of b
SELECT bool_and(b), bool_or(b), every(b), count(b) FROM wide

# groups of b
SELECT b, count(*), sum(i4) FROM wide GROUP BY b ORDER BY b

# groups of i2
SELECT i2, count(*), sum(i4) FROM wide GROUP BY i2 ORDER BY i2

# groups of n2
SELECT n2, count(*), sum(i4) FROM wide GROUP BY n2 ORDER BY n2

# groups of c5
SELECT c5, count(*), sum(i4) FROM wide GROUP BY c5 ORDER BY c5

# groups of v5
SELECT v5, count(*), sum(i4) FROM wide GROUP BY v5 ORDER BY v5

# groups of d
SELECT d, count(*), sum(i4) FROM wide GROUP BY d ORDER BY d

# groups of ts3
SELECT ts3, count(*), sum(i4) FROM wide GROUP BY ts3 ORDER BY ts3

# groups of md
SELECT md, count(*), sum(i4) FROM wide GROUP BY md ORDER BY md

# groups of ip
SELECT ip, count(*), sum(i4) FROM wide GROUP BY ip ORDER BY ip

# groups of cc
SELECT cc, count(*), sum(i4) FROM wide GROUP BY cc ORDER BY cc

# groups of am
SELECT am, count(*), sum(i4) FROM wide GROUP BY am ORDER BY am

# groups of u
SELECT u, count(*), sum(i4) FROM wide GROUP BY u ORDER BY u

# all special numerics
SELECT sum(n), max(n), min(n), count(n) FROM wide

# averages with many digits
SELECT avg(amount), avg(client_id) FROM events WHERE client_id BETWEEN 1 AND 60

# averages by kind
SELECT kind, avg(amount), avg(id), count(amount) FROM events GROUP BY kind ORDER BY kind

# overflow of bigint sums is numeric
SELECT sum(client_id) FROM events

# names
SELECT count(*) AS n, sum(id) total, max(kind), kind AS what FROM events GROUP BY kind ORDER BY what

# sorted by an aggregate's name
SELECT kind, count(*) FROM events GROUP BY kind ORDER BY count DESC, kind LIMIT 2

# sorted by position
SELECT kind, count(*) FROM events GROUP BY kind ORDER BY 2 DESC, 1 OFFSET 1

# sorted by a key that is not listed
SELECT count(*) FROM events GROUP BY kind ORDER BY kind

# two of one name
SELECT sum(id), sum(amount) FROM events GROUP BY kind ORDER BY sum

# key twice
SELECT kind, kind, count(*) FROM events GROUP BY kind, kind ORDER BY 1

# qualified
SELECT e.kind, count(e.id) FROM events e GROUP BY e.kind ORDER BY kind

# key not grouped
SELECT id, count(*) FROM events GROUP BY kind

# filter
SELECT count(*) FILTER (WHERE amount > 50), sum(id) FILTER (WHERE kind = 'buy' OR amount IS NULL) FROM events

# filter by kind
SELECT kind, count(*) FILTER (WHERE id > 3) AS late, max(amount) FILTER (WHERE id < 3) FROM events GROUP BY kind ORDER BY kind

# filter with a subquery
SELECT count(*) FILTER (WHERE client_id IN (SELECT client_id FROM sessions)) FROM events

# where with a subquery
SELECT count(*) FROM events WHERE client_id IN (SELECT client_id FROM sessions)

# where with a reference table
SELECT country, count(*) FROM instruments WHERE country IN (SELECT code FROM countries WHERE population > 70000000) GROUP BY country ORDER BY country

# where with a function
SELECT count(*) FROM events WHERE upper(kind) = 'BUY'

# where with now
SELECT count(*) FROM events WHERE at < now()

# key range
SELECT count(*), sum(volume), max(close) FROM market_data WHERE instrument_id BETWEEN 9000 AND 21000

# key range, groups
SELECT day, count(*), sum(volume) FROM market_data WHERE instrument_id > 9000 GROUP BY day ORDER BY day DESC

# keys in a list
SELECT client_id, count(*), max(amount) FROM events WHERE client_id IN (1, 2, 3, 4, 5) GROUP BY client_id ORDER BY client_id

# no row
SELECT count(*), sum(id), avg(amount), min(kind), bool_or(id > 1) FROM events WHERE kind = 'nothing'

# no row, simple
SELECT count(*), sum(id), avg(amount), min(kind) FROM events WHERE kind = 'nothing'

# no row, grouped
SELECT kind, count(*) FROM events WHERE kind = 'nothing' GROUP BY kind

# an empty table
SELECT count(*), max(v), sum(client_id) FROM nothing

# distinct inside
SELECT count(DISTINCT kind), count(*) FROM events

# order inside
SELECT string_agg(kind, ',' ORDER BY client_id, id), count(*) FROM events WHERE id = 1 AND client_id < 5

# having
SELECT kind, count(*) FROM events GROUP BY kind HAVING sum(amount) > 100 ORDER BY kind

# an expression over aggregates
SELECT sum(amount) / count(*) FROM events

# an expression inside
SELECT sum(amount * 2), count(id + 1) FROM events

# floats
SELECT count(f8), max(f4), min(f8) FROM wide WHERE client_id < 50

# limit zero
SELECT kind, count(*) FROM events GROUP BY kind LIMIT 0

# with ties
SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind FETCH FIRST 2 ROWS WITH TIES

# a parameter
@params buy
SELECT count(*), sum(amount) FROM events WHERE kind = $1

# two parameters
@params buy | 3
SELECT id, count(*), avg(amount) FROM events WHERE kind <> $1 AND id < $2 GROUP BY id ORDER BY id

# a parameter and a limit
@params 50 | 2
SELECT kind, count(*) FROM events WHERE amount > $1 GROUP BY kind ORDER BY kind LIMIT $2

# a parameter in a filter
@params 40
SELECT count(*) FILTER (WHERE amount > $1) FROM events

# an array of keys
@params {1,2,3}
SELECT client_id, sum(amount) FROM events WHERE client_id = ANY($1) GROUP BY client_id ORDER BY 1

# a parameter as a limit and a filter
@params 2
SELECT kind, count(*) FROM events WHERE id > $1 GROUP BY kind ORDER BY kind LIMIT $1

# quoted names
SELECT max("Mixed Case") AS "The Max", count(*) AS "n""n" FROM wide

# another schema
SELECT kind, count(*) FROM other.events GROUP BY kind

# only
SELECT count(*) FROM ONLY events

# division by zero
SELECT count(*) FROM events WHERE 1 / (id - id) > 0

# a name of ours
SELECT count(*) AS shardway_a0, sum(id) AS shardway_1 FROM events

# whole numbers only
SELECT count(*), count(i2) AS n, sum(i2), sum(i4) AS "Sum", min(i2), max(i2), min(i4), max(i4), min(client_id), max(client_id) FROM wide

# whole numbers of no rows
SELECT count(*), sum(i4), min(i4), max(client_id) FROM wide WHERE i4 = 123456 AND i4 = 654321

# whole numbers of an empty table
SELECT count(*), min(client_id) FROM nothing

# whole numbers of some shards
SELECT count(*), sum(i4), max(i2) FROM wide WHERE client_id IN (1, 2)

# whole numbers of chosen rows
@params 3 | 60
SELECT count(*) FILTER (WHERE client_id > $1), sum(w.i4) FILTER (WHERE w.client_id < $2), max(i2) FROM wide w WHERE client_id <> $1

# whole numbers where a row fails
SELECT count(*), sum(i4) FROM wide WHERE 10 / (client_id - 5) > 0

# whole numbers of a bigint, whose sum is a numeric
SELECT count(*), sum(client_id) FROM wide

# whole numbers that no row has, in a column that only one shard has
SELECT sum(i4), min(i2) FROM wide WHERE client_id = ANY('{1,2,3,4,5,6,7,8,9}') AND i4 > 0

# sets of groups in an order, of a column that a condition makes a constant
SELECT client_id, kind, count(*) FROM events WHERE kind = 'view' AND id < 4 GROUP BY ROLLUP (client_id, kind) ORDER BY 1, 2 LIMIT 2

# the same without a limit
SELECT client_id, kind, count(*) FROM events WHERE kind = 'view' AND id < 4 GROUP BY ROLLUP (client_id, kind) ORDER BY 1, 2

# the same of an aggregate that is sorted
SELECT client_id, kind, percentile_disc(0.5) WITHIN GROUP (ORDER BY id) FROM events WHERE kind = 'view' AND id < 3 GROUP BY ROLLUP (client_id, kind) ORDER BY 1, 2, 3 LIMIT 2

# the same with the numbers of rows
SELECT client_id, kind, percentile_disc(0.5) WITHIN GROUP (ORDER BY id), count(*) FROM events WHERE kind = 'view' AND id < 4 GROUP BY ROLLUP (client_id, kind) ORDER BY 1, 2, 3, 4 LIMIT 3

# the same of a day
SELECT instrument_id, day, percentile_disc(0.5) WITHIN GROUP (ORDER BY open), count(*) FROM market_data WHERE day = '2024-01-02' GROUP BY ROLLUP (instrument_id, day) ORDER BY 1, 2, 3, 4 LIMIT 2

# the same of a day, of a few
SELECT instrument_id, day, percentile_disc(0.5) WITHIN GROUP (ORDER BY open), count(*) FROM market_data WHERE day = '2024-01-02' AND instrument_id IN (1, 10501, 20501) GROUP BY ROLLUP (instrument_id, day) ORDER BY 1, 2, 3, 4 LIMIT 2

# the same, sets on their own
SELECT instrument_id, day, count(*) FROM market_data WHERE day = '2024-01-02' AND instrument_id IN (1, 10501, 20501) GROUP BY GROUPING SETS ((instrument_id), (instrument_id, day)) ORDER BY 1, 2, 3
