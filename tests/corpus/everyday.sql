@same 70

# nothing
SELECT 1

# no columns
SELECT

# text and types
SELECT 1 AS a, 'x' AS b, 1.5 AS c, true AS d, NULL AS e, 1::bigint AS f

# version
SELECT version() IS NOT NULL

# recovery
SELECT pg_is_in_recovery()

# database and user
SELECT current_database(), current_user, session_user

# schema
SELECT current_schema(), current_schemas(false)

# application name
SELECT current_setting('application_name')

# show
SHOW server_version

# show search_path
SHOW search_path

# show timezone
SHOW TimeZone

# show transaction isolation
SHOW transaction_isolation

# show standard strings
SHOW standard_conforming_strings

# show nonsense
SHOW no_such_setting

# show all has many rows
SELECT count(*) > 100 FROM pg_settings

# arithmetic error
SELECT 1/0

# syntax error
SELECT FROM WHERE

# unknown column
SELECT nope FROM events WHERE client_id = 7

# unknown table
SELECT * FROM nope

# unknown function
SELECT nope(1)

# unknown schema
SELECT * FROM nope.events WHERE client_id = 7

# ambiguous column
SELECT client_id FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE e.client_id = 7

# type mismatch
SELECT * FROM events WHERE client_id = 7 AND kind = 7

# aggregate without group
SELECT kind, count(*) FROM events WHERE client_id = 7

# empty
;

# comment only
/* nothing */

# line comment only
-- nothing

# leading comment
/* a comment */ SELECT id FROM events WHERE client_id = 7 AND id = 1

# nested comment
SELECT /* a /* nested */ one */ id FROM events WHERE client_id = 7 AND id = 1

# comment with a quote
SELECT id -- it's
FROM events WHERE client_id = 7 AND id = 1

# comment with a number
SELECT id FROM events WHERE /* 8 */ client_id = /* 9 */ 7 -- 10

# no blanks
SELECT id FROM events WHERE client_id=7AND id=1

# many blanks
  SELECT   id
FROM	events   WHERE client_id   =    7

# semicolon
SELECT id FROM events WHERE client_id = 7 AND id = 1;

# two semicolons
SELECT id FROM events WHERE client_id = 7 AND id = 1;;

# escape string
SELECT order_id FROM orders WHERE customer = E'customer\x207'

# escape string with a quote
SELECT order_id FROM orders WHERE customer = E'O\'Brien'

# escape string with unicode
SELECT order_id FROM orders WHERE customer = E'na\u00efve \u2603'

# unicode string
SELECT order_id FROM orders WHERE customer = U&'na\00efve \2603'

# dollar quotes
SELECT order_id FROM orders WHERE customer = $$customer 7$$

# dollar quotes with a tag
SELECT order_id FROM orders WHERE customer = $tag$O'Brien$tag$

# backslash in a plain string
SELECT order_id FROM orders WHERE customer = 'back\slash'

# strings put together over lines
SELECT order_id FROM orders WHERE customer = 'customer'
' 7'

# national string
SELECT order_id FROM orders WHERE customer = N'customer 7'

# bit string
SELECT B'101', X'1F'

# numbers
SELECT 1, 1., .5, 1e3, 1.5e-3, 00012, 2147483647, 2147483648, 9223372036854775808

# negative numbers
SELECT -1, - 1, -(-1), 1-1, 1 -1, 1- 1

# operators
SELECT 1<2, 1<=2, 2>=1, 1<>2, 1!=2, 5%3, 2^3, @-5, |/16, 5&3, 5|3, ~1

# operator glued to minus
SELECT 3*-2, 3-(-2), 3=-3

# operator followed by a comment
SELECT 1+/* plus */2, 1-- minus
+2

# quoted identifiers
SELECT 1 AS "a b", 2 AS "A""B", 3 AS U&"\0041"

# keywords as names
SELECT 1 AS "select", 2 AS year, 3 AS value

# positional parameters that look like money
SELECT '$1', $$ $2 $$

# json operators
SELECT '{"a":[1,2]}'::jsonb #>> '{a,0}', '{"a":1}'::jsonb ? 'a', '[1]'::jsonb @> '1'

# casts
SELECT '1'::int, CAST('1' AS text), int '5', date '2024-01-01', interval '1' day

# array subscript and slice
SELECT (ARRAY[1,2,3])[2], (ARRAY[1,2,3])[1:2]

# colon equals
SELECT make_interval(days := 3), make_interval(hours => 2)

# boolean words
SELECT true AND NOT false, NULL IS UNKNOWN

# between symmetrical words
SELECT 3 BETWEEN 1 AND 5 AND true

# unicode text
SELECT 'ä☃𝄞' AS "ü", length('ä☃𝄞')

# long text
SELECT length(repeat('x', 100000))

# many columns
SELECT * FROM generate_series(1, 3) a, generate_series(1, 2) b

# types and binary formats
SELECT 1::smallint, 1::int, 1::bigint, 1.5::real, 1.5::float8, 12345.678::numeric, 'a'::char(3), 'b'::varchar, true, '2024-01-01'::date, '12:34:56'::time, '2024-01-01 12:34:56.789'::timestamp, '1 day 2 hours'::interval, '\xdeadbeef'::bytea, '10.0.0.1'::inet, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, '{1,2}'::int[], '[1,5)'::int4range, '(1,2)'::point

# catalog
SELECT relname FROM pg_class WHERE relname = 'events' AND relnamespace = 'public'::regnamespace

# catalog join
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relname = 'events' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 ORDER BY a.attnum

# information schema
SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'events' ORDER BY ordinal_position

