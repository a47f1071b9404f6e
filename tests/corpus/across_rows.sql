@same 72

# the row as a whole
SELECT e FROM events e

# sorted
SELECT e FROM events e ORDER BY client_id, id

# sorted by itself
SELECT client_id, id FROM events e ORDER BY e DESC LIMIT 7

# without an alias
SELECT events FROM events ORDER BY client_id, id LIMIT 3

# beside its columns
SELECT id, e, e.kind, e.* FROM events e ORDER BY client_id, id LIMIT 3

# a field of it
SELECT (e).kind, (e).client_id FROM events e ORDER BY 2, 1 LIMIT 5

# all of its fields
SELECT (e).* FROM events e ORDER BY client_id, id LIMIT 5

# as text
SELECT e::text FROM events e ORDER BY 1 LIMIT 5

# its type
SELECT DISTINCT pg_typeof(e), pg_typeof(e.*), pg_typeof(ROW(e.*)) FROM events e

# an array of them
SELECT array_agg(e ORDER BY client_id, id) FROM events e WHERE kind = 'buy'

# an array of them, with a star
SELECT array_agg(e.* ORDER BY client_id, id) FROM events e WHERE kind = 'buy'

# counted
SELECT count(e), count(e.*), count(DISTINCT e.kind) FROM events e

# counted once
SELECT count(DISTINCT s) FROM sessions s

# as JSON
SELECT row_to_json(e), to_jsonb(e.*) FROM events e ORDER BY client_id, id LIMIT 3

# as JSON, with other names
SELECT row_to_json(e) FROM events AS e(a, b) ORDER BY a, b LIMIT 3

# as JSON, written as a column
SELECT e.row_to_json FROM events e ORDER BY client_id, id LIMIT 3

# as JSON, written as a column of the largest
SELECT max(e.to_json::text) FROM events e

# in a row
SELECT ROW(e, 1), ROW(e.*, 1) FROM events e ORDER BY client_id, id LIMIT 3

# NULL or not
SELECT count(*) FROM events e WHERE e IS NOT NULL

# all NULL or not
SELECT count(*) FILTER (WHERE e IS NULL), count(*) FILTER (WHERE NOT e IS NULL) FROM events e

# of an outer join
SELECT e.client_id, s FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id AND s.seconds > e.id * 100 ORDER BY e.client_id, e.id, s LIMIT 20

# both sides of an outer join
SELECT o.client_id, e.id, o, e FROM other.events o FULL JOIN events e ON o.id = e.id + 3 ORDER BY 1, 2, 3, 4

# compared
SELECT count(*) FROM events a JOIN events b ON a = b

# compared with a row of values
SELECT count(*) FROM sessions s WHERE s > ROW(5::bigint, '00000000-0000-0000-0000-000000000000'::uuid, '2024-01-01'::timestamp, 4)::sessions

# one of them
SELECT count(*) FROM events e WHERE e IN (SELECT x FROM events x WHERE x.kind = 'buy')

# distinct
SELECT DISTINCT e FROM events e ORDER BY e LIMIT 4

# first of each group
SELECT DISTINCT ON (kind) kind, e FROM events e ORDER BY kind, client_id, id

# grouped by
SELECT e, count(*) FROM events e GROUP BY e ORDER BY e LIMIT 4

# of a subquery
SELECT t FROM (SELECT client_id, id FROM events) t ORDER BY t LIMIT 4

# out of a subquery
SELECT (t.e).kind, t.e FROM (SELECT e FROM events e) t ORDER BY t.e LIMIT 4

# of a part of WITH
WITH t AS (SELECT e FROM events e WHERE id < 3) SELECT count(*), min((e).client_id) FROM t

# correlated
SELECT c.name, (SELECT i FROM instruments i WHERE i.country = c.code ORDER BY instrument_id LIMIT 1) FROM countries c ORDER BY 1

# one row of a reference table for each
SELECT e.id, c FROM events e JOIN countries c ON length(c.name) = e.id ORDER BY e.client_id, e.id, c.code LIMIT 9

# in a CASE
SELECT CASE WHEN id > 2 THEN e END FROM events e ORDER BY client_id, id LIMIT 5

# coalesced
SELECT coalesce(s, ROW(0, NULL, NULL, NULL)::sessions) FROM events e LEFT JOIN sessions s USING (client_id) ORDER BY e.client_id, e.id, s LIMIT 5

# cast to its own type
SELECT (e.*)::events FROM events e ORDER BY client_id, id LIMIT 3

# a window over rows
SELECT id, lag(e) OVER (ORDER BY client_id, id) FROM events e ORDER BY client_id, id LIMIT 4

# of a view
SELECT v FROM big_events v ORDER BY owner, id LIMIT 4

# of a table in another schema
SELECT o FROM other.events o ORDER BY client_id, id LIMIT 4

# of two tables with one name
SELECT o.client_id, e, o FROM other.events o JOIN events e USING (client_id) ORDER BY e, o LIMIT 4

# of all kinds of columns
SELECT w FROM wide w ORDER BY client_id

