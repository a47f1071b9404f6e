@write
@same 60

# rows that stay where they are
INSERT INTO sessions SELECT client_id, md5(client_id || 'x' || id)::uuid, '2024-01-01', id::int FROM events WHERE id = 1

# the same with RETURNING
INSERT INTO sessions (client_id, session, started, seconds) SELECT client_id, md5(client_id || 'y' || id)::uuid, timestamp '2024-01-01', 5 FROM events WHERE id = 2 RETURNING client_id, seconds

# from and into one table
INSERT INTO events (client_id, id, kind) SELECT client_id, id + 100, kind FROM events WHERE kind = 'buy'

# with a conflict
INSERT INTO events (client_id, id, kind) SELECT client_id, id, 'again' FROM events WHERE id < 3 ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind || events.kind

# with a parameter
@params view | 200
INSERT INTO events (client_id, id, kind) SELECT client_id, id + $2, kind FROM events WHERE kind = $1

# another key
INSERT INTO events (client_id, id, kind) SELECT client_id + 2000, id, kind FROM events WHERE id = 1 RETURNING client_id, id

# an aggregate
INSERT INTO events (client_id, id, kind, amount) SELECT client_id, 1000, 'total', sum(amount) FROM events GROUP BY client_id

# an aggregate of all, into one row
INSERT INTO events (client_id, id, kind, amount) SELECT 3000, 1, 'total', sum(amount) FROM events RETURNING *

# a join of two tables
INSERT INTO events (client_id, id, kind) SELECT s.client_id, 2000 + s.seconds, e.kind FROM sessions s JOIN events e USING (client_id) WHERE e.id = 1 ON CONFLICT DO NOTHING

# a table of another key
INSERT INTO k_text (k, v) SELECT 'carried ' || client_id, kind FROM events WHERE id = 1

# in order
INSERT INTO events (client_id, id, kind) SELECT client_id + 4000, id, kind FROM events WHERE id = 1 AND client_id BETWEEN 1 AND 50 ORDER BY client_id LIMIT 7 RETURNING client_id, kind

# without a column list
INSERT INTO events SELECT client_id + 5000, id, kind, amount, at, payload FROM events WHERE id = 3 RETURNING *

# fewer columns than the table has
INSERT INTO events SELECT client_id + 6000, id, kind FROM events WHERE id = 3

# the whole table by a star
INSERT INTO other.events SELECT client_id + 7000, id, kind FROM events WHERE id = 3

# rows of a function
INSERT INTO events (client_id, id, kind) SELECT n, 1, 'series' FROM generate_series(8001, 8030) n RETURNING client_id

# rows of a reference table
INSERT INTO k_text SELECT name, code::text FROM countries RETURNING *

# rows of a single table
INSERT INTO k_integer SELECT id + 9000, what FROM audit RETURNING k

# VALUES that are sorted
INSERT INTO k_integer (k, v) VALUES (9101, 'a'), (9102, 'b'), (9103, 'c') ORDER BY 1 LIMIT 2

# TABLE
INSERT INTO other.events (client_id, id) SELECT client_id + 8000, id FROM (TABLE other.events) t

# a set operation
INSERT INTO k_integer SELECT 9201, 'a' UNION ALL SELECT 9202, 'b' UNION SELECT 9203, NULL RETURNING *

# WITH in front
WITH w AS (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) INSERT INTO events (client_id, id, kind) SELECT client_id + 10000, n, 'counted' FROM w

# WITH inside
INSERT INTO events (client_id, id, kind) WITH w AS (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) SELECT client_id + 11000, n, 'counted' FROM w

# literals without a type
INSERT INTO events (client_id, id, kind, at, amount, payload) SELECT client_id + 12000, '1', 'x', '2024-01-01 00:00+00', NULL, '{"a": 1}' FROM events WHERE id = 1

# a key that is a literal without a type
INSERT INTO events (client_id, id, kind) SELECT '13000', n, 'x' FROM generate_series(1, 3) n

# a literal that its column does not take
INSERT INTO events (client_id, id, kind, amount) SELECT client_id + 12000, 2, 'x', 'many' FROM events WHERE id = 1

