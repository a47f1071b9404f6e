@same 14

# A smaller integer joins the tables of a larger one
SELECT s.v, count(*) FROM smaller s JOIN events e ON e.client_id = s.client_id WHERE s.client_id = 42 GROUP BY s.v

# Blanks at the end count in no comparison of char(n)
SELECT count(*) FROM padded WHERE k = 'key1'

# Row security looks at another table
SELECT count(*) FROM guarded WHERE client_id = 42

# Row security looks at rows of the same key
SELECT count(*) FROM own_rows WHERE client_id = 42

# Row security hides all of this client's rows
SELECT count(*) FROM own_rows WHERE client_id = 45

# A function with a name like those of large objects
SELECT lo_events()

# An operator of the user's own
SELECT @@@ 'x'

# A string beside a number in a UNION is a number
SELECT count(*) FROM events e WHERE client_id IN (SELECT client_id FROM sessions WHERE client_id = 2 UNION ALL SELECT 2.5 UNION ALL SELECT '7.0')

# A number in a UNION with keys
SELECT count(*) FROM events WHERE client_id IN (SELECT client_id FROM sessions WHERE client_id = 42 UNION SELECT 42)

# A parameter whose type comes from another column: 42.0 is the client 42
@params 42.0
SELECT count(*) FROM events WHERE amount + 1000 > $1 AND client_id = $1

# The same with a value that reads alike
@params 42
SELECT count(*) FROM events WHERE amount + 1000 > $1 AND client_id = $1

# The key's column first
@params 42
SELECT count(*) FROM events WHERE client_id = $1 AND amount + 1000 > $1

# A parameter for the keys of two tables
@params 42
SELECT count(*) FROM events e JOIN sessions s ON s.client_id = $1 WHERE e.client_id = $1

# Of two sizes
@params 42
SELECT count(*) FROM events e JOIN smaller s ON s.client_id = $1 WHERE e.client_id = $1

# A parameter for key and LIMIT
@params 42
SELECT count(*) FROM events WHERE client_id = $1 LIMIT $1

# A text parameter in a function
@params customer 3
SELECT count(*) FROM orders WHERE customer = $1 AND length($1) > 2

# A text parameter in LIKE
@params customer 3
SELECT count(*) FROM orders WHERE customer = $1 AND note LIKE $1 || '%'

# An array twice
@params {42}
SELECT count(*) FROM events WHERE client_id = ANY ($1) AND client_id = ANY ($1)

# A schema-qualified column of a table that is named without
SELECT count(*) FROM events WHERE public.events.client_id = 42

# asyncpg's reset between two uses of a connection
SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL

# Backslashes that escape
SET standard_conforming_strings = off

# The same, spelled otherwise
SELECT set_config('standard_conforming_strings', 'off', true)

# What it is already
SET standard_conforming_strings = on

# A temporary table in front of another
CREATE TEMPORARY TABLE events AS SELECT 42 AS client_id

# In the schema of temporary tables
CREATE TABLE pg_temp.sessions (client_id integer)

# Another encoding
SET client_encoding = 'latin1'

# The same, spelled as the standard does
SET NAMES 'LATIN1'

# The encoding it has
SET client_encoding = 'utf-8'

# The encoding it has, as the standard spells it
SET NAMES 'UTF8'

# Policies are those of the user
SELECT count(*), max(v) FROM private_rows

# Through a view they are those of its owner, who sees everything
SELECT count(*), max(id) FROM all_private_rows

# The same, one by one
SELECT client_id, id, v FROM all_private_rows ORDER BY 1, 2

# The same, of one client
SELECT client_id, id, v FROM all_private_rows WHERE client_id = 5 ORDER BY id

# The same, with what only one server can compute
SELECT v, count(*) OVER () FROM all_private_rows ORDER BY 1, client_id LIMIT 2

# Through a view with the rights of who asks they are the user's again
SELECT count(*), max(v) FROM own_private_rows

# The same, one by one
SELECT client_id, id FROM own_private_rows ORDER BY 1, 2
