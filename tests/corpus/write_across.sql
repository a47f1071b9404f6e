@write
@same 31

# all rows
UPDATE events SET amount = amount + 1

# all rows, returning
UPDATE events SET kind = upper(kind) RETURNING client_id, id, kind

# by a filter
UPDATE events SET amount = 0 WHERE kind = 'view' AND id > 3

# a list of keys
UPDATE events SET amount = 7 WHERE client_id IN (1, 2, 3, 4) RETURNING *

# no row
UPDATE events SET amount = 7 WHERE kind = 'nothing'

# with a parameter
@params buy
UPDATE events SET amount = 9.5 WHERE kind = $1

# two parameters
@params 3 | 20
UPDATE events SET amount = $1 WHERE client_id < $2 RETURNING client_id, amount

# an array of keys
@params {5,6,7}
UPDATE events SET kind = 'listed' WHERE client_id = ANY($1)

# by a reference table
UPDATE instruments SET symbol = symbol || '!' FROM countries c WHERE c.code = instruments.country AND c.name = 'Germany'

# by a reference table in a subquery
UPDATE instruments SET symbol = lower(symbol) WHERE country IN (SELECT code FROM countries WHERE population > 70000000)

# a range of keys
UPDATE market_data SET volume = 0 WHERE instrument_id BETWEEN 9000 AND 21000

# an alias
UPDATE events AS e SET amount = e.id WHERE e.kind = 'login'

# several columns
UPDATE orders SET (status, total) = ('closed', total * 2) WHERE order_id = 2

# jsonb
UPDATE events SET payload = payload || '{"seen": true}' WHERE payload IS NOT NULL

# an error in one row
UPDATE events SET amount = 1 / (id - 3)

# a check that fails
UPDATE events SET kind = NULL WHERE id = 1

# too long
UPDATE order_items SET sku = repeat('x', 30) WHERE line = 1

# the key
UPDATE events SET client_id = client_id + 1

# now
UPDATE events SET at = now() WHERE kind = 'nothing'

# by other sharded rows
UPDATE events SET amount = 0 WHERE client_id IN (SELECT client_id FROM sessions WHERE seconds > 100)

# joined with other sharded rows
UPDATE events e SET amount = s.client_id FROM sessions s WHERE s.client_id = e.client_id

# by an aggregate
UPDATE events SET amount = (SELECT max(amount) FROM events)

# delete by a filter
DELETE FROM events WHERE kind = 'click'

# delete, returning
DELETE FROM events WHERE id = 6 RETURNING client_id, id, amount

# delete by a list of keys
DELETE FROM sessions WHERE client_id IN (1, 2, 3)

# delete with a parameter
@params 2
DELETE FROM order_items WHERE line = $1

# delete by a reference table
DELETE FROM instruments i USING countries c WHERE c.code = i.country AND c.code = 'JP'

# delete by other sharded rows
DELETE FROM events WHERE client_id NOT IN (SELECT client_id FROM sessions)

# delete by days
DELETE FROM readings WHERE day >= '2023-12-25' AND day < '2024-01-05' RETURNING day, sensor

# delete all
DELETE FROM market_data

# delete nothing
DELETE FROM events WHERE client_id = 1 AND client_id = 2

# with a part of WITH
WITH gone AS (DELETE FROM events WHERE id = 5 RETURNING client_id) SELECT count(*) FROM gone

# a column that must not repeat, over all shards
UPDATE registered SET email = 'the same' WHERE client_id < 30

# beside a column that must not repeat
UPDATE registered SET v = 'w' WHERE client_id < 30 RETURNING client_id, email
