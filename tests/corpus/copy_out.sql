@same 44

# a sharded table
COPY events TO STDOUT

# by its schema
COPY public.events TO STDOUT

# of another schema
COPY other.events TO STDOUT

# columns
COPY events (id, kind, client_id) TO STDOUT

# csv
COPY events TO STDOUT WITH (FORMAT csv)

# a line of names
COPY events TO STDOUT WITH (FORMAT csv, HEADER)

# a line of names in text
COPY orders TO STDOUT WITH (HEADER true)

# no line of names
COPY orders TO STDOUT WITH (FORMAT csv, HEADER off)

# as it was written long ago
COPY orders TO STDOUT CSV HEADER

# quotes, delimiters and markers
COPY orders TO STDOUT WITH (FORMAT csv, DELIMITER ';', QUOTE '''', ESCAPE '\', NULL 'nothing', FORCE_QUOTE (note))

# another delimiter
COPY order_items TO STDOUT WITH (DELIMITER '|', NULL '')

# another encoding
COPY market_data TO STDOUT WITH (ENCODING 'latin1')

# types of all kinds
COPY wide TO STDOUT

# types of all kinds, csv
COPY wide TO STDOUT (FORMAT csv, FORCE_QUOTE *)

# a table of ranges
COPY market_data TO STDOUT

# an empty table
COPY nothing TO STDOUT WITH (FORMAT csv, HEADER)

# a query
COPY (SELECT client_id, upper(kind) AS kind FROM events WHERE amount > 10) TO STDOUT WITH (FORMAT csv, HEADER)

# a query with a reference table
COPY (SELECT i.symbol, c.name FROM instruments i JOIN countries c ON c.code = i.country) TO STDOUT

# a query of several keys
COPY (SELECT * FROM events WHERE client_id IN (1, 2, 3, 4)) TO STDOUT

# a query without rows
COPY (SELECT * FROM events WHERE kind = 'nothing') TO STDOUT WITH (FORMAT csv, HEADER)

# a query of one key, in order
COPY (SELECT * FROM events WHERE client_id = 3 ORDER BY id) TO STDOUT

# a query in order
COPY (SELECT * FROM events ORDER BY client_id, id) TO STDOUT

# a query with an aggregate
COPY (SELECT kind, count(*) FROM events GROUP BY kind) TO STDOUT

# a join of sharded tables
COPY (SELECT e.id FROM events e JOIN sessions s USING (client_id)) TO STDOUT

# limited
COPY (SELECT id FROM events LIMIT 5) TO STDOUT

# an error in a row
COPY (SELECT 1 / (id - id) FROM events) TO STDOUT

# a column that is not there
COPY events (nothing) TO STDOUT

# a table that is not there
COPY nowhere TO STDOUT

# a format that is not there
COPY events TO STDOUT WITH (FORMAT nonsense)

# an option that does not fit
COPY events TO STDOUT WITH (FORMAT binary, DELIMITER '|')

# a view
COPY client_events TO STDOUT

# a reference table
COPY countries TO STDOUT

# a table on one shard
COPY audit TO STDOUT

# to a file
COPY events TO '/nowhere'

# what a write returns
COPY (DELETE FROM events WHERE id < 0 RETURNING id) TO STDOUT

# row security
COPY guarded TO STDOUT

# a query in order, with quotes
COPY (SELECT customer, note, total FROM orders ORDER BY customer COLLATE "C", order_id) TO STDOUT WITH (FORMAT csv, HEADER, FORCE_QUOTE (customer), NULL 'nothing', DELIMITER ';', QUOTE '''', ESCAPE '\')

# a query in order, as text with names
COPY (SELECT customer, note, E'tab\tback\\slash\nline', NULL FROM orders ORDER BY customer COLLATE "C", order_id LIMIT 9) TO STDOUT WITH (HEADER, NULL 'null')

# all quoted
COPY (SELECT count(*), max(note), NULL AS n, '' AS e FROM orders) TO STDOUT CSV FORCE QUOTE *

# a value that looks like the end
COPY (SELECT max(v) || E'\\.' FROM (SELECT '' AS v FROM events) e) TO STDOUT CSV

# binary
COPY (SELECT kind, count(*), sum(amount), NULL FROM events GROUP BY kind ORDER BY kind) TO STDOUT WITH (FORMAT binary)

# types of all kinds, in order
COPY (SELECT * FROM wide ORDER BY client_id) TO STDOUT WITH (FORMAT csv)

# two columns of one name
COPY (SELECT e.id, s.client_id, s.client_id FROM events e JOIN sessions s ON s.seconds = e.id ORDER BY 1, 2, e.client_id) TO STDOUT WITH (FORMAT csv, HEADER)

# a column to quote that is not there
COPY (SELECT count(*) FROM events) TO STDOUT WITH (FORMAT csv, FORCE_QUOTE (nothing))

# another encoding for rows of all
COPY (SELECT max(customer) FROM orders) TO STDOUT WITH (ENCODING 'latin1')

# no rows of all
COPY (SELECT kind, count(*) FROM events WHERE kind = 'nothing' GROUP BY kind) TO STDOUT WITH (FORMAT csv, HEADER)

# an error in a row of all
COPY (SELECT sum(1 / (id - id)) FROM events) TO STDOUT

# comments and quotes around a query
copy /* ( */ ( SELECT kind, ')' AS "(" FROM events ORDER BY kind COLLATE "C", client_id, id LIMIT 3 ) -- )
 to stdout

# WITH
COPY (WITH t AS (SELECT kind, count(*) AS n FROM events GROUP BY kind) SELECT * FROM t ORDER BY n, kind) TO STDOUT

# VALUES beside rows of shards
COPY (SELECT max(id) FROM events UNION ALL VALUES (1), (NULL) ORDER BY 1) TO STDOUT

# binary without rows
COPY (SELECT kind, count(*) FROM events WHERE kind = 'nothing' GROUP BY kind ORDER BY 1) TO STDOUT WITH (FORMAT binary)

# a delimiter that is a blank
COPY (SELECT max(note), count(*) FROM orders) TO STDOUT WITH (DELIMITER ' ')
