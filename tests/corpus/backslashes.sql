@same 28

# strings with escapes
SET standard_conforming_strings = off

# one shard
SELECT 'it\'s', 'a\\b', kind FROM events WHERE client_id = 7 AND kind <> '\\' ORDER BY id

# a text key
SELECT v FROM k_text WHERE k = 'it\'s'

# another
SELECT v FROM k_text WHERE k = '\\x41'

# octal
SELECT v FROM k_text WHERE k IN ('\x61\040b', 'key\61')

# all shards
SELECT client_id, id, kind || '\\' FROM events WHERE kind <> 'it\'s' ORDER BY 1, 2 LIMIT 5

# aggregated
SELECT count(*) FILTER (WHERE kind LIKE '%\\_%'), max(kind || '\'\\') FROM events

# gathered
SELECT a.kind, 'x\\y' FROM events a JOIN events b ON a.kind = b.kind AND b.kind <> '\\' WHERE a.client_id = 7 ORDER BY 1 LIMIT 3

# written on in another line
SELECT 'a'
'\'b' FROM events WHERE client_id = 7 AND id = 1

# by the rest of a line
SELECT 'a' -- it's
'\'b', count(*) FROM events

# no string at all
SELECT $$\'$$, $q$ '\ $q$, E'\'', "kind" FROM events WHERE client_id = 7 AND id = 1

# what only looks like a comment
SELECT '\'-- /*', count(*) FROM events

# a view with a backslash in its definition
SELECT count(*), min(v) FROM slashed

# the view, joined
SELECT s.v, count(*) FROM slashed s JOIN countries c ON c.code = 'DE' GROUP BY s.v ORDER BY 1

# prepared
PREPARE slashes AS SELECT '\\', count(*) FROM events WHERE kind <> '\\'

# and executed
EXECUTE slashes

# away
DEALLOCATE slashes

# a setting with a backslash
SET application_name = 'a\\b'

# there
SELECT current_setting('application_name') FROM events WHERE client_id = 7 AND id = 1

# on another shard
SELECT current_setting('application_name') FROM events WHERE client_id = 2 AND id = 1

# a national string
SELECT N'plain', N'esc\\aped'

# without the end of a string
SELECT 'a\' FROM events

# as they were
SET standard_conforming_strings = on

# no escapes
SELECT 'a\\b', count(*) FROM events

# the prepared text of before is another one
SELECT client_id, id, kind || '\\' FROM events WHERE kind <> 'it''s' ORDER BY 1, 2 LIMIT 5

# back
RESET ALL

# standard strings with a comment between their parts
SELECT 'a' -- it's
'b', count(*) FROM events

# with escapes
SELECT E'a\'' -- it's
'b\'' -- and
 -- more
 'c', count(*), max(kind) FROM events

# a key in parts
SELECT v FROM k_text WHERE k = 'ke' -- y
'y1'
