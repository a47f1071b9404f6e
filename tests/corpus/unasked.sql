@write
@same 16

# A domain whose check looks at a sharded table
SELECT 7::known_client

# Of another one
SELECT CAST('3' AS known_client)

# As a function is written
SELECT known_client('5')

# By a parameter
@params 4
SELECT $1::known_client

# A domain of that domain
SELECT '6'::best_client

# An array of it
SELECT '{1,2,3,4,5,6}'::known_client[]

# By the name of the array
SELECT '{1,2,3,4,5,6}'::_known_client

# A row that has it
SELECT (ROW('2024-01-01', 5)::meeting).who

# Such a row of its text
SELECT '(2024-01-01,6)'::meeting

# A range of it
SELECT '[1,5)'::span

# The row of a table
SELECT ROW(1, 5, 'v')::met

# What a set of columns is made of
SELECT * FROM json_to_record('{"who": 5}') AS x(who known_client)

# In ROWS FROM
SELECT * FROM ROWS FROM (json_to_record('{"who": 5}') AS (who known_client)) AS x

# A row that JSON fills
SELECT (json_populate_record(NULL::met, '{"client_id": 1, "who": 5}')).who

# XMLTABLE
SELECT * FROM XMLTABLE('/r' PASSING xml '<r><who>5</who></r>' COLUMNS who known_client PATH 'who')

# In a condition beside a key
SELECT id FROM events WHERE client_id = 3 AND id < 5::known_client

# An immutable function whose body names the domain
SELECT as_known(5)

# A function that takes it
SELECT greets('5')

# An argument by default that looks at rows
SELECT by_default()

# A body with an operator that does
SELECT by_operator('x')

# PREPARE with a parameter of it
PREPARE of_domain (known_client) AS SELECT $1 + 1

# Rows that have it are read
SELECT client_id, who, v FROM met WHERE client_id = 5

# Of several shards
SELECT client_id, who FROM met WHERE client_id < 10 ORDER BY client_id

# Compared with a number
SELECT client_id FROM met WHERE who = '5' AND client_id > 0

# Their number
SELECT count(*) FROM met

# Values that have to be made anew elsewhere
SELECT count(DISTINCT who) FROM met

# A literal becomes one
SELECT lag(who, 1, '7') OVER (ORDER BY client_id) FROM met WHERE client_id = 5

# An array does
SELECT array_agg(who) || '{7}' FROM met WHERE client_id = 5

# Of its own
SELECT ARRAY[who] || '{7}' FROM met WHERE client_id = 5

# Arrays of it
SELECT client_id FROM meetings WHERE client_id = 5 AND whom = '{7,8}'

# Or beside NULL
SELECT coalesce(whom, '{1,2,3}') FROM meetings WHERE client_id = 5

# A row with such a column is written
INSERT INTO met (client_id, who) VALUES (31, 32)

# Of several shards
INSERT INTO met (client_id, who) VALUES (31, 31), (32, 33), (33, 31)

# By a parameter
@params 31 | 32
INSERT INTO met (client_id, who) VALUES ($1, $2)

# It is changed
UPDATE met SET who = 9 WHERE client_id = 5

# Everywhere
UPDATE met SET who = who + 1

# Copied
COPY met (client_id, who) FROM STDIN
@data
34	35
35	36
\.

# A check of a table that looks at others
INSERT INTO vetted VALUES (31, 32)

# Changed
UPDATE vetted SET other = other % 20 + 1

# Rows are read
SELECT client_id, other, v FROM vetted WHERE client_id < 5

# Counted
SELECT count(DISTINCT other) FROM vetted

# A generated column that looks at rows
INSERT INTO totalled VALUES (1, 'x') RETURNING n

# A cast that looks at rows, by name
SELECT '(3)'::badge::text

# Without one
SELECT length(ROW(3)::badge)

# Of a column
SELECT length(b) FROM badges WHERE client_id = 3

# In an expression
SELECT b || 'x' FROM badges WHERE client_id = 3

# Where it is stored
INSERT INTO badges (client_id, v) SELECT client_id + 30, b FROM badges WHERE client_id = 3

# A cast that has to be asked for
SELECT m::seal FROM marks WHERE client_id = 3

# As a function
SELECT seal(m) FROM marks WHERE client_id = 3

# In a body
SELECT seals(m) FROM marks WHERE client_id = 3

# It is not asked for
SELECT client_id, m FROM marks WHERE client_id = 3

# On several shards
SELECT client_id, m FROM marks ORDER BY client_id

# Written
INSERT INTO marks VALUES (31, '(4)'), (32, '(5)')

# An order that looks at rows
SELECT id, (s).n FROM sized WHERE client_id = 3 ORDER BY s

# Its operator
SELECT ROW(1)::size <# ROW(2)::size

# Grouped
SELECT s FROM sized WHERE client_id = 3 GROUP BY s

# A domain whose check depends on its value alone
SELECT '5'::plain_number

# Its rows
INSERT INTO plain_numbers VALUES (31, 7), (32, 8), (33, 9)

# Its check
INSERT INTO plain_numbers VALUES (34, -7)

# Grouped
SELECT n % 3, count(DISTINCT n) FROM plain_numbers GROUP BY 1 ORDER BY 1

# Beside a literal
SELECT lag(n, 1, '7') OVER (ORDER BY client_id) FROM plain_numbers WHERE client_id = 5

# Changed
UPDATE plain_numbers SET n = n + 1

# Gone
DELETE FROM met WHERE client_id = 20

# A function as a column, of a table whose rows are copied
SELECT c.total_of FROM countries c ORDER BY code LIMIT 1

# Of a computed row
SELECT (c).total_of FROM countries c ORDER BY code LIMIT 1

# Of a sharded table
SELECT e.total_of FROM events e WHERE client_id = 3 ORDER BY id

# In a condition
SELECT count(*) FROM events e WHERE client_id = 3 AND e.total_of > 2

# In a write to all copies
UPDATE countries SET name = countries.total_of::text WHERE code = 'DE'

# One that depends on the row alone
SELECT c.shout FROM countries c ORDER BY code

# On its way to all copies
UPDATE countries SET name = countries.shout WHERE code = 'DE'

# An aggregate, on one shard
SELECT e.count FROM events e WHERE client_id = 3

# On several
SELECT e.count FROM events e

# Beside another
SELECT max(e.id), e.count FROM events e

# Grouped
SELECT kind, e.count FROM events e GROUP BY kind ORDER BY kind

# Columns that are called as functions are
SELECT s.total_of, s.count FROM (SELECT 5 AS total_of, count(*) FROM events) AS s

# Columns of a function
SELECT s.total_of FROM generate_series(1, 2) AS s (total_of)
