@write
@same 38

# a text that does not fit into the key's column: PostgreSQL's own error
INSERT INTO short VALUES ('abcdef', 'x')

# one of two
INSERT INTO short VALUES ('abr', 'x'), ('zzzz', 'y')

# by parameter
@params abcdef | x
INSERT INTO short VALUES ($1, $2)

# blanks too many are cut off
INSERT INTO short VALUES ('abq   ', 'x') RETURNING k

# of several rows
INSERT INTO short VALUES ('abr', 'x'), ('zz  ', 'y'), ('zy    ', 'x') RETURNING k

# by parameter, with blanks
@params abt     | x
INSERT INTO short VALUES ($1 || '      ', $2) RETURNING k

# a key that is given another one, with blanks
UPDATE short SET k = 'abs     ' WHERE k = 'abr'

# one that does not fit
UPDATE short SET k = 'toolong' WHERE k = 'abs'

# copied
COPY short FROM STDIN
@data
abu    	copied
\.

# copied, too long
COPY short FROM STDIN
@data
abv	copied
abvwx	copied
\.

# a moment with the name of a zone
INSERT INTO k_timestamptz VALUES ('2030-01-01 00:00:00 Europe/Berlin', 'x')

# one in the session's zone, beside others
INSERT INTO k_timestamptz VALUES ('2032-01-01 00:00:00', 'x'), ('2033-01-01 00:00:00+00', 'x'), ('2034-05-01 00:00:00', 'y') RETURNING v

# written in words
INSERT INTO k_timestamptz VALUES ('Jan 5, 2033 04:05 PST', 'x')

# by parameter
@params 2033-02-03 04:05:06 | x
INSERT INTO k_timestamptz VALUES ($1, $2)

# no moment at all
INSERT INTO k_timestamptz VALUES ('nonsense', 'x')

# one that is there
INSERT INTO k_timestamptz VALUES ('2030-01-01 00:00:00 Europe/Berlin', 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v RETURNING v

# days in words
INSERT INTO k_date VALUES ('Jan 5, 2033', 'x'), ('January 6, 2033', 'x'), ('20330107', 'y')

# a day that is none
INSERT INTO k_date VALUES ('Feb 30, 2033', 'x')

# moments without a zone, in words
INSERT INTO k_timestamp VALUES ('Jan 5, 2033 12:00', 'x')

# a number that is rounded
INSERT INTO k_integer VALUES (7078.4, 'x') RETURNING k

# several
INSERT INTO k_integer VALUES (7079.5, 'x'), (7080.5, 'x'), ('7082', 'x') RETURNING k

# too large for the column
INSERT INTO k_integer VALUES (99999999999.5, 'x')

# of another type: PostgreSQL's own error
INSERT INTO k_integer VALUES ('79'::text, 'x')

# rounded by the column
INSERT INTO rounded VALUES (5.001, 'x'), (7.125, 'y') RETURNING k

# rounded, by parameter
@params 8.995 | z
INSERT INTO rounded VALUES ($1, $2) RETURNING k

# a fraction of a second too many
INSERT INTO seconds VALUES ('2030-01-01 00:00:00.7', 'x'), ('Jan 5, 2030', 'z') RETURNING k

# by parameter, a fraction
@params 2030-01-07 00:00:00.4 | x
INSERT INTO seconds VALUES ($1, $2) RETURNING k

# all of them are where they are looked for
SELECT k, v FROM seconds WHERE k = '2030-01-01 00:00:01'

# and these
SELECT k, v FROM short WHERE k IN ('abq', 'abs', 'zz ', 'zy ', 'abu')

# a key that is computed as another type: a float
INSERT INTO k_bigint VALUES (sqrt(90000), 'x') RETURNING k

# it is where it is looked for
SELECT k, v FROM k_bigint WHERE k = 300

# and not stored twice
INSERT INTO k_bigint VALUES (300, 'again')

# as the number of an object
INSERT INTO k_bigint VALUES (300::oid, 'again'), (301::oid, 'y') ON CONFLICT DO NOTHING RETURNING k

# rounded
INSERT INTO k_bigint VALUES (905.0 / 2, 'rounded'), (907.0 / 2, 'other') RETURNING k

# by parameter
@params 640000 | p
INSERT INTO k_bigint VALUES (sqrt($1::float8), $2) RETURNING k

# all of them
SELECT k, v FROM k_bigint WHERE k IN (301, 453, 454, 800) ORDER BY k

# a moment that becomes a day
INSERT INTO k_date VALUES (timestamptz '2024-01-01 00:00+00' + interval '5 days 3 hours', 'day') RETURNING k

# which is there
SELECT v FROM k_date WHERE k = '2024-01-06'

# a string between dollars that is a moment
INSERT INTO seconds VALUES ('2031-01-01', $$now$$), ('2031-01-02', 'b') RETURNING k
