@same 21

# A function that looks at nothing but its argument
SELECT shout('a')

# Over a parameter
@params quiet
SELECT shout($1) || '?'

# Its error
SELECT shout('')

# One that calls another, over rows of one shard
SELECT id, shout_twice(kind) FROM events WHERE client_id = 42 ORDER BY id

# In a condition
SELECT count(*) FROM events WHERE client_id = 42 AND shout(kind) = 'VIEW!'

# By a parameter
@params 42 | view
SELECT count(*) FROM events WHERE client_id = $1 AND shout(kind) = shout($2)

# It tells the time
SELECT bool_and(is_past(created_at)) FROM events WHERE client_id = 42

# In FROM
SELECT * FROM shout('a') AS s

# Over a reference table
SELECT shout(name) FROM countries ORDER BY code

# In a join of one key
SELECT shout(e.kind), c.name FROM events e JOIN clients c ON c.id = e.client_id WHERE e.client_id = 42 ORDER BY e.id

# Named with its schema
SELECT public.shout('a')

# In ORDER BY and GROUP BY
SELECT shout(kind), count(*) FROM events WHERE client_id = 42 GROUP BY shout(kind) ORDER BY shout(kind)

# In VALUES
VALUES (shout('a')), (shout_twice('b'))

# It calls itself
SELECT deep(3)

# Over rows of several shards
SELECT shout(kind) FROM events

# The same with a condition
SELECT id FROM events WHERE shout(kind) = 'VIEW!'

# The same in an aggregate
SELECT max(shout(kind)) FROM events

# The key is computed by it
SELECT count(*) FROM events WHERE client_id = length(shout('abc'))

# It reads a table
SELECT all_events()

# EXPLAIN
EXPLAIN (COSTS off) SELECT shout('a')

# In a cursor
DECLARE c CURSOR FOR SELECT shout(kind) FROM events WHERE client_id = 42

# In a subquery
SELECT (SELECT shout(max(kind)) FROM events WHERE client_id = 42)

# In a WITH
WITH loud AS (SELECT shout(kind) AS k FROM events WHERE client_id = 42) SELECT DISTINCT k FROM loud ORDER BY 1

# Of a row
SELECT e.shout FROM events e WHERE client_id = 42

# Beside one that reads a table
SELECT shout(all_events())

# In LIMIT
SELECT id FROM events WHERE client_id = 42 ORDER BY id LIMIT length(shout('a'))

# In a CASE
SELECT CASE WHEN client_id = 42 THEN shout(kind) END FROM events WHERE client_id IN (42, 42) ORDER BY 1
