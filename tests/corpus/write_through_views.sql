@write
@same 27

# a row of a view of one table
INSERT INTO client_events (client_id, id, kind) VALUES (7, 500000, 'v')

# without a list of columns
INSERT INTO client_events VALUES (8, 500001, 'v', 3) RETURNING *

# by parameters
@params 9 | 500002 | v
INSERT INTO client_events (client_id, id, kind) VALUES ($1, $2, $3) RETURNING client_id, kind

# several of one shard
INSERT INTO client_events (client_id, id, kind) VALUES (7, 500003, 'v'), (7, 500004, 'w')

# several of several
INSERT INTO client_events (client_id, id, kind) VALUES (7, 500005, 'v'), (8, 500005, 'w'), (9, 500005, 'w'), (10, 500005, 'w')

# without the key
INSERT INTO client_events (id, kind) VALUES (500006, 'v')

# without another column that has no default
INSERT INTO big_events (owner, id, amount) VALUES (7, 500007, 70)

# one that is there
INSERT INTO client_events (client_id, id, kind) VALUES (7, 1, 'again') ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind RETURNING kind

# one that is there, and stays
INSERT INTO client_events (client_id, id, kind) VALUES (7, 1, 'nothing') ON CONFLICT DO NOTHING

# rows of a query
INSERT INTO client_events (client_id, id, kind) SELECT client_id, id + 600000, kind FROM events WHERE client_id = 7 AND id < 3

# rows are updated
UPDATE client_events SET kind = 'w' WHERE client_id = 7 AND id = 500000 RETURNING *

# by another name of the key
UPDATE big_events SET amount = amount + 1 WHERE owner = 7 RETURNING id

# with rows of another table
UPDATE client_events c SET kind = 'w' || s.seconds FROM sessions s WHERE s.client_id = c.client_id AND c.client_id = 7

# on all shards
UPDATE client_events SET kind = 'w' WHERE id = 500005

# to another key of the same shard
UPDATE big_events SET owner = 8 WHERE owner = 7 AND id = 500000

# to one of another
UPDATE big_events SET owner = 9 WHERE owner = 7 AND id = 500000

# to itself
UPDATE big_events SET owner = owner, amount = 60 WHERE owner = 7

# what stands beside it
UPDATE slashed SET client_id = 7 WHERE client_id = 7

# rows are deleted
DELETE FROM client_events WHERE client_id = 7 AND id >= 500000 RETURNING id

# those that the view does not show stay
DELETE FROM big_events WHERE owner = 7 AND id < 3

# in a part of WITH
WITH gone AS (DELETE FROM client_events WHERE client_id = 8 AND id = 500001 RETURNING *) SELECT count(*) FROM gone

# of a table of one shard
INSERT INTO small_audit VALUES (4999, 'x') RETURNING what

# that the view would not show
INSERT INTO small_audit VALUES (5999, 'x')

# a row that would leave it
UPDATE small_audit SET id = 6000 WHERE id = 4999

# one that stays
UPDATE small_audit SET what = 'y' WHERE id > 4000 RETURNING *

# and goes
DELETE FROM small_audit WHERE id > 4000

# the key has the name of another column
INSERT INTO swapped_events (id, client_id) VALUES (7, 41000), (7, 41001)

# with a default of the view's own
SELECT kind, client_id FROM events WHERE id IN (41000, 41001)

# that it would not show
INSERT INTO swapped_events (id, client_id, kind) VALUES (7, 42000, 'x')

# by the key
UPDATE swapped_events SET kind = loud WHERE id = 7 AND client_id > 40000 RETURNING kind

# by the column that has its name
DELETE FROM swapped_events WHERE client_id = 41000

# and by both
DELETE FROM swapped_events WHERE client_id > 40000 AND id = 7 RETURNING *

# a key by two names
INSERT INTO twice_shown (again, id, kind) VALUES (9, 43000, 'x')

# which is set by the other one
UPDATE twice_shown SET again = 10 WHERE client_id = 7 AND id = 2

# a view that looks at other rows
UPDATE ordered_events SET kind = 'x' WHERE client_id = 7

# one with a rule
INSERT INTO ruled_events VALUES (7, 44000, 'x')

# of aggregates
INSERT INTO event_totals VALUES (7, 1, 2)

# of two tables
UPDATE things SET entry = 'x' WHERE id = 1

# of a reference table
UPDATE country_names SET name = 'x' WHERE code = 'DE'

# with row security
UPDATE all_private_rows SET v = 'x' WHERE client_id = 7
