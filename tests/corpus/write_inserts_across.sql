@write
@same 99

# rows of several shards
INSERT INTO events VALUES (900, 1, 'new', 1.25, '2024-02-02 00:00+00', NULL), (901, 1, 'new', NULL, '2024-02-02 00:00+00', NULL), (902, 1, 'new', 3, '2024-02-02 00:00+00', '{"a": [1, 2]}'), (903, 1, 'it''s (', 4, '2024-02-02 00:00+00', NULL), (904, 1, 'a, b', 5, '2024-02-02 00:00+00', NULL)

# a column list in another order, defaults
INSERT INTO events (kind, id, client_id) VALUES ('new', 1, 910), ('old', 1, 911), ('new', 2, 912), ('old', 2, 913), ('x', 3, 910)

# all rows come back in the order they were given
INSERT INTO events (client_id, id, kind) VALUES (925, 5, 'e'), (921, 1, 'a'), (924, 4, 'd'), (922, 2, 'b'), (923, 3, 'c'), (920, 0, 'z') RETURNING *

# expressions in RETURNING
INSERT INTO events AS e (client_id, id, kind) VALUES (931, 1, 'a'), (932, 2, 'b'), (933, 3, 'c'), (934, 4, 'd') RETURNING e.client_id + e.id AS n, upper(kind), e.at::date

# parameters
@params 941 | 942 | 943 | 944 | kind
INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 'a'), ($2, 2, 'b'), ($3, 3, $5), ($4, 4, 'd') RETURNING client_id, kind

# a parameter that stands in two rows
@params 951 | 952 | 953 | same | 4.5
INSERT INTO events (client_id, id, kind, amount) VALUES ($1, 1, $4, $5), ($2, 2, $4, $5 + 1), ($3, 3, 'other', 0)

# a parameter that is the key of two tables' types
@params 961 | 962 | 963
INSERT INTO events (client_id, id, kind) VALUES ($1, $1, 'a'), ($2, $2, 'b'), ($3, $3, 'c') RETURNING *

# a parameter that is key and text
@params 964 | 965 | 966
INSERT INTO events (client_id, id, kind) VALUES ($1, 1, $1::text), ($2, 2, $2::text), ($3, 3, 'x')

# a NULL parameter, and one with a cast
@params 967 | 968 | NULL | 2024-03-03
INSERT INTO events (client_id, id, kind, amount, at) VALUES ($1, 1, 'a', $3, $4::timestamptz), ($2, 2, 'b', $3, $4::timestamptz), (969, 3, 'c', 1, $4::timestamptz)

# DEFAULT cells
INSERT INTO events (client_id, id, kind, at) VALUES (971, 1, 'a', DEFAULT), (972, 1, 'b', '2020-01-01 00:00+00'), (973, 1, 'c', DEFAULT) RETURNING at

# expressions and functions in cells
INSERT INTO events (client_id, id, kind, amount) VALUES (974, 1 + 1, upper('x'), 2 * 3), (975, length('four'), 'a' || 'b', round(2.5)), (976, 7 % 4, lower('Y'), -1) RETURNING *

# casts and negative keys
INSERT INTO events (client_id, id, kind) VALUES (-977, 1, 'a'), ('978'::bigint, 1, 'b'), (979::smallint, 1, 'c'), ('-980', 1, 'd') RETURNING client_id

# dollar quotes, escapes, comments
INSERT INTO events (client_id, id, kind) VALUES (981, 1, $$ ), ( $$), /* (1, 2) */ (982, 1, E'it\'s ('), -- )
 (983, 1, U&'\0061') RETURNING kind

# quoted names
INSERT INTO public."events" AS "E" ("client_id", "id", kind) VALUES (984, 1, 'a'), (985, 1, 'b'), (986, 1, 'c') RETURNING "E".kind

# a column named by its case
INSERT INTO wide (client_id, "Mixed Case", md, ai, dm) VALUES (201, 'a', 'sad', '{1,2}', 3), (202, 'b', 'ok', ARRAY[3, NULL], 4), (203, NULL, NULL, NULL, NULL), (204, 'c', 'happy', '{}', 5) RETURNING client_id, "Mixed Case", md, ai, dm, late

# a subquery over a reference table
INSERT INTO events (client_id, id, kind) VALUES (987, 1, (SELECT name FROM countries WHERE code = 'DE')), (988, 1, (SELECT name FROM countries WHERE code = 'FR')), (989, 1, 'none') RETURNING kind

# an aggregate over a reference table
INSERT INTO events (client_id, id, kind) VALUES (987, 2, (SELECT max(name) FROM countries)), (988, 2, 'x'), (989, 2, 'y')

