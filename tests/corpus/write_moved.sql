@write
@same 36

# rows go from one table to another
WITH moved AS (DELETE FROM events WHERE kind = 'view' AND id < 5 RETURNING client_id, id, kind) INSERT INTO other.events SELECT * FROM moved

# with their columns listed
WITH moved AS (DELETE FROM events WHERE kind = 'login' RETURNING *) INSERT INTO other.events (client_id, id, kind) SELECT client_id, id + 1000000, upper(kind) FROM moved RETURNING client_id, id

# those of some keys
WITH moved AS (DELETE FROM events WHERE client_id IN (1, 2, 3, 4) RETURNING client_id, id, kind) INSERT INTO other.events SELECT client_id, id + 2000000, kind FROM moved

# only some of them are stored, all are gone
WITH moved AS (DELETE FROM events WHERE id = 6 RETURNING client_id, id, kind) INSERT INTO other.events SELECT client_id, id + 3000000, kind FROM moved WHERE client_id = 7

# what is left
SELECT count(*), sum(id) FROM events

# what there is
SELECT count(*), sum(id) FROM other.events

# with an alias of the part's columns
WITH moved (c, i) AS (DELETE FROM events WHERE id = 7 RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT m.c, m.i + 4000000 FROM moved AS m

# with a parameter
@params 8
WITH moved AS (DELETE FROM events WHERE id = $1 RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT client_id, id + 5000000 FROM moved

# grouped by the key
WITH moved AS (DELETE FROM events WHERE id > 8 RETURNING client_id, id) INSERT INTO other.events (client_id, id, kind) SELECT client_id, max(id) + 6000000, count(*)::text FROM moved GROUP BY client_id

# joined with rows of the same key
WITH moved AS (DELETE FROM orders WHERE order_id = 1 RETURNING customer, order_id, total) INSERT INTO order_items (customer, order_id, line, sku) SELECT m.customer, m.order_id, 100, i.sku FROM moved m JOIN order_items i USING (customer, order_id) WHERE i.line = 1

# rows of the other table as they were
WITH moved AS (DELETE FROM events WHERE id = 2 RETURNING client_id, id) INSERT INTO other.events (client_id, id, kind) SELECT m.client_id, m.id + 7000000, (SELECT count(*) FROM events e WHERE e.client_id = m.client_id)::text FROM moved m

# ON CONFLICT
WITH moved AS (UPDATE events SET amount = 1 RETURNING client_id, id, kind) INSERT INTO other.events SELECT client_id, id, kind FROM moved ON CONFLICT (client_id, id) DO UPDATE SET kind = 'again'

# that fails in one row
WITH moved AS (DELETE FROM events RETURNING client_id, id) INSERT INTO other.events (client_id, id, kind) SELECT client_id, id + 8000000, (1 / (client_id % 100 - 12))::text FROM moved WHERE id < 1000

# another key
WITH moved AS (DELETE FROM events RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT client_id + 1, id + 9000000 FROM moved

# the same table
WITH moved AS (DELETE FROM events WHERE id = 1 RETURNING client_id, id, kind) INSERT INTO events (client_id, id, kind) SELECT client_id, id + 100000, kind FROM moved

# the rows that are there
SELECT client_id, id, kind FROM events ORDER BY 1, 2

# LIMIT
WITH moved AS (DELETE FROM events RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT client_id, id + 10000000 FROM moved LIMIT 3

# twice
WITH moved AS (DELETE FROM events RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT a.client_id, a.id + 11000000 FROM moved a, moved b

# not read
WITH moved AS (DELETE FROM events WHERE id = 3 RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT client_id, 12000000 + row_number() OVER (PARTITION BY client_id ORDER BY session) FROM sessions

# joined outside
WITH moved AS (DELETE FROM events WHERE id = 4 AND client_id = 5 RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT s.client_id, 13000000 + s.seconds FROM sessions s LEFT JOIN moved m USING (client_id)

# a change by what another returns
WITH gone AS (DELETE FROM events WHERE id = 4 RETURNING client_id, kind) UPDATE sessions s SET seconds = 0 FROM gone WHERE gone.client_id = s.client_id

# returned
WITH changed AS (UPDATE events SET amount = 50 WHERE id = 5 RETURNING client_id, amount) UPDATE sessions SET seconds = changed.amount FROM changed WHERE sessions.client_id = changed.client_id RETURNING sessions.client_id, seconds

# rows without one
WITH gone AS (DELETE FROM events WHERE id = 5 AND client_id < 9 RETURNING client_id) DELETE FROM sessions WHERE NOT EXISTS (SELECT FROM gone WHERE gone.client_id = sessions.client_id) AND seconds > 700

# of one key, by rows of others
WITH gone AS (DELETE FROM events WHERE id = 10 RETURNING client_id) UPDATE sessions SET seconds = 11 FROM gone WHERE gone.client_id = sessions.client_id AND sessions.client_id = 3

# what is gone
SELECT count(*) FROM events WHERE id = 10

# what is left of these
SELECT client_id, session, seconds FROM sessions ORDER BY 1, 2

# not tied
WITH gone AS (DELETE FROM events WHERE id = 11 RETURNING id) UPDATE sessions SET seconds = 12 FROM gone WHERE gone.id = sessions.seconds

# not tied, and not read
WITH gone AS (DELETE FROM events WHERE id = 11 RETURNING id) UPDATE sessions SET seconds = 13 WHERE seconds = 12

# the header with its lines
WITH gone AS (DELETE FROM order_items WHERE line = 1 RETURNING customer, order_id, quantity) UPDATE orders o SET total = total + gone.quantity FROM gone WHERE gone.customer = o.customer AND gone.order_id = o.order_id

# a time
WITH gone AS (DELETE FROM events WHERE id = 12 RETURNING client_id) UPDATE sessions s SET started = date_trunc('century', now()) FROM gone WHERE gone.client_id = s.client_id

# parents and children
WITH p AS (DELETE FROM parents RETURNING client_id) DELETE FROM children USING p WHERE p.client_id = children.client_id

# IN
WITH moved AS (UPDATE events SET kind = 'x' WHERE id = 13 RETURNING client_id, id) DELETE FROM sessions s WHERE s.client_id IN (SELECT client_id FROM moved) AND s.seconds > 600

# NOT IN
WITH moved AS (UPDATE events SET kind = 'x' WHERE id = 13 RETURNING client_id, id) DELETE FROM sessions s WHERE s.client_id NOT IN (SELECT client_id FROM moved) AND s.seconds > 500

# a count for each
WITH gone AS (DELETE FROM events WHERE id > 14 RETURNING client_id) UPDATE sessions SET seconds = (SELECT count(*) FROM gone WHERE gone.client_id = sessions.client_id)

# a count of all
WITH gone AS (DELETE FROM events WHERE id = 1 RETURNING client_id) UPDATE sessions SET seconds = (SELECT count(*) FROM gone)

# by way of another part
WITH gone AS (DELETE FROM events WHERE id = 1 RETURNING client_id), counted AS (SELECT client_id, count(*) AS n FROM gone GROUP BY client_id) UPDATE sessions s SET seconds = counted.n FROM counted WHERE counted.client_id = s.client_id

# by way of another part that picks some
WITH gone AS (DELETE FROM events WHERE id = 2 RETURNING client_id), few AS (SELECT client_id FROM gone ORDER BY client_id LIMIT 1) UPDATE sessions s SET seconds = 77 FROM few WHERE few.client_id = s.client_id

# by way of a subquery
WITH gone AS (DELETE FROM events WHERE id = 3 RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT q.client_id, q.n + 20000000 FROM (SELECT client_id, count(*) AS n FROM gone GROUP BY client_id) q

# a reference table beside it
WITH gone AS (DELETE FROM instruments WHERE instrument_id < 15000 RETURNING instrument_id, country) INSERT INTO market_data (instrument_id, day, volume) SELECT g.instrument_id, '2031-01-01', c.population FROM gone g JOIN countries c ON c.code = g.country

# left to it
WITH gone AS (DELETE FROM events WHERE id = 5 RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT g.client_id, g.id + 30000000 + count(s.session) FROM gone g LEFT JOIN sessions s ON s.client_id = g.client_id GROUP BY g.client_id, g.id

# all that is left
SELECT (SELECT count(*) FROM events), (SELECT sum(seconds) FROM sessions), (SELECT sum(id) FROM other.events), (SELECT sum(volume) FROM market_data)

# a row that is stored and what belongs to it, by one key
WITH head AS (INSERT INTO events (client_id, id, kind) VALUES (4, 99001, 'head') RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT client_id, id FROM head RETURNING client_id, id

# several of one key
WITH head AS (INSERT INTO events (client_id, id, kind) VALUES (4, 99002, 'head'), (4, 99003, 'head') RETURNING *) INSERT INTO other.events (client_id, id) SELECT h.client_id, h.id + n FROM head h, generate_series(100, 102, 2) n RETURNING client_id, id

# read with what is there of that key
WITH head AS (INSERT INTO events (client_id, id, kind) VALUES (4, 99004, 'head') RETURNING client_id, id) SELECT h.id, count(s.session) FROM head h LEFT JOIN sessions s USING (client_id) GROUP BY h.id

# put onto what is there
WITH head AS (INSERT INTO events (client_id, id, kind) VALUES (4, 1, 'again') ON CONFLICT (client_id, id) DO UPDATE SET kind = EXCLUDED.kind RETURNING client_id, id, kind) UPDATE sessions s SET seconds = 78 FROM head WHERE head.client_id = s.client_id

# with a key that is rounded where it is stored
WITH head AS (INSERT INTO events (client_id, id, kind) VALUES (4.4, 99005, 'round') RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT client_id, id FROM head RETURNING client_id, id

# by parameters
@params 4 | 99006
WITH head AS (INSERT INTO events (client_id, id, kind) VALUES ($1, $2, 'head') RETURNING client_id, id) INSERT INTO other.events (client_id, id) SELECT client_id, id FROM head RETURNING client_id, id

# what has come of it
SELECT * FROM other.events WHERE id > 99000 AND id < 100000 ORDER BY 1, 2
