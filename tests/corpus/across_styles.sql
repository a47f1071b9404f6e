@same 29

# values that travel as text: every style at once
SET datestyle = 'SQL, DMY'

# intervals
SET intervalstyle = 'sql_standard'

# digits
SET extra_float_digits = -15

# bytes
SET bytea_output = 'escape'

# a zone whose letters mean another one too
SET timezone = 'Asia/Kolkata'

# documents
SET xmloption = 'document'

# the word
SET array_nulls = off

# all columns, for which rows have to be put together
SELECT client_id, days, stamps, spans, floats, bytes, born, seen, zones, feel, names, count(*) OVER () FROM styled ORDER BY client_id

# what a session makes of them is text in its own styles
SELECT client_id, days::text, stamps::text, spans::text, floats::text, bytes::text, born::text, seen::text, made::text, zones::text, docs::text, row_number() OVER (ORDER BY client_id) FROM styled ORDER BY 1

# on the shards, too
SELECT s.client_id, s.days, t.stamps FROM styled s JOIN styled t ON s.client_id = t.client_id + 1 WHERE s.days::text LIKE '%/02/2024%' AND t.spans::text LIKE '%-%' ORDER BY 1

# rows as a whole
SELECT s::text, count(*) OVER () FROM styled s ORDER BY client_id

# a composite, part by part
SELECT (made).at, (made).took, (made).by, (made).f, made::text, count(*) OVER () FROM styled ORDER BY client_id

# what a text means in a condition
SELECT count(*) FROM styled s, styled t WHERE s.born = '05/04/2003' AND s.seen > '01/02/2000'

# groups
SELECT born, count(*), min(stamps), max(days) FROM styled GROUP BY born ORDER BY born

# the settings are those of the session, in the statement and behind it
SELECT current_setting('datestyle'), current_setting('intervalstyle'), current_setting('extra_float_digits'), current_setting('array_nulls'), max(days) FROM styled

# what looks like an array is read by the session
SELECT '{NULL,x}'::text[] AS words, max(days) FROM styled

# behind it
SELECT current_setting('datestyle'), current_setting('intervalstyle'), current_setting('extra_float_digits'), current_setting('xmloption')

# German
SET datestyle = 'German'

# verbose
SET intervalstyle = 'postgres_verbose'

# New York
SET timezone = 'America/New_York'

# all columns
SELECT client_id, days, stamps, spans, floats, bytes, born, seen, zones, feel, names, count(*) OVER () FROM styled ORDER BY client_id

# as text
SELECT client_id, s.days::text || s.stamps::text, s.made::text, count(*) OVER () FROM styled s ORDER BY 1

# joined
SELECT s.client_id, s.stamps, t.born FROM styled s LEFT JOIN styled t ON t.born = s.born + 1 ORDER BY 1, 3

# the style before all others
SET datestyle = 'Postgres, DMY'

# ranges of times
SELECT client_id, zones, stamps, seen, count(*) OVER () FROM styled ORDER BY client_id

# documents that are built of them
SELECT client_id, jsonb_build_object('days', days, 'floats', floats, 'seen', seen, 'bytes', bytes), json_build_array(spans, zones) FROM styled ORDER BY client_id

# the same, as groups
SELECT quote_nullable(stamps), jsonb_build_array(floats, zones), count(*) FROM styled GROUP BY 1, 2 ORDER BY 1, 2

# feelings do not depend on it
SELECT feel, count(*), array_agg(feel ORDER BY client_id) FROM styled GROUP BY feel ORDER BY feel

# back
RESET ALL