# a subquery over a sharded table
INSERT INTO events (client_id, id, kind) VALUES (987, 3, (SELECT min(kind) FROM events)), (988, 3, 'x'), (989, 3, 'y')

# the smallest and the largest key
INSERT INTO k_bigint VALUES (-9223372036854775807, 'a'), (9223372036854775806, 'b'), (0, 'c') RETURNING k

# text keys
INSERT INTO orders (customer, order_id, note) VALUES ('new a', 1, 'x'), ('new b', 1, 'y'), ('O''New', 1, 'z'), ('new ☃', 1, NULL), ('new c', 2, '') RETURNING customer, status, total, placed, note

# varchar keys
INSERT INTO k_varchar VALUES ('new a', 'x'), ('new b', 'y'), ('new c', 'z') RETURNING *

# smallint keys
INSERT INTO k_smallint VALUES (101, 'x'), (-102, 'y'), ('103', 'z'), (104, 'w') RETURNING *

# integer keys
INSERT INTO k_integer VALUES (101, 'x'), (-102, 'y'), ('103', 'z'), (104, 'w') RETURNING *

# uuid keys
INSERT INTO k_uuid VALUES ('11111111-1111-1111-1111-111111111111', 'x'), ('{22222222-2222-2222-2222-222222222222}', 'y'), ('33333333333333333333333333333333', 'z'), ('44444444-4444-4444-4444-444444444444'::uuid, 'w') RETURNING *

# date keys
INSERT INTO k_date VALUES ('2031-01-01', 'x'), ('2031-01-02', 'y'), (date '2031-01-03', 'z'), ('2031-01-04', 'w') RETURNING *

# timestamp keys
INSERT INTO k_timestamp VALUES ('2031-01-01 10:00', 'x'), ('2031-01-02 11:00:00.5', 'y'), ('2031-01-03', 'z') RETURNING *

# timestamptz keys
INSERT INTO k_timestamptz VALUES ('2031-01-01 10:00+00', 'x'), ('2031-01-02 11:00:00.5+02', 'y'), ('2031-01-03 00:00Z', 'z') RETURNING *

# numeric keys
INSERT INTO k_numeric VALUES (1001.5, 'x'), (1002.50, 'y'), ('1003', 'z'), (-1004, 'w') RETURNING *

# uuid keys as parameters
@params 51111111-1111-1111-1111-111111111111 | 52222222-2222-2222-2222-222222222222 | 53333333-3333-3333-3333-333333333333
INSERT INTO k_uuid VALUES ($1, 'x'), ($2, 'y'), ($3, 'z') RETURNING k

# ranges
INSERT INTO instruments VALUES (17, 'A', 'DE'), (15017, 'B', 'FR'), (25017, 'C', NULL) RETURNING *

# date ranges
INSERT INTO readings VALUES ('2022-01-01', 9, 1.5), ('2024-02-01', 9, 2.5), ('2025-01-01', 9, 'NaN') RETURNING *

# a NULL key among them
INSERT INTO events (client_id, id, kind) VALUES (990, 1, 'a'), (NULL, 1, 'b'), (991, 1, 'c')

# a key left out whose column has no default
INSERT INTO events (id, kind) VALUES (1, 'a'), (2, 'b')

# a duplicate in the third row
INSERT INTO events (client_id, id, kind) VALUES (992, 1, 'a'), (993, 1, 'b'), (1, 1, 'dup'), (994, 1, 'd')

# a duplicate of another row
INSERT INTO events (client_id, id, kind) VALUES (992, 2, 'a'), (993, 2, 'b'), (992, 2, 'dup')

# NULL where it may not be, in the third row
INSERT INTO events (client_id, id, kind) VALUES (992, 1, 'a'), (993, 1, 'b'), (994, 1, NULL)

# a bad number in the third row
INSERT INTO events (client_id, id, kind) VALUES (992, 1, 'a'), (993, 1, 'b'), (994, 'many', 'c')

# a bad key in the third row
INSERT INTO events (client_id, id, kind) VALUES (992, 1, 'a'), (993, 1, 'b'), ('many', 1, 'c')

# a number out of range in the third row
INSERT INTO order_items (customer, order_id, line, sku) VALUES ('new a', 1, 1, 'a'), ('new b', 1, 1, 'b'), ('new c', 1, 70000, 'c')

# a value that is too long
INSERT INTO order_items (customer, order_id, line, sku) VALUES ('new a', 1, 1, 'a'), ('new b', 1, 1, repeat('b', 30)), ('new c', 1, 1, 'c')

