@same 17

# rows and settings: time zone
SET timezone = 'Asia/Kolkata'

# there
SELECT client_id, tstz, tz, ts FROM wide ORDER BY client_id

# rows of the range types
SELECT client_id, rts FROM wide ORDER BY 1

# grouped by day in that zone
SELECT date_trunc('day', at), count(*) FROM events GROUP BY 1 ORDER BY 1

# date style
SET datestyle = 'German, DMY'

# there
SELECT client_id, d, ts, tstz, rts FROM wide ORDER BY client_id

# interval style
SET intervalstyle = 'sql_standard'

# there
SELECT client_id, iv FROM wide ORDER BY client_id

# bytea
SET bytea_output = 'escape'

# there
SELECT client_id, by FROM wide ORDER BY client_id

# intervals as Rails asks for them
SET intervalstyle = 'iso_8601'

# there
SELECT client_id, iv FROM wide ORDER BY client_id

# joined
SELECT w.iv, s.seconds FROM wide w LEFT JOIN sessions s ON s.seconds > w.client_id ORDER BY w.client_id, s.seconds, s.session

# all shapes
SELECT w.client_id, x.iv, x.iv * 2, justify_interval(x.iv) FROM wide w JOIN (SELECT client_id, i::interval AS iv FROM sessions, (VALUES ('1 year -2 mons'), ('-3 days 04:05:06.7'), ('-1 year 2 mons -3 days 04:05:06.789'), ('0'), ('1 mon -1 sec'), ('178000000 years')) v(i)) x ON x.client_id <> w.client_id ORDER BY 1, 2, x.client_id LIMIT 60

# floats with all their digits, as JDBC and pg_dump ask for them
SET extra_float_digits = 3

# there
SELECT client_id, f4, f8, pt FROM wide ORDER BY client_id

# joined
SELECT w.f8, w.f4, s.seconds FROM wide w LEFT JOIN sessions s ON s.seconds > w.client_id ORDER BY w.client_id, s.seconds, s.session

# floats
SET extra_float_digits = -3

# there
SELECT client_id, f4, f8, pt FROM wide ORDER BY client_id

# floats in groups
SELECT f8, count(*) FROM wide GROUP BY f8 ORDER BY f8

# points
SELECT client_id, pt, bx FROM wide WHERE client_id < 50 ORDER BY client_id

# money
SET lc_monetary = 'C'

# there
SELECT client_id, m FROM wide ORDER BY client_id

# search path
SET search_path = other, public

# there
SELECT count(*), max(kind) FROM events

# back
RESET ALL

# a transaction
BEGIN

# in it
SELECT count(*) FROM events

# again
SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind

# a savepoint
SAVEPOINT s

# an error
SELECT 1 / (id - 1) FROM events

# ignored
SELECT count(*) FROM events

# back to the savepoint
ROLLBACK TO s

# going on
SELECT count(*) FROM events

# end
COMMIT

# repeatable read
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY

# in it
SELECT client_id, id FROM events ORDER BY 1, 2 LIMIT 3

# and rows
SELECT client_id, id FROM events

# end
ROLLBACK

# one
SELECT client_id FROM events ORDER BY client_id LIMIT 1
