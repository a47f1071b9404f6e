-- COPY into reference tables: every copy gets the same rows.
@write
@same 18

# text
@data
AA	Aland	1
BB	\N	2
\.
COPY countries FROM STDIN

# a list of columns
@data
Q1	1
Q2	\N
\.
COPY countries (name, population) FROM STDIN

# columns that lack a value
@data
CC	Cc
DD	Dd
\.
COPY countries (code, name) FROM STDIN

# csv with a header
@data
code,name
EE,"E, ""quoted"" and
of two lines"
FF,
\.
COPY countries (code, name) FROM STDIN (FORMAT csv, HEADER)

# another delimiter, another null
@data
GG|none|5
HH|Hh|none
\.
COPY countries FROM STDIN WITH (DELIMITER '|', NULL 'none')

# no rows
@data
\.
COPY countries FROM STDIN

# a row that is there already
@data
II	Ii	1
DE	again	1
\.
COPY countries FROM STDIN

# a value that is none
@data
JJ	Jj	many
\.
COPY countries FROM STDIN

# a row that is too short
@data
KK	Kk
\.
COPY countries FROM STDIN

# a row that is too long
@data
LL	Ll	1	2
\.
COPY countries FROM STDIN

# a column that is not there
@data
MM	1
\.
COPY countries (code, area) FROM STDIN

# a condition
@data
NN	Nn	1
OO	Oo	2
\.
COPY countries FROM STDIN WHERE population > 1

# a condition that each shard would judge for itself
@data
NP	Nn	1
\.
COPY countries FROM STDIN WHERE random() >= 0

# an identity column that is given, generated and fixed ones that are not
@data
9201	violet	3
9202	grey	\N
\.
COPY tags (id, name, weight) FROM STDIN

# a time
@data
9203	white	2024-05-06 07:08:09+00
9204	it is now	infinity
\.
COPY tags (id, name, seen) FROM STDIN

# a time that moves
@data
9205	black	2024-05-06 07:08:09+00
9206	brown	NOW
\.
COPY tags (id, name, seen) FROM STDIN

# a list of one's own type
@data
9207	orange	{sad,happy}
\.
COPY tags (id, name, moods) FROM STDIN

# a foreign key
@data
n	3	\N
\.
COPY regions (region, v, label) FROM STDIN

# a foreign key that holds
@data
x	3	nowhere	1	2
\.
COPY regions (region, v, label, thing, other) FROM STDIN

# in a transaction that is undone
BEGIN; DELETE FROM remarks; ROLLBACK; SELECT count(*) FROM remarks