# a check of a domain
INSERT INTO wide (client_id, dm) VALUES (205, 1), (206, 0), (207, 2)

# a division by zero in a cell
INSERT INTO events (client_id, id, kind, amount) VALUES (995, 1, 'a', 1), (996, 1, 'b', 1 / 0), (997, 1, 'c', 1)

# a division by zero in a key
INSERT INTO events (client_id, id, kind) VALUES (995, 1, 'a'), (1 / (1 - 1), 1, 'b')

# a wrong type
INSERT INTO events (client_id, id, kind, amount) VALUES (992, 1, 'a', 1), (993, 1, 'b', true), (994, 1, 'c', 2)

# too many values
INSERT INTO events (client_id, id) VALUES (992, 1, 'x'), (993, 1, 'y'), (994, 1, 'z')

# too few values
INSERT INTO events (client_id, id, kind) VALUES (992, 1), (993, 1), (994, 1)

# rows of different lengths
INSERT INTO events (client_id, id, kind) VALUES (992, 1, 'a'), (993, 1), (994, 1, 'c')

# a column that does not exist
INSERT INTO events (client_id, id, nope) VALUES (992, 1, 'a'), (993, 1, 'b'), (994, 1, 'c')

# a column in RETURNING that does not exist
INSERT INTO events (client_id, id, kind) VALUES (992, 1, 'a'), (993, 1, 'b'), (994, 1, 'c') RETURNING nope

# a function that does not exist
INSERT INTO events (client_id, id, kind) VALUES (992, 1, nope('a')), (993, 1, 'b'), (994, 1, 'c')

# ON CONFLICT DO NOTHING
INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'dup'), (998, 1, 'b'), (2, 1, 'dup'), (999, 1, 'c') ON CONFLICT DO NOTHING

# ON CONFLICT DO NOTHING with RETURNING
INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'dup'), (998, 2, 'b'), (2, 1, 'dup'), (999, 2, 'c') ON CONFLICT (client_id, id) DO NOTHING RETURNING client_id, id, kind

# ON CONFLICT DO UPDATE
INSERT INTO events (client_id, id, kind, amount) VALUES (3, 1, 'up', 1), (998, 3, 'new', 2), (4, 1, 'up', 3), (5, 1, 'up', 4) ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind || '!', amount = events.amount + excluded.amount RETURNING *

# ON CONFLICT DO UPDATE WHERE
INSERT INTO events AS e (client_id, id, kind, amount) VALUES (3, 1, 'up', 1), (998, 4, 'new', 2), (4, 1, 'up', 3) ON CONFLICT (client_id, id) DO UPDATE SET kind = 'kept' WHERE e.client_id = 4 RETURNING client_id

# ON CONFLICT ON CONSTRAINT
INSERT INTO events (client_id, id, kind) VALUES (3, 1, 'up'), (998, 5, 'new'), (4, 1, 'up') ON CONFLICT ON CONSTRAINT events_pkey DO UPDATE SET kind = excluded.kind

# ON CONFLICT with a parameter
@params 7.25 | 6
INSERT INTO events (client_id, id, kind, amount) VALUES ($2, 1, 'up', 1), (998, 6, 'new', 2), (8, 1, 'up', 3) ON CONFLICT (client_id, id) DO UPDATE SET amount = $1 RETURNING amount

# a row that would be updated twice
INSERT INTO events (client_id, id, kind) VALUES (3, 1, 'a'), (4, 1, 'b'), (3, 1, 'c') ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind

# ON CONFLICT without the key
INSERT INTO registered VALUES (1, 'client1@example.org', 'v'), (71, 'new1', 'v'), (72, 'new2', 'v') ON CONFLICT (email) DO NOTHING

# keys that are computed
INSERT INTO events (client_id, id, kind) VALUES (1000 + 1, 1, 'a'), (1000 + 2, 2, 'b'), (length('four') + 1000, 3, 'c'), (1000, 4, 'd') RETURNING client_id, id

# one key that is computed
INSERT INTO events (client_id, id, kind) VALUES (1010 + 1, 1, 'a') RETURNING *

# keys that are computed of parameters
@params 1020 | 3 | 1030
INSERT INTO events (client_id, id, kind) VALUES ($1 + 1, $2, 'a'), ($1 + 2, $2, 'b'), ($3, $2, 'c') RETURNING client_id, id

# a text key that is computed
INSERT INTO orders (customer, order_id) VALUES ('new ' || 'x', 1), (upper('new y'), 1), (lower('NEW Z'), 2) RETURNING customer

