@write
@same 32

# numeric(10,2) keeps it as it is
INSERT INTO rounded VALUES (5.25, 'x')

# numeric(10,2) rounds it
INSERT INTO rounded VALUES (5.001, 'x')

# numeric(10,2) rounds a parameter
@params 5.009
INSERT INTO rounded VALUES ($1, 'x')

# timestamp(0) keeps it as it is
INSERT INTO seconds VALUES ('2024-01-01 12:00:00', 'x')

# timestamp(0) rounds it
INSERT INTO seconds VALUES ('2024-01-01 12:00:00.7', 'x')

# varchar(3) keeps it as it is
INSERT INTO short VALUES ('abc', 'x')

# varchar(3) cuts blanks off
INSERT INTO short VALUES ('de    ', 'x')

# COPY rounds too
@data
7.001	x
\.
COPY rounded FROM STDIN

# COPY of what needs no rounding
@data
7.75	x
8.5	y
\.
COPY rounded FROM STDIN

# A trigger changes the key
INSERT INTO watched VALUES (42, 1, 'x')

# A trigger that the map vouches for
INSERT INTO stamped VALUES (42, 1, 'x') RETURNING *

# The same at an UPDATE
UPDATE stamped SET v = 'y' WHERE client_id = 42

# COPY runs triggers as well
@data
42	2	x
\.
COPY watched FROM STDIN

# A default that reads another table
INSERT INTO counted (client_id, id) VALUES (42, 1)

# DEFAULT by name
INSERT INTO counted VALUES (42, 1, DEFAULT)

# The default is not needed
INSERT INTO counted VALUES (42, 1, 'x')

# An UPDATE to the default
UPDATE counted SET v = DEFAULT WHERE client_id = 42

# A rule does more than it is asked for
INSERT INTO ruled VALUES (42, 'x')

# NULL for a key that is NOT NULL is PostgreSQL's own error
INSERT INTO events (client_id, id, kind) VALUES (NULL, 1, 'x')

# The same by a parameter
@params NULL
INSERT INTO events (client_id, id, kind) VALUES ($1, 1, 'x')

# The same by leaving it out
INSERT INTO events (id, kind) VALUES (1, 'x')

# One of several rows has no key
INSERT INTO events (client_id, id, kind) VALUES (42, 777, 'x'), (NULL, 1, 'x')

# A key without a home, and no row that has it
INSERT INTO market_data (instrument_id, day) SELECT NULL, '2024-01-01' WHERE false

# No row at all without its key
INSERT INTO events (client_id, id, kind) SELECT NULL, 99, 'x' FROM countries WHERE false

# Row security of a table that is written
UPDATE guarded SET v = 'x' WHERE client_id = 42

# A parameter for key and value
@params 42
INSERT INTO events (client_id, id, kind) VALUES ($1, $1, 'both')

# rows that are fetched for it, of which a reference table leaves some out
UPDATE events SET amount = 7 WHERE id IN (SELECT m.instrument_id FROM market_data m, instruments i, countries c WHERE i.instrument_id = m.instrument_id AND c.code = i.country AND c.population > 1000 AND m.day > '2024-01-02')

# the same for a DELETE
DELETE FROM events WHERE EXISTS (SELECT 1 FROM market_data m JOIN instruments i USING (instrument_id) WHERE m.instrument_id = events.id AND i.symbol > 'A')

# rows of a FULL JOIN by the key
UPDATE events e SET amount = x.seconds FROM (SELECT client_id, s.seconds FROM parents p FULL JOIN sessions s USING (client_id) WHERE p.v IS NULL) x WHERE x.client_id = e.client_id AND e.id = 1

# and without a tie to it
DELETE FROM children c USING (SELECT count(*) AS n FROM parents p FULL JOIN sessions s USING (client_id)) x WHERE c.id = x.n

# a key that is set to itself, though others point to it
UPDATE parents SET client_id = 7, v = 'itself' WHERE client_id = 7 RETURNING client_id, v

# the same by parameters
@params 7 | itself again | 7
UPDATE parents SET client_id = $1, v = $2 WHERE client_id = $3

# of a row that points to another
UPDATE children SET client_id = 7, v = 'itself' WHERE client_id = 7

# to a key that is not there
UPDATE children SET client_id = 9999 WHERE client_id = 7

# to NULL
UPDATE parents SET client_id = NULL WHERE client_id = 7

# with another column of the primary key
UPDATE events SET client_id = 7, id = 77001 WHERE client_id = 7 AND id = 1

# by way of another table
UPDATE events SET client_id = 7, kind = s.seconds::text FROM sessions s WHERE s.client_id = events.client_id AND s.client_id = 7 AND events.id = 2

# another key of the same shard, whose foreign keys are there too
UPDATE parents SET client_id = 8 WHERE client_id = 7

# one that its shard holds: ranges
UPDATE market_data SET instrument_id = 5, day = '2031-01-01' WHERE instrument_id = 1 AND day = (SELECT min(day) FROM market_data WHERE instrument_id = 1)

# with row security
UPDATE own_rows SET client_id = 7, v = 'itself' WHERE client_id = 7