# of all kinds of columns, of the last
SELECT (array_agg(w ORDER BY client_id DESC))[1] FROM wide w

# the name of a table and of a column
SELECT v FROM registered v ORDER BY client_id

# the name of a column of another table
SELECT kind FROM sessions kind ORDER BY kind LIMIT 3

# in a condition
SELECT id FROM events e WHERE row_to_json(e)::text LIKE '%buy%' ORDER BY client_id, id

# by parameters
@params buy
SELECT e FROM events e WHERE kind = $1 ORDER BY client_id, id

# set operations
SELECT e FROM events e WHERE id = 1 UNION SELECT e FROM events e WHERE id = 2 ORDER BY 1

# grouped by its primary key
SELECT client_id, id, kind, count(*) FROM events GROUP BY client_id, id ORDER BY 1, 2 LIMIT 9

# by its primary key, all columns
SELECT e.*, count(*) FROM events e GROUP BY e.client_id, e.id ORDER BY 1, 2 LIMIT 9

# by its primary key, as a whole
SELECT e, count(s.session) FROM events e LEFT JOIN sessions s USING (client_id) GROUP BY e.client_id, e.id ORDER BY 1 LIMIT 9

# by its primary key in a join
SELECT o.customer, o.order_id, o.status, sum(i.quantity) FROM orders o JOIN order_items i ON i.customer = o.customer AND i.order_id = o.order_id GROUP BY o.customer, o.order_id ORDER BY 1, 2

# by positions
SELECT client_id, id, kind, amount FROM events GROUP BY 1, 2 ORDER BY 1, 2

# by names of the answer
SELECT client_id AS c, id AS i, kind FROM events GROUP BY c, i ORDER BY 1, 2

# in parentheses
SELECT client_id, id, kind FROM events GROUP BY (client_id), id ORDER BY 1, 2

# in HAVING and ORDER BY alone
SELECT client_id, id FROM events GROUP BY client_id, id HAVING kind <> 'buy' ORDER BY amount NULLS FIRST, client_id, id

# in a correlated subquery
SELECT client_id, id, (SELECT count(*) FROM sessions s WHERE s.started < e.at) FROM events e GROUP BY client_id, id ORDER BY 1, 2

# in a subquery
SELECT kind, count(*) FROM (SELECT kind, id FROM events GROUP BY client_id, id) t GROUP BY kind ORDER BY 1

# with another table's columns too
SELECT e.client_id, e.id, e.kind, s.seconds FROM events e JOIN sessions s ON s.client_id = e.client_id GROUP BY e.client_id, e.id, s.client_id, s.session ORDER BY 1, 2, 4

# ungrouped in the end
SELECT client_id, kind FROM events GROUP BY client_id

# ungrouped with half of the key
SELECT id, amount FROM events GROUP BY id

# ungrouped, of the other table
SELECT e.client_id, e.id, s.seconds FROM events e JOIN sessions s USING (client_id) GROUP BY e.client_id, e.id

# over nothing
SELECT client_id, count(*) FROM events

# sets of the key
SELECT client_id, id, kind, count(*) FROM events GROUP BY ROLLUP (client_id, id) ORDER BY 1, 2, 3

# windows over groups
SELECT client_id, id, amount, rank() OVER (ORDER BY amount, client_id, id) FROM events GROUP BY client_id, id ORDER BY 4 LIMIT 9

# only
SELECT count(*), sum(id) FROM ONLY events

# only, in parentheses, under another name
SELECT e.id FROM ONLY (events) e ORDER BY client_id, id

# with all that inherits
SELECT max(id) FROM events *

# TABLE
TABLE nothing UNION ALL SELECT client_id, 'x' FROM events ORDER BY 1

# TABLE in a subquery
SELECT max(client_id) FROM (TABLE other.events) t

# columns with schema and table
SELECT public.events.id, "public"."events"."kind" FROM public.events ORDER BY public.events.client_id, public.events.id LIMIT 5

# columns with schema and table, and conditions
SELECT count(*) FROM public.events WHERE public.events.id = 2 AND "public"."events"."client_id" > 3

# all columns with schema and table
SELECT public.events.* FROM public.events ORDER BY public.events.client_id, public.events.id LIMIT 5

# two tables with one name
SELECT count(*), sum(other.events.id), sum(public.events.id) FROM public.events, other.events WHERE public.events.client_id = other.events.client_id

# the schema tells the outer table
SELECT count(*) FROM public.events WHERE EXISTS (SELECT 1 FROM other.events WHERE other.events.client_id = public.events.client_id)

# a column of a view, with its schema
SELECT public.big_events.amount FROM public.big_events ORDER BY 1, public.big_events.id

# as JSON, grouped by its primary key
SELECT row_to_json(e), count(*) FROM events e GROUP BY client_id, id ORDER BY client_id, id LIMIT 3

# how a value is stored is not told by what is fetched of it
SELECT client_id, id, pg_column_size(kind) + pg_column_size(amount) FROM events WHERE id < 5