# a uuid key that is computed
INSERT INTO k_uuid VALUES (md5('computed a')::uuid, 'a'), (md5('computed b')::uuid, 'b') RETURNING *

# a date key that is computed
INSERT INTO k_date VALUES (date '2032-01-01' + 1, 'a'), (make_date(2032, 2, 2), 'b') RETURNING *

# a key of another type that is computed
INSERT INTO events (client_id, id, kind) VALUES (twice(520), 1, 'a'), (1041::numeric + 1, 1, 'b'), (abs(-1043)::smallint, 1, 'c') RETURNING client_id

# a key that is computed to NULL
INSERT INTO events (client_id, id, kind) VALUES (NULLIF(1, 1), 1, 'a'), (1050, 1, 'b')

# a key that is a choice
INSERT INTO k_integer VALUES (CASE WHEN true THEN 1061 ELSE 1062 END, 'a'), (coalesce(NULL, 1063), 'b'), (greatest(1064, 5), 'c') RETURNING *

# a key that is a subquery over a reference table
INSERT INTO k_integer SELECT 1, 'x' WHERE false

# a key out of a reference table
INSERT INTO k_text VALUES ((SELECT name || ' new' FROM countries WHERE code = 'DE'), 'a'), ('plain new', 'b') RETURNING *

# a key of the wrong type that is computed
INSERT INTO events (client_id, id, kind) VALUES ('a' || 'b', 1, 'a'), (1, 100, 'b')

# the time is one for all rows
INSERT INTO audit SELECT 100, 'x', NULL WHERE false

# a moment as a condition
INSERT INTO events (client_id, id, kind, at) VALUES (1071, 1, CASE WHEN now() = CURRENT_TIMESTAMP THEN 'same' ELSE 'other' END, '2024-01-01 00:00+00'), (1072, 1, CASE WHEN now() > '2020-01-01' THEN 'later' ELSE 'earlier' END, '2024-01-01 00:00+00') RETURNING kind, now() = transaction_timestamp() AS same

# a moment as a date
INSERT INTO events (client_id, id, kind) VALUES (1073, 1, (CURRENT_DATE - CURRENT_DATE)::text), (1074, 1, (LOCALTIMESTAMP(0) - LOCALTIMESTAMP(0))::text), (1075, 1, CURRENT_USER) RETURNING kind

# a string that means a moment
INSERT INTO events (client_id, id, kind, at) VALUES (1076, 1, 'now', 'now'), (1077, 1, 'today', 'now')

# strings that mean a moment elsewhere
INSERT INTO events (client_id, id, kind) VALUES (1078, 1, 'now'), (1079, 1, 'today'), (1080, 1, 'now what') RETURNING kind

# a trigger that the map vouches for
INSERT INTO stamped VALUES (71, 1, 'a'), (72, 1, 'b'), (73, 1, 'c') RETURNING *

# a trigger that changes the key
INSERT INTO watched VALUES (71, 1, 'a'), (72, 1, 'b'), (73, 1, 'c')

# a default that looks at tables
INSERT INTO counted (client_id, id) VALUES (71, 1), (72, 1), (73, 1)

# a default that is not used
INSERT INTO counted VALUES (71, 2, 'a'), (72, 2, 'b'), (73, 2, 'c') RETURNING *

# another schema
INSERT INTO other.events VALUES (71, 1, 'a'), (72, 1, 'b'), (73, 1, 'c') RETURNING *

# WITH in front
WITH w AS (SELECT 1 AS a) INSERT INTO events (client_id, id, kind) VALUES (1081, 1, 'a'), (1082, 1, 'b')

# a single row with a DEFAULT VALUES
INSERT INTO events DEFAULT VALUES

# a key that changes its size
INSERT INTO rounded VALUES (1001.5, 'x'), (1002.25, 'y'), (1003, 'z') RETURNING *

# a key that is rounded
INSERT INTO rounded VALUES (1001.555, 'x'), (1002.2, 'y')

# a smaller type of key
INSERT INTO smaller VALUES (1001, 'x'), (1002, 'y'), (1003, 'z'), (2147483648, 'too large')

# many rows
INSERT INTO nothing VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e'), (6, 'f'), (7, 'g'), (8, 'h'), (9, 'i'), (10, 'j'), (11, 'k'), (12, 'l'), (13, 'm'), (14, 'n'), (15, 'o'), (16, 'p'), (17, 'q'), (18, 'r'), (19, 's'), (20, 't'), (42, 'pinned') RETURNING client_id, v

# keys of a sequence
INSERT INTO serials (v) VALUES ('a'), ('b'), ('c'), ('d') RETURNING *

# the key of a sequence, one row
INSERT INTO serials (v) VALUES ('one') RETURNING id