# regclass
SELECT 'events'::regclass::text, to_regclass('nope') IS NULL

# has privilege
SELECT has_table_privilege('events', 'SELECT')

# reference table
SELECT * FROM countries ORDER BY code

# reference table aggregate
SELECT count(*), sum(population) FROM countries

# reference table group
SELECT left(name, 1), count(*) FROM countries GROUP BY 1 ORDER BY 1

# reference table self join with limit
SELECT a.name FROM countries a ORDER BY a.population DESC NULLS LAST LIMIT 2

# single table
SELECT * FROM audit ORDER BY id

# single table aggregate
SELECT count(*), max(what) FROM audit

# generate series
SELECT sum(n) FROM generate_series(1, 1000) n

# session functions
SELECT pg_backend_pid() > 0

# time is time
SELECT now() = transaction_timestamp(), clock_timestamp() >= now()

# random is random
SELECT random() < 1

# set in a transaction and look
BEGIN; SET LOCAL work_mem = '7MB'; SHOW work_mem; COMMIT

# work_mem is back
SHOW work_mem

# set_config local
SELECT set_config('work_mem', '8MB', true)

# explain without costs of a constant
EXPLAIN (COSTS OFF) SELECT 1 FROM nope

# explain of a bad statement
EXPLAIN SELECT nope

# begin and end
BEGIN; SELECT 1; END

# rollback
BEGIN; SELECT 1/0; SELECT 2; ROLLBACK

# commit of a failed transaction
BEGIN; SELECT 1/0; COMMIT

# commit outside
COMMIT

# rollback outside
ROLLBACK

# savepoint outside
SAVEPOINT s

# transaction over two clients of two shards, reading
BEGIN; SELECT count(*) FROM events WHERE client_id = 1; SELECT count(*) FROM events WHERE client_id = 2; SELECT count(*) FROM events WHERE client_id = 3; SELECT count(*) FROM events WHERE client_id = 4; COMMIT

# read only transaction
BEGIN READ ONLY; SELECT count(*) FROM events WHERE client_id = 7; COMMIT

# a write in a read only transaction
BEGIN READ ONLY; INSERT INTO events (client_id, id, kind) VALUES (7, 99, 'x'); ROLLBACK

# repeatable read
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM events WHERE client_id = 7; COMMIT

# prepare and execute
PREPARE p AS SELECT id FROM events WHERE client_id = 7; EXECUTE p; DEALLOCATE p

# prepare with a parameter
PREPARE p (bigint) AS SELECT id FROM events WHERE client_id = $1; EXECUTE p (7); EXECUTE p (8); DEALLOCATE p

# prepare with an untyped parameter
PREPARE p AS SELECT id FROM events WHERE client_id = $1; EXECUTE p ('7'); DEALLOCATE p

# execute with an expression
PREPARE p (bigint) AS SELECT id FROM events WHERE client_id = $1; EXECUTE p (3 + 4); DEALLOCATE p

# execute an unknown one
EXECUTE nope

# deallocate an unknown one
DEALLOCATE nope

# deallocate all
DEALLOCATE ALL

# prepare the same name twice
PREPARE twice AS SELECT 1; PREPARE twice AS SELECT 2; DEALLOCATE twice

# the name is free again
DEALLOCATE ALL; PREPARE twice AS SELECT 2; EXECUTE twice; DEALLOCATE twice

# execute with too few arguments
PREPARE few (bigint) AS SELECT id FROM events WHERE client_id = $1; EXECUTE few; DEALLOCATE few

# clean up after it
DEALLOCATE ALL

# declare, fetch, close
BEGIN; DECLARE c CURSOR FOR SELECT id FROM events WHERE client_id = 7 ORDER BY id; FETCH 2 FROM c; FETCH ALL FROM c; CLOSE c; COMMIT

# discard all
DISCARD ALL

# its tag
DISCARD PLANS

# its tag
DISCARD SEQUENCES

# copy to of one key
COPY (SELECT * FROM events WHERE client_id = 7 AND id < 3 ORDER BY id) TO STDOUT

# copy to binary
COPY (SELECT id, kind FROM events WHERE client_id = 7 ORDER BY id) TO STDOUT WITH (FORMAT binary)

# copy to of a single table
COPY audit TO STDOUT WITH (FORMAT csv)

# copy to of a sharded table
COPY events TO STDOUT

# lock table
BEGIN; LOCK TABLE audit IN SHARE MODE; COMMIT

# a hint of ours that does not exist is PostgreSQL's business outside its prefix
SET nope.such = '1'

# unknown setting
SET nope = 1

# bad value
SET work_mem = 'lots'

# do block
DO $$ BEGIN PERFORM 1; END $$

# do block that fails
DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '22012'; END $$

# function with a set of rows
SELECT * FROM json_each_text('{"a":1,"b":null}')

# string_agg on one client
SELECT string_agg(kind, ',' ORDER BY id) FROM events WHERE client_id = 7

# percentile on one client
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM events WHERE client_id = 7

# collation on one client
SELECT kind FROM events WHERE client_id = 7 ORDER BY kind COLLATE "C", id

# exists over everything
SELECT EXISTS (SELECT 1 FROM events)

# a hundred thousand rows
SELECT count(*), sum(n) FROM (SELECT n FROM generate_series(1, 100000) n) x

# nested parentheses
SELECT ((((((((((id)))))))))) FROM events WHERE ((((((client_id = 7))))))

# many ORs of the same key
SELECT id FROM events WHERE client_id = 7 AND (id = 1 OR id = 2 OR id = 3 OR id = 4 OR id = 5 OR id = 6 OR id = 7 OR id = 8)