# types of the user's own, arrays, everything
INSERT INTO wide SELECT w.* FROM (SELECT * FROM wide WHERE client_id < 3) w ON CONFLICT (client_id) DO NOTHING

# the same under other keys
INSERT INTO wide (client_id, "Mixed Case", b, i2, f4, f8, n, n2, m, c5, v5, nm, by, d, t, tz, ts, tstz, iv, u, j, jb, ip, mac, bt, r4, ai, at, aa, md, am, dm, pr, tv, cc) SELECT client_id + 14000, "Mixed Case", b, i2, f4, f8, n, n2, m, c5, v5, nm, by, d, t, tz, ts, tstz, iv, u, j, jb, ip, mac, bt, r4, ai, at, aa, md, am, dm, pr, tv, cc FROM wide

# a number into a smaller type
INSERT INTO order_items (customer, order_id, line, sku, quantity) SELECT 'carried ' || client_id, id, id, kind, id FROM events WHERE id = 1

# a number that does not fit
INSERT INTO order_items (customer, order_id, line, sku) SELECT 'carried ' || client_id, id, 70000, kind FROM events WHERE id = 1

# a value that is too long
INSERT INTO order_items (customer, order_id, line, sku) SELECT 'carried ' || client_id, id, 1, repeat(kind, 10) FROM events WHERE id = 1

# a wrong type
INSERT INTO events (client_id, id, kind) SELECT kind, 1, 'x' FROM events

# too many columns
INSERT INTO events (client_id, id) SELECT client_id, id, kind FROM events

# too few columns
INSERT INTO events (client_id, id, kind) SELECT client_id, id FROM events

# a duplicate
INSERT INTO events (client_id, id, kind) SELECT client_id, 1, kind FROM events WHERE id = 2

# NULL where it may not be
INSERT INTO events (client_id, id, kind) SELECT client_id + 15000, id, NULLIF(kind, 'buy') FROM events WHERE id < 4 AND client_id BETWEEN 1 AND 50

# a NULL key
INSERT INTO events (client_id, id, kind) SELECT NULLIF(client_id, 5), 500, 'x' FROM events WHERE id = 1

# a division by zero
INSERT INTO events (client_id, id, kind, amount) SELECT client_id + 16000, 1, 'x', 1 / (id - 1) FROM events WHERE id = 1

# no rows
INSERT INTO events (client_id, id, kind) SELECT client_id + 1, 1, 'x' FROM events WHERE false RETURNING *

# the key left to its default
INSERT INTO serials (v) SELECT 'same' || id FROM events WHERE id = 1 RETURNING v

# the same in order
INSERT INTO serials (v) SELECT kind || client_id FROM events WHERE id = 1 ORDER BY client_id RETURNING *

# of one shard
INSERT INTO serials (v) SELECT kind FROM events WHERE client_id = 7 ORDER BY id RETURNING *

# of another
INSERT INTO serials (v) SELECT kind FROM events WHERE client_id = 2 ORDER BY id RETURNING *

# of no table
INSERT INTO serials (v) SELECT 'n' || n FROM generate_series(1, 5) n RETURNING *

# a literal without a type
INSERT INTO serials (v) SELECT 'x' FROM events WHERE id = 2 RETURNING v

# a parameter
@params 3
INSERT INTO serials (v) SELECT client_id FROM events WHERE client_id < $1 ORDER BY client_id, id RETURNING *

# grouped
INSERT INTO serials (v) SELECT kind FROM events GROUP BY kind ORDER BY kind RETURNING *

# a WITH, and names that are used twice
WITH e AS (SELECT kind AS q, id FROM events WHERE id < 3) INSERT INTO serials (v) SELECT q.q FROM e q ORDER BY q.q, q.id RETURNING v

# with a conflict that cannot be
INSERT INTO serials (v) SELECT 'again' || id FROM events WHERE id = 1 ON CONFLICT (id) DO NOTHING

# no rows
INSERT INTO serials (v) SELECT kind FROM events WHERE false RETURNING *

# too many expressions
INSERT INTO serials (v) SELECT kind, id FROM events

