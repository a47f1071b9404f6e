@same 30

# on equal keys
SELECT p.client_id, s.client_id, p.v, s.seconds FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id

# the other way round
SELECT p.client_id, s.client_id, p.v, s.seconds FROM parents p FULL JOIN sessions s ON p.client_id = s.client_id AND s.seconds > 100

# with a condition that no row meets
SELECT p.client_id, s.client_id FROM parents p FULL JOIN sessions s ON p.client_id = s.client_id AND s.seconds < -100

# USING
SELECT * FROM parents p FULL JOIN sessions s USING (client_id)

# NATURAL
SELECT client_id, id FROM (SELECT client_id, id FROM children) c NATURAL FULL JOIN (SELECT client_id, id FROM events WHERE id < 3) e

# a key that is merged, restricted
SELECT client_id, p.v, s.seconds FROM parents p FULL JOIN sessions s USING (client_id) WHERE client_id = 7

# one that only the right side has
SELECT client_id, p.v, s.seconds FROM parents p FULL JOIN sessions s USING (client_id) WHERE client_id IN (3, 19, 42)

# a range of it
SELECT instrument_id, m.day, i.symbol FROM market_data m FULL JOIN instruments i USING (instrument_id) WHERE instrument_id BETWEEN 1 AND 10500

# both keys restricted outside
SELECT p.v, s.seconds FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id WHERE p.client_id = 7 OR s.client_id = 19

# rows without a partner
SELECT p.client_id, s.client_id FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id WHERE p.client_id IS NULL

# the same on the other side
SELECT p.client_id, s.client_id FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id WHERE s.client_id IS NULL

# grouped by the merged key
SELECT client_id, count(*), count(p.v), sum(s.seconds) FROM parents p FULL JOIN sessions s USING (client_id) GROUP BY client_id

# grouped by one of the keys: NULL is one group
SELECT p.client_id, count(*) FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id GROUP BY p.client_id

# DISTINCT of one of the keys
SELECT DISTINCT s.client_id FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id

# DISTINCT of the merged one
SELECT DISTINCT client_id FROM parents p FULL JOIN sessions s USING (client_id)

# windows over the merged key, and over another
SELECT client_id, count(*) OVER (PARTITION BY client_id), p.v FROM parents p FULL JOIN sessions s USING (client_id)

# windows over a key that may be NULL
SELECT s.client_id, count(*) OVER (PARTITION BY s.client_id) FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id

# aggregates over all
SELECT count(*), count(p.client_id), count(s.client_id), max(s.seconds) FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id

# sorted and limited
SELECT client_id, s.seconds FROM parents p FULL JOIN sessions s USING (client_id) ORDER BY client_id, s.seconds LIMIT 7 OFFSET 2

# three of them
SELECT client_id, p.v, s.seconds, e.id FROM parents p FULL JOIN sessions s USING (client_id) FULL JOIN events e USING (client_id)

# three, the third on a key that may be NULL
SELECT p.client_id, s.client_id, e.client_id, e.id FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id FULL JOIN events e ON e.client_id = p.client_id

# an inner join of the merged key
SELECT client_id, p.v, s.seconds, e.id FROM parents p FULL JOIN sessions s USING (client_id) JOIN events e USING (client_id)

# an outer join of it, and of one that may be NULL
SELECT client_id, p.v, s.seconds, e.id FROM parents p FULL JOIN sessions s USING (client_id) LEFT JOIN events e USING (client_id)

# the same by ON
SELECT p.client_id, s.seconds, e.id FROM parents p FULL JOIN sessions s ON s.client_id = p.client_id LEFT JOIN events e ON e.client_id = s.client_id

# a reference table beside
SELECT client_id, c.code FROM (parents p FULL JOIN sessions s USING (client_id)) CROSS JOIN countries c WHERE c.population > 80000000

# a reference table that is preserved
SELECT client_id, c.code FROM (parents p FULL JOIN sessions s USING (client_id)) RIGHT JOIN countries c ON c.population = client_id

# on the nullable side
SELECT e.client_id, e.id, x.v FROM events e LEFT JOIN (parents p FULL JOIN sessions s USING (client_id)) AS x ON x.client_id = e.client_id

# of an inner join on one side
SELECT p.client_id, x.client_id, x.id FROM parents p FULL JOIN (SELECT s.client_id, e.id FROM sessions s JOIN events e USING (client_id)) x ON x.client_id = p.client_id

# of an outer join on one side: its key may be NULL
SELECT p.client_id, x.client_id, x.id FROM parents p FULL JOIN (SELECT s.client_id, e.id FROM events e LEFT JOIN sessions s USING (client_id)) x ON x.client_id = p.client_id

# of groups
SELECT p.client_id, x.client_id, x.n FROM parents p FULL JOIN (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) x ON x.client_id = p.client_id

# of some rows of many
SELECT p.client_id, x.client_id FROM parents p FULL JOIN (SELECT client_id FROM events ORDER BY client_id, id LIMIT 5) x ON x.client_id = p.client_id

# of a union
SELECT p.client_id, x.client_id FROM parents p FULL JOIN (SELECT client_id FROM events WHERE id = 1 UNION SELECT client_id FROM sessions) x ON x.client_id = p.client_id

# of an aggregate of all rows
SELECT p.client_id, x.m FROM parents p FULL JOIN (SELECT max(client_id) AS m FROM events) x ON x.m = p.client_id

# restricted inside on one side
SELECT p.client_id, x.client_id, x.id FROM parents p FULL JOIN (SELECT client_id, id FROM events WHERE client_id = 7) x ON x.client_id = p.client_id

# keys of two types
SELECT p.client_id, m.client_id, m.v FROM parents p FULL JOIN smaller m ON m.client_id = p.client_id

# on other columns too
SELECT c.client_id, e.client_id, c.id, e.id FROM children c FULL JOIN events e ON e.client_id = c.client_id AND e.id = c.id

# on other columns alone
SELECT c.client_id, e.client_id, c.id, e.id FROM children c FULL JOIN events e ON e.id = c.id AND c.client_id = 7

# with itself
SELECT a.client_id, b.client_id, a.id, b.id FROM events a FULL JOIN events b ON a.client_id = b.client_id AND a.id = b.id + 1

# in a subquery of IN
SELECT e.client_id, e.id FROM events e WHERE e.client_id IN (SELECT client_id FROM parents p FULL JOIN sessions s USING (client_id) WHERE s.seconds IS NULL)

# in EXISTS, tied by the merged key
SELECT e.client_id, e.id FROM events e WHERE EXISTS (SELECT FROM parents p FULL JOIN sessions s USING (client_id) WHERE client_id = e.client_id AND p.v IS NULL)

# in a part of WITH
WITH x AS (SELECT client_id, p.v FROM parents p FULL JOIN sessions s USING (client_id)) SELECT client_id, v FROM x WHERE client_id = 19

# a condition in the place of the keys
SELECT p.client_id, s.client_id FROM parents p FULL JOIN sessions s ON true WHERE p.client_id = 7 AND s.client_id = 7

@params 7
SELECT client_id, p.v, s.seconds FROM parents p FULL JOIN sessions s USING (client_id) WHERE client_id = $1
