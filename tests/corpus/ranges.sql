@same 32

# equality
SELECT * FROM market_data WHERE instrument_id = 501

# equality in each shard
SELECT count(*) FROM market_data WHERE instrument_id = 10001

# equality in the last
SELECT count(*) FROM market_data WHERE instrument_id = 20001

# below the first bound
SELECT count(*) FROM market_data WHERE instrument_id = -17

# a range inside a shard
SELECT count(*), min(day), max(close) FROM market_data WHERE instrument_id BETWEEN 1000 AND 4000

# up to the bound
SELECT count(*) FROM market_data WHERE instrument_id BETWEEN 1 AND 10000

# over the bound by one
SELECT count(*) FROM market_data WHERE instrument_id BETWEEN 1 AND 10001

# strictly below the bound
SELECT count(*) FROM market_data WHERE instrument_id < 10001

# at most the bound
SELECT count(*) FROM market_data WHERE instrument_id <= 10001

# from the last bound
SELECT count(*) FROM market_data WHERE instrument_id >= 20001

# more than one below the last bound
SELECT count(*) FROM market_data WHERE instrument_id > 20000

# constant on the left
SELECT count(*) FROM market_data WHERE 20001 <= instrument_id

# two comparisons
SELECT count(*) FROM market_data WHERE instrument_id >= 10001 AND instrument_id < 20001

# two comparisons that leave nothing
SELECT count(*) FROM market_data WHERE instrument_id > 100 AND instrument_id < 50

# two comparisons in an OR
SELECT count(*) FROM market_data WHERE instrument_id < 100 OR instrument_id BETWEEN 200 AND 700

# two comparisons in an OR, two shards
SELECT count(*) FROM market_data WHERE instrument_id < 100 OR instrument_id > 25000

# NOT
SELECT count(*) FROM market_data WHERE NOT (instrument_id >= 10001)

# NOT BETWEEN
SELECT count(*) FROM market_data WHERE instrument_id NOT BETWEEN 10001 AND 40000

# not equal
SELECT count(*) FROM market_data WHERE instrument_id <> 501

# BETWEEN SYMMETRIC
SELECT count(*) FROM market_data WHERE instrument_id BETWEEN SYMMETRIC 4000 AND 1000

# BETWEEN the wrong way round
SELECT count(*) FROM market_data WHERE instrument_id BETWEEN 4000 AND 1000

# a decimal bound
SELECT count(*) FROM market_data WHERE instrument_id < 10000.5

# a decimal bound that is in the next shard
SELECT count(*) FROM market_data WHERE instrument_id < 10001.5

# a string bound
SELECT count(*) FROM market_data WHERE instrument_id < '10001'

# a bound beyond bigint
SELECT count(*) FROM market_data WHERE instrument_id > 99999999999999999999

# a bound below bigint
SELECT count(*) FROM market_data WHERE instrument_id < -99999999999999999999

# NULL bound
SELECT count(*) FROM market_data WHERE instrument_id < NULL

# IN of one shard
SELECT count(*) FROM market_data WHERE instrument_id IN (1, 501, 1001)

# IN of two shards
SELECT count(*) FROM market_data WHERE instrument_id IN (1, 10001)

# ANY of one shard
SELECT count(*) FROM market_data WHERE instrument_id = ANY ('{1,501}')

# < ANY
SELECT count(*) FROM market_data WHERE instrument_id < ANY ('{501,1001}')

# < ALL
SELECT count(*) FROM market_data WHERE instrument_id < ALL ('{501,10002}')

# IN and range
SELECT count(*) FROM market_data WHERE instrument_id IN (1, 10001) AND instrument_id < 5000

# row comparison as a range
SELECT count(*) FROM market_data WHERE (instrument_id, day) >= (20001, '2024-01-03')

# row comparison below
SELECT count(*) FROM market_data WHERE (instrument_id, day) < (1001, '2024-01-03')

# arithmetic on the key
SELECT count(*) FROM market_data WHERE instrument_id + 1 < 100

# arithmetic on the bound
SELECT count(*) FROM market_data WHERE instrument_id < 100 + 1

# group and order in one shard
SELECT instrument_id, avg(close) FROM market_data WHERE instrument_id < 2000 GROUP BY instrument_id ORDER BY 2 DESC LIMIT 2

# window in one shard
SELECT instrument_id, day, close - lag(close) OVER (PARTITION BY instrument_id ORDER BY day) FROM market_data WHERE instrument_id BETWEEN 1 AND 600 ORDER BY 1, 2

# no key
SELECT count(*) FROM market_data WHERE day = '2024-01-02'

# date range: equality
SELECT * FROM readings WHERE day = '2024-01-15'

# date: typed literal
SELECT * FROM readings WHERE day = date '2024-01-15'

# date: cast
SELECT * FROM readings WHERE day = '2024-01-15'::date

# date: other notation
SELECT * FROM readings WHERE day = '15 Jan 2024'

# date: compact
SELECT * FROM readings WHERE day = '20240115'

# date: american, depends on DateStyle
SELECT * FROM readings WHERE day = '01/15/2024'

# date: bad month
SELECT * FROM readings WHERE day = '2024-13-15'

# date: one year
SELECT count(*) FROM readings WHERE day >= '2023-01-01' AND day < '2024-01-01'

# date: within b
SELECT count(*), avg(value) FROM readings WHERE day BETWEEN '2024-01-01' AND '2024-04-30'

# date: over the bound
SELECT count(*) FROM readings WHERE day BETWEEN '2023-12-31' AND '2024-01-01'

# date: from the last bound
SELECT count(*) FROM readings WHERE day >= '2024-05-01'

# date: timestamp comparison
SELECT count(*) FROM readings WHERE day = timestamp '2024-01-15 00:00'

# date: timestamp comparison that no date equals
SELECT count(*) FROM readings WHERE day = timestamp '2024-01-15 12:00'

# date: timestamp bound
SELECT count(*) FROM readings WHERE day < timestamp '2023-12-31 12:00'

# date: interval arithmetic
SELECT count(*) FROM readings WHERE day >= date '2024-05-01' + interval '1 day'

# date: date arithmetic
SELECT count(*) FROM readings WHERE day < date '2024-01-01' - 5

# date: infinity
SELECT count(*) FROM readings WHERE day = 'infinity'

# date: below infinity
SELECT count(*) FROM readings WHERE day >= '2024-06-01' AND day < 'infinity'

# date: now, whatever day it is
SELECT count(*) FROM readings WHERE day = 'now'

# date: today
SELECT count(*) FROM readings WHERE day > current_date + 1000

# date: epoch word
SELECT count(*) FROM readings WHERE day = 'epoch'

# date: extract of the key
SELECT count(*) FROM readings WHERE extract(year FROM day) = 2023