# the key of a sequence and a parameter
@params text
INSERT INTO serials (v) VALUES ($1) RETURNING id, v

# the key of a sequence in some rows
INSERT INTO serials VALUES (DEFAULT, 'a'), (500000, 'b'), (DEFAULT, 'c') RETURNING *

# a sequence by its name
INSERT INTO serials (v, id) VALUES ('a', nextval('serials_id_seq')), ('b', nextval('serials_id_seq') + 1000000) RETURNING *

# nothing but defaults
INSERT INTO serials DEFAULT VALUES RETURNING *

# fewer values than columns
INSERT INTO serials VALUES (600001), (600002), (DEFAULT) RETURNING *

# keys of an identity column
INSERT INTO identified (v) VALUES ('a'), ('b'), ('c') RETURNING *

# an identity column whose DEFAULT is written
INSERT INTO identified VALUES (DEFAULT, 'a'), (DEFAULT, 'b') RETURNING v, id

# nothing but an identity column
INSERT INTO identified DEFAULT VALUES RETURNING id

# an identity column that is given
INSERT INTO identified VALUES (700001, 'a'), (700002, 'b'), (700003, 'c')

# an identity column that is given and computed
INSERT INTO identified VALUES (700000 + 1, 'a')

# an identity column that is given in some rows
INSERT INTO identified VALUES (DEFAULT, 'a'), (700002, 'b')

# OVERRIDING SYSTEM VALUE
INSERT INTO identified (id, v) OVERRIDING SYSTEM VALUE VALUES (700001, 'a'), (700002, 'b'), (700003, 'c') RETURNING id

# ON CONFLICT of keys from a sequence
INSERT INTO serials (v) VALUES ('a'), ('b') ON CONFLICT (id) DO UPDATE SET v = 'again' RETURNING v

# defaults that tell the time
INSERT INTO dated (client_id, v) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd') RETURNING *

# the same without a column list
INSERT INTO dated VALUES (11, 'a'), (12, 'b'), (13, 'c') RETURNING *

# the same with DEFAULT written
INSERT INTO dated (day, client_id, noon, v) VALUES (DEFAULT, 21, DEFAULT, 'a'), ('2024-01-01', 22, DEFAULT, 'b'), (DEFAULT, 23, '2024-01-01', DEFAULT) RETURNING *

# the same with parameters
@params 31 | 32 | x
INSERT INTO dated (client_id, v, note) VALUES ($1, $3, DEFAULT), ($2, $3, 'y') RETURNING client_id, v, day = CURRENT_DATE AS today, note

# the same when there is a conflict
INSERT INTO dated (client_id, v) VALUES (1, 'a'), (41, 'b'), (2, 'c') ON CONFLICT (client_id) DO UPDATE SET v = 'again', day = CURRENT_DATE, noon = date_trunc('day', now()) RETURNING *

# OVERRIDING USER VALUE
INSERT INTO serials (id, v) OVERRIDING USER VALUE VALUES (1, 'a'), (2, 'b')

# a value that another shard has
INSERT INTO registered VALUES (73, 'client1@example.org', 'v')

# a value that another shard has, by an UPDATE
UPDATE registered SET email = 'client1@example.org' WHERE client_id = 2

# a column that need not be unique
UPDATE registered SET v = 'changed' WHERE client_id = 2 RETURNING *

# what only a row of one server has
INSERT INTO events (client_id, id, kind) VALUES (1091, 1, 'a'), (1092, 1, 'b'), (1093, 1, 'c') RETURNING tableoid

# a row as a whole
INSERT INTO events (client_id, id, kind) VALUES (1094, 1, 'a'), (1095, 1, 'b'), (1096, 1, 'c') RETURNING events::text

# which of them are new
INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'again'), (1101, 1, 'x'), (2, 1, 'again'), (1102, 1, 'y') ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind RETURNING client_id, (xmax = 0) AS inserted

# the same, as text
INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'again'), (1103, 1, 'x'), (3, 1, 'again') ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind RETURNING xmax::text = '0', client_id

# rows of a query, which of them are new
INSERT INTO events (client_id, id, kind) SELECT client_id, 1 + seconds % 2 * 7000, 'from' FROM sessions WHERE client_id < 9 ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind RETURNING client_id, id, events.xmax = 0

# the number of a transaction
INSERT INTO events (client_id, id, kind) VALUES (1, 1, 'again'), (1104, 1, 'x'), (3, 1, 'again') ON CONFLICT (client_id, id) DO UPDATE SET kind = excluded.kind RETURNING xmax <> 0, xmax = 0
