@write
@undone
@same 16

# columns set by one query over rows of other shards
UPDATE orders o SET (note, total) = (SELECT max(e.kind), sum(e.amount) FROM events e WHERE e.id = o.order_id)

# the same over rows of equal keys
UPDATE orders o SET (note, total) = (SELECT max(i.sku), sum(i.quantity) FROM order_items i WHERE i.customer = o.customer HAVING count(*) > 0) WHERE EXISTS (SELECT FROM order_items i WHERE i.customer = o.customer) RETURNING *

# a row of queries
UPDATE orders SET (note, total) = ((SELECT max(kind) FROM events), (SELECT count(*) FROM sessions s WHERE s.seconds < orders.order_id)) RETURNING customer, order_id, note, total

# a row of values
UPDATE events SET (kind, amount) = ('row', amount * 2) WHERE id = 1 RETURNING *

# the time in a row
UPDATE wide SET (ts, tstz) = (now(), now()) RETURNING tstz = now()

# defaults in a row
UPDATE orders SET (status, total) = (DEFAULT, DEFAULT) WHERE order_id = 2 RETURNING *

# the row of a query as a whole
UPDATE orders SET (note, status) = ROW(q.*) FROM (SELECT max(kind), min(kind) FROM events) q WHERE order_id = 1 RETURNING orders.*

# the key among them
UPDATE sessions SET (client_id, seconds) = (900, 1) WHERE client_id = 19 RETURNING client_id, seconds

# the key that stays
UPDATE events SET (client_id, kind) = (client_id, 'kept') WHERE id = 3 RETURNING client_id, id, kind

# the key from a query
UPDATE events SET (client_id, kind) = (SELECT client_id, 'kept') WHERE id = 3

# a default that looks at other rows
UPDATE counted SET (v, id) = (DEFAULT, id)

# too many values
UPDATE orders SET (note, status) = ('a', 'b', 'c')

# too few columns of a query
UPDATE orders SET (note, status) = (SELECT 'a')

# no row
UPDATE orders SET (note, status) = 'a'

# one column in parentheses
UPDATE orders SET (note) = (SELECT max(kind) FROM events) WHERE order_id = 3 RETURNING customer, note

# of a reference table
UPDATE countries SET (name, population) = (SELECT name || '!', population + 1) RETURNING *

# where it is there already
INSERT INTO events VALUES (1, 1, 'new', 1), (2, 1, 'new', 2) ON CONFLICT (client_id, id) DO UPDATE SET (kind, amount) = (excluded.kind, events.amount) RETURNING *

# by MERGE
MERGE INTO events e USING sessions s ON e.client_id = s.client_id AND e.id = 1 AND s.seconds > 1000 WHEN MATCHED THEN UPDATE SET (kind, amount) = ('merged', s.seconds)
