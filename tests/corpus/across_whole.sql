-- Tables that some shard has as a whole, beside rows of several shards: one snapshot of a shard shows them together.
@same 45

# a reference table, twice
SELECT i.symbol, c.name, d.name FROM instruments i JOIN countries c ON c.code = i.country LEFT JOIN countries d ON d.population < c.population ORDER BY i.instrument_id, d.population NULLS FIRST

# the same, with conditions of its own on each
SELECT count(*) FROM instruments i, countries c, countries d WHERE i.country = c.code AND c.population > 70000000 AND d.population > 100000000 AND d.code <> c.code

# a condition on a reference table
SELECT i.symbol FROM instruments i JOIN countries c ON c.code = i.country WHERE c.name = 'France' ORDER BY i.instrument_id

# a condition on the preserved side
SELECT c.code, count(i.symbol) FROM countries c LEFT JOIN instruments i ON i.country = c.code WHERE c.population IS NULL OR c.population > 100 GROUP BY c.code ORDER BY c.code

# a condition on the nullable side
SELECT i.symbol FROM instruments i LEFT JOIN countries c ON c.code = i.country AND c.code = 'DE' WHERE c.code IS NULL ORDER BY i.instrument_id

# columns with other names
SELECT e.kind, k.label FROM events e JOIN countries k (short, label) ON k.short = upper(left(e.kind, 2)) OR e.id = 2 ORDER BY e.client_id, e.id, k.label

# stars
SELECT c.*, i.symbol FROM instruments i RIGHT JOIN countries c ON c.code = i.country ORDER BY c.code, i.instrument_id

# all stars
SELECT * FROM instruments i JOIN countries c ON c.code = i.country JOIN remarks r ON r.code = c.code ORDER BY instrument_id, remark

# USING and NATURAL
SELECT code, name, remark, count(*) FROM countries NATURAL JOIN remarks, events WHERE events.id = 1 GROUP BY code, name, remark ORDER BY 1, 3

# columns of types of one's own
SELECT t.name, t.moods, t.twice, count(e.id) FROM tags t LEFT JOIN events e ON e.id = t.id GROUP BY t.name, t.moods, t.twice ORDER BY t.name

# an element of such a column
SELECT DISTINCT unnest(t.moods) AS mood FROM tags t JOIN events e ON e.id = t.id ORDER BY mood

# no column at all
SELECT count(*) FROM instruments CROSS JOIN countries CROSS JOIN remarks

# a subquery
SELECT i.symbol, (SELECT string_agg(r.remark, ',' ORDER BY r.remark) FROM remarks r WHERE r.code = i.country) FROM instruments i WHERE i.instrument_id < 30000 ORDER BY i.instrument_id LIMIT 3

# a correlated subquery
SELECT i.symbol, (SELECT string_agg(r.remark, ',' ORDER BY r.remark) FROM remarks r WHERE r.code = i.country) AS said FROM instruments i ORDER BY said NULLS FIRST, i.instrument_id

# NOT IN with NULLs
SELECT count(*) FROM instruments WHERE country NOT IN (SELECT code FROM remarks)

# WITH
WITH big AS (SELECT code, name FROM countries WHERE population > 70000000), n AS (SELECT country, count(*) AS n FROM instruments GROUP BY country) SELECT b.name, n.n FROM big b JOIN n ON n.country = b.code ORDER BY 1

# a WITH part with the name of a reference table
WITH countries AS (SELECT country AS code, count(*) AS n FROM instruments GROUP BY country) SELECT * FROM countries ORDER BY code

# the table inside the part of its name
WITH countries AS (SELECT * FROM countries WHERE code < 'G') SELECT c.code, count(*) FROM countries c JOIN instruments i ON i.country = c.code GROUP BY c.code ORDER BY 1

# WITH RECURSIVE
WITH RECURSIVE steps AS (SELECT code, population, 1 AS n FROM countries WHERE code = 'IS' UNION ALL SELECT c.code, c.population, s.n + 1 FROM steps s JOIN countries c ON c.population > s.population WHERE s.n < 4) SELECT s.code, s.n, count(*) FROM steps s JOIN instruments i ON i.country = s.code GROUP BY s.code, s.n ORDER BY 1, 2

# UNION
SELECT kind FROM events UNION SELECT name FROM countries UNION SELECT what FROM audit ORDER BY 1

# UNION ALL
SELECT count(*) FROM (SELECT client_id FROM events UNION ALL SELECT population FROM countries UNION ALL SELECT id FROM ledger) x

# a view of a reference table
SELECT n.name, count(*) FROM instruments i JOIN country_names n ON n.code = i.country GROUP BY n.name ORDER BY 1

# a view that groups a reference table
SELECT l.letters, l.most, count(*) FROM instruments i JOIN name_lengths l ON l.n = 1 WHERE l.letters > 5 GROUP BY 1, 2 ORDER BY 1

