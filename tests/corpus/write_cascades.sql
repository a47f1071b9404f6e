-- What a write sets off through foreign keys. A trailing comment names the tables that are compared afterwards.
@write
@same 17

# a column that nothing points to
UPDATE zones SET v = v + 1

# the column that a key follows
UPDATE regions SET region = 'x' WHERE region = 'n' /* depots */

# the column that a key follows two steps away
UPDATE zones SET zone = 'nn' WHERE zone = 'n' /* regions depots */

# a generated column that a key follows
UPDATE titles SET title = 'northern' WHERE id = 1 /* lots */

# in a list
UPDATE zones SET (v, zone) = (7, 'east') WHERE zone = 'e' /* regions depots */

# a column that another column follows
UPDATE regions SET label = 'above' WHERE region = 'n' RETURNING region, label /* depots */

# that column of all rows
UPDATE regions SET label = label || '!' /* depots */

# rows that have children, which go
DELETE FROM regions WHERE region = 's' /* depots */

# rows without children
DELETE FROM zones WHERE zone = 'x' /* regions */

# rows whose children get another key
DELETE FROM titles WHERE id = 4 /* lots */

# rows whose children get a fixed default
DELETE FROM others_kept WHERE id IN (3, 5) /* regions */

# rows whose children draw a default
DELETE FROM things_kept WHERE id = 3 /* regions */

# a conflict that changes what a key follows
INSERT INTO regions VALUES ('e', 'right', 8) ON CONFLICT (region) DO UPDATE SET region = 'x' /* depots */

# a conflict that changes what a column follows
INSERT INTO regions VALUES ('e', 'rightmost', 8) ON CONFLICT (region) DO UPDATE SET label = excluded.label /* depots */

# a conflict that changes nothing
INSERT INTO titles VALUES (1, 'north') ON CONFLICT DO NOTHING /* lots */

# a merge that changes what a key follows
MERGE INTO regions r USING countries c ON c.code = 'DE' AND r.region = 'e' WHEN MATCHED THEN UPDATE SET region = 'x' /* depots */

# a merge that changes what a column follows
MERGE INTO regions r USING countries c ON c.code = 'DE' AND r.region = 'e' WHEN MATCHED THEN UPDATE SET label = c.name /* depots */

# a merge that deletes
MERGE INTO titles t USING countries c ON c.code = 'DE' AND t.id = 4 WHEN MATCHED THEN DELETE /* lots */

# a merge that inserts, or does nothing
MERGE INTO titles t USING countries c ON t.title = c.name WHEN NOT MATCHED THEN INSERT (id, title) VALUES (length(c.name), c.name) /* lots */

# a WITH part that changes what a key follows
WITH u AS (UPDATE regions SET region = 'x' WHERE region = 'e' RETURNING region) SELECT * FROM u /* depots */

# the table that has the foreign key
UPDATE depots SET label = 'above' WHERE region = 'n' AND id = 1 /* regions */

# a row that points to nothing
UPDATE depots SET label = 'none' WHERE region = 'n' AND id = 1

# a row with a new parent
INSERT INTO depots VALUES ('w', 9, NULL)

# parents by key, with children
UPDATE parents SET v = 'older' WHERE client_id = 3 /* children */

# a parent that children point to
DELETE FROM parents WHERE client_id = 3 /* children */

# what children follow, by itself
UPDATE parents SET client_id = client_id WHERE client_id = 4 /* children */

# a value that is taken
UPDATE regions SET label = 'down' WHERE region = 'e' /* depots */
