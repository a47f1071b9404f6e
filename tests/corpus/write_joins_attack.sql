@write
@undone
@same 10

# rows whose key is rounded on the way
INSERT INTO rounded SELECT k + 0.004, v FROM k_numeric WHERE k BETWEEN 50 AND 20000

# rows whose key the column rounds
INSERT INTO rounded SELECT k, 'copied' FROM k_numeric WHERE k < 1e7 AND k > 0 ON CONFLICT DO NOTHING

# rows whose key the column rounds, from one shard
INSERT INTO rounded SELECT k, 'copied' FROM k_numeric WHERE k = 0.000000000000000000001

# timestamps whose fractions the column rounds
INSERT INTO seconds SELECT k, v FROM k_timestamp

# text whose blanks the column cuts
INSERT INTO short SELECT customer, 'x' FROM orders WHERE length(customer) < 4

# text between columns that cut alike
INSERT INTO short SELECT k, 'y' FROM short s WHERE k > 'b' ON CONFLICT (k) DO UPDATE SET v = excluded.v

# numbers between columns that round alike, carried out of a query
INSERT INTO rounded SELECT x.k, 'y' FROM (SELECT k FROM rounded) x ON CONFLICT (k) DO UPDATE SET v = excluded.v

# groups of the key
INSERT INTO nothing SELECT client_id, count(*)::text FROM events GROUP BY client_id

# rows of a left join that a reference table drives
INSERT INTO nothing (client_id, v) SELECT d.client_id, c.name FROM countries c LEFT JOIN doubled d ON d.code = c.code WHERE d.id = 1

# a join of the key, RETURNING with a subquery
INSERT INTO nothing (client_id, v) SELECT p.client_id, p.v FROM parents p WHERE EXISTS (SELECT FROM sessions s WHERE s.client_id = p.client_id) RETURNING client_id, (SELECT count(*) FROM countries)

# RETURNING with a subquery of another table
INSERT INTO nothing (client_id, v) SELECT p.client_id, p.v FROM parents p RETURNING client_id, (SELECT count(*) FROM sessions)

# UPDATE of a derived table by the key
UPDATE parents p SET v = x.n::text FROM (SELECT client_id, count(*) AS n FROM events GROUP BY client_id) x WHERE x.client_id = p.client_id

# UPDATE of a derived table that counts all
UPDATE parents p SET v = x.n::text FROM (SELECT count(*) AS n FROM events) x

# DELETE by EXISTS of the nullable side
DELETE FROM parents p WHERE client_id > 20 OR NOT EXISTS (SELECT FROM events e WHERE e.client_id = p.client_id)

# DELETE by a window that goes through all
DELETE FROM sessions s USING (SELECT client_id, session, row_number() OVER (ORDER BY seconds, client_id, session) AS n FROM sessions) x WHERE x.client_id = s.client_id AND x.session = s.session AND x.n < 10