# a view that asks for the time
SELECT count(*), bool_and(d.read_at = now()) FROM instruments i JOIN dated_names d ON d.code = i.country

# the time in the view and in a condition
SELECT count(*) FROM instruments i JOIN dated_names d ON d.code = i.country WHERE d.read_at >= now() AND d.read_at <= now()

# a view of a single table and a reference table
SELECT e.entry, e.name, count(*) FROM entries e JOIN events v ON v.id = e.id GROUP BY 1, 2 ORDER BY 1

# a view of tables of two shards, beside rows of several
SELECT t.what, t.entry, count(v.id) FROM things t LEFT JOIN events v ON v.id = t.id GROUP BY 1, 2 ORDER BY 1

# a single table
SELECT l.entry, count(*) FROM ledger l JOIN events e ON e.id = l.id GROUP BY l.entry ORDER BY 1

# single tables of two shards
SELECT a.what, l.entry FROM audit a JOIN ledger l ON l.id = a.id ORDER BY a.id

# with a condition on each
SELECT a.what, l.entry FROM audit a FULL JOIN ledger l ON l.id = a.id WHERE a.id > 4 OR l.id IN (11, 12) ORDER BY a.id, l.id

# a view of tables of two shards
SELECT * FROM things ORDER BY id

# two shards, with parameters
@params 5 | entry 7
SELECT a.what FROM audit a WHERE a.id > $1 AND EXISTS (SELECT FROM ledger l WHERE l.id = a.id AND l.entry >= $2) ORDER BY a.id

# two shards and a reference table
SELECT a.what, c.name FROM audit a JOIN ledger l USING (id) JOIN countries c ON c.code = l.code ORDER BY a.id

# a set operation of two shards
SELECT id FROM audit EXCEPT SELECT id FROM ledger ORDER BY id

# a subquery of another shard
SELECT (SELECT count(*) FROM audit), (SELECT max(id) FROM ledger)

# a single table of another shard than the key's
SELECT e.id, l.entry FROM events e JOIN ledger l ON l.id = e.id WHERE e.client_id = 3 ORDER BY e.id

# the rows of no shard, beside a reference table
SELECT c.code, i.symbol FROM countries c LEFT JOIN (SELECT * FROM instruments WHERE instrument_id < 0 AND instrument_id > 0) i ON i.country = c.code ORDER BY c.code

# a parameter for a reference table
@params 100000000
SELECT i.symbol, c.name FROM instruments i JOIN countries c ON c.code = i.country WHERE c.population > $1 ORDER BY i.instrument_id

# a row lock of a reference table in a gathered statement
SELECT i.symbol, c.name FROM instruments i JOIN countries c ON c.code = i.country ORDER BY c.name LIMIT 3 FOR SHARE OF c

# a sample
SELECT count(*) FROM instruments i JOIN countries c TABLESAMPLE SYSTEM (100) ON c.code = i.country

# a row as a whole
SELECT count(DISTINCT c), count(i.symbol) FROM countries c JOIN instruments i ON i.country = c.code

# a row as JSON
SELECT row_to_json(c), count(*) FROM countries c JOIN instruments i ON i.country = c.code GROUP BY c.code, c.name, c.population ORDER BY c.code

# a row as text
SELECT c::text, count(*) FROM countries c JOIN instruments i ON i.country = c.code GROUP BY 1 ORDER BY 1

# columns that depend on the primary key
SELECT c.name, count(*) FROM countries c JOIN instruments i ON i.country = c.code GROUP BY c.code ORDER BY c.name

# a system column
SELECT count(DISTINCT c.tableoid) FROM countries c JOIN instruments i ON i.country = c.code

# ONLY
SELECT count(*) FROM ONLY countries c JOIN instruments i ON i.country = c.code

# with its schema
SELECT c.name, count(*) FROM public.countries c JOIN public.instruments i ON i.country = c.code GROUP BY c.name ORDER BY 1

# a star, and a column of the schema
SELECT count(public.countries.name) FROM public.countries JOIN instruments i ON i.country = countries.code

# a text that names our own tables
SELECT 'shardway_1' AS shardway_1, count(*) FROM instruments i JOIN countries c ON c.code = i.country

# a cursor
BEGIN; DECLARE c CURSOR FOR SELECT i.symbol, k.name FROM instruments i JOIN countries k ON k.code = i.country ORDER BY i.instrument_id; FETCH 3 FROM c; COMMIT

# a division by zero in the rest
SELECT c.population / (i.instrument_id - 1) FROM countries c JOIN instruments i ON i.country = c.code ORDER BY 1

# catalogs beside
SELECT (SELECT count(*) FROM pg_class WHERE relname = 'countries'), count(*) FROM instruments i JOIN countries c ON c.code = i.country
