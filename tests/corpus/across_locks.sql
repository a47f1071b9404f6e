@same 14

# for update
SELECT client_id, id FROM events WHERE id = 1 FOR UPDATE

# for share
SELECT client_id, amount FROM events WHERE kind = 'buy' FOR SHARE

# for no key update of a named table
SELECT e.client_id, e.id FROM events e WHERE e.id = 2 FOR NO KEY UPDATE OF e

# for key share
SELECT client_id FROM events WHERE amount IS NULL FOR KEY SHARE

# without waiting
SELECT client_id, id FROM events WHERE id = 3 FOR UPDATE NOWAIT

# what others have locked is left out
SELECT client_id, id FROM events FOR UPDATE SKIP LOCKED

# several keys
SELECT client_id, id FROM events WHERE client_id IN (1, 2, 3) FOR UPDATE

# a range of two shards
SELECT instrument_id, day FROM market_data WHERE instrument_id BETWEEN 9000 AND 11000 FOR UPDATE

# parameters
@params 4 | buy
SELECT client_id, id FROM events WHERE id = $1 AND kind = $2 FOR UPDATE

# no rows
SELECT client_id FROM events WHERE kind = 'nothing' FOR UPDATE

# with a subquery on a reference table
SELECT instrument_id FROM instruments WHERE country IN (SELECT code FROM countries WHERE population > 70000000) FOR UPDATE

# a table that is not there
SELECT client_id FROM events FOR UPDATE OF sessions

# an error on the way
SELECT 1 / (id - 1) FROM events FOR UPDATE

# sorted
SELECT client_id, id FROM events WHERE id = 1 ORDER BY client_id FOR UPDATE

# limited
SELECT client_id, id FROM events LIMIT 3 FOR UPDATE SKIP LOCKED

# joined with a reference table
SELECT i.instrument_id FROM instruments i JOIN countries c ON c.code = i.country FOR UPDATE OF i

# inside a subquery
SELECT count(*) FROM (SELECT id FROM events FOR UPDATE) t