# a column that is not there
INSERT INTO serials (nope) SELECT kind FROM events

# identity
INSERT INTO identified (v) SELECT kind FROM events WHERE id = 1 ORDER BY client_id RETURNING *

# identity, as an ORM stores several objects
@params a | 0 | b | 1 | c | 2
INSERT INTO identified (v) SELECT p0::varchar FROM (VALUES ($1, $2), ($3, $4), ($5, $6)) AS imp_sen(p0, sen_counter) ORDER BY sen_counter RETURNING identified.id, identified.id AS id__1

# the same with a serial
INSERT INTO serials (v) SELECT p0::varchar FROM (VALUES ('a', 0), ('b', 1)) AS imp_sen(p0, sen_counter) ORDER BY sen_counter RETURNING serials.id, v

# identity, and a value of its own
INSERT INTO identified (id, v) OVERRIDING SYSTEM VALUE SELECT 900000 + client_id, kind FROM events WHERE id = 1 AND client_id < 10 RETURNING id

# defaults that tell the time
INSERT INTO dated (client_id, v) SELECT client_id + 1000, kind FROM events WHERE id = 1 RETURNING client_id, day = CURRENT_DATE, noon = date_trunc('day', now())

# defaults that tell the time, rows that stay
INSERT INTO dated (client_id, v) SELECT client_id, kind FROM events WHERE id = 1 AND client_id > 0

# a trigger that the map vouches for
INSERT INTO stamped (client_id, id, v) SELECT client_id + 5000, id, kind FROM events WHERE id = 1 AND client_id BETWEEN 1 AND 50 RETURNING *

# the key of a range
INSERT INTO instruments (instrument_id, symbol) SELECT client_id * 700, kind FROM events WHERE client_id BETWEEN 1 AND 50 AND id = 1 ON CONFLICT DO NOTHING RETURNING instrument_id

# parameters of the query and of what is behind it
@params 17000 | again | 2
INSERT INTO events (client_id, id, kind) SELECT client_id + $1, id, kind FROM events WHERE id = $3 ON CONFLICT (client_id, id) DO UPDATE SET kind = $2 RETURNING client_id, $2

# a column that is not grouped
INSERT INTO events (client_id, id, kind) SELECT client_id + 18000, id, kind FROM events GROUP BY client_id, id

# groups of one key
INSERT INTO nothing SELECT client_id, count(*)::text || string_agg(kind, ',' ORDER BY id) FROM events GROUP BY client_id RETURNING client_id, v

# rows of a join on equal keys
INSERT INTO events (client_id, id, kind) SELECT s.client_id, 5000 + row_number() OVER (PARTITION BY s.client_id ORDER BY s.session, e.id), e.kind FROM sessions s JOIN events e ON e.client_id = s.client_id

# keys of a nullable side
INSERT INTO nothing SELECT coalesce(s.client_id, -100 - p.client_id), 'v' FROM parents p LEFT JOIN sessions s ON s.client_id = p.client_id GROUP BY 1

# keys that EXISTS picks
INSERT INTO nothing SELECT p.client_id, p.v FROM parents p WHERE NOT EXISTS (SELECT FROM sessions s WHERE s.client_id = p.client_id) RETURNING (SELECT count(*) FROM countries)

# distinct keys
INSERT INTO nothing SELECT DISTINCT client_id, 'once' FROM events

# distinct keys, another column of them
INSERT INTO nothing (v, client_id) SELECT max(kind), id + 10000 FROM events GROUP BY id

# keys of the other table of a join
INSERT INTO nothing SELECT b.client_id, a.v FROM parents a JOIN smaller b ON b.client_id = a.client_id

# keys of a table that is not tied
INSERT INTO nothing SELECT b.client_id + 400, min(a.v) FROM parents a, smaller b WHERE a.client_id = b.client_id + 1 GROUP BY b.client_id

# a view of groups
INSERT INTO nothing SELECT client_id, n::text FROM event_totals WHERE total > 20

# RETURNING looks at rows of the key
INSERT INTO nothing SELECT client_id, v FROM parents RETURNING client_id, (SELECT count(*) FROM sessions s WHERE s.client_id = nothing.client_id)
