@same 24

# the columns of a join with an alias
SELECT j.* FROM (events e JOIN order_items i ON i.quantity = e.id AND e.client_id < 3) AS j ORDER BY 1, 2, 7, 8, 9

# the same over another pair of tables
SELECT j.* FROM (events e JOIN market_data m ON m.instrument_id = e.client_id + 500) AS j ORDER BY 1, 2, 7, 8

# columns of it by new names
SELECT j.p FROM (events e JOIN order_items i ON i.quantity = e.id) AS j(p) ORDER BY 1

# two of them, and a condition on the second
SELECT q, count(*) FROM (events e JOIN order_items i ON i.quantity = e.id) AS j(p, q) WHERE q > 2 GROUP BY q ORDER BY 1

# a new name that another column had
SELECT id, kind FROM (events e JOIN order_items i ON i.quantity = e.id) AS j(id, number) WHERE id = 1 ORDER BY 1, 2, number, sku

# names for more columns than are looked at
SELECT p FROM (events e JOIN order_items i ON i.quantity = e.id) AS j(p, q, r, s, t) ORDER BY 1

# an old name behind the new ones
SELECT j.kind FROM (events e JOIN order_items i ON i.quantity = e.id) AS j(p, q) ORDER BY 1

# names that become ambiguous
SELECT quantity, count(*) FROM (events e JOIN order_items i ON i.quantity = e.id) AS j(quantity) GROUP BY quantity

# its row as a whole
SELECT j FROM (orders o JOIN order_items i ON i.order_id = o.order_id AND o.customer < 'customer 11') AS j ORDER BY j

# its row as a whole with new names
SELECT to_jsonb(j) FROM (instruments i JOIN remarks r ON r.code = i.country) AS j(p, q) ORDER BY 1

# the number of its rows, and of those that have a row of the other side
SELECT count(*), count(j), count(j.*) FROM (events e LEFT JOIN order_items i ON i.quantity = e.id + 5) AS j

# USING with an alias of its own
SELECT u.* FROM events e JOIN order_items i ON i.quantity = e.id JOIN orders o USING (order_id) AS u ORDER BY 1

# the row of what USING merges
SELECT u FROM events e FULL JOIN sessions s USING (client_id) AS u ORDER BY 1

# NATURAL
SELECT j.client_id FROM (events e NATURAL JOIN other.events f) AS j ORDER BY 1

# joins in joins
SELECT k.* FROM ((events e JOIN order_items i ON i.quantity = e.id AND e.client_id = 5) AS j JOIN orders o ON o.order_id = j.quantity) AS k(k1, k2) ORDER BY 1, 2, 7, 8, 9, 12, 13

# its columns in a subquery
SELECT EXISTS (SELECT j.* FROM (events e JOIN order_items i ON i.quantity = e.id) AS j WHERE j.client_id = o.order_id) AS found FROM orders o ORDER BY o.customer, o.order_id

# its row in a subquery
SELECT (SELECT j FROM (events e JOIN order_items i ON i.quantity = e.id) AS j WHERE j.client_id = o.order_id ORDER BY j.order_id, j.customer, j.line, j.id LIMIT 1) IS NULL AS is_lacking FROM orders o ORDER BY o.customer, o.order_id

# views in it
SELECT j.* FROM (big_events b JOIN country_names c ON length(c.name) = b.id) AS j ORDER BY 1, 2, 4, 5

# a query in it
SELECT j.* FROM (orders o JOIN LATERAL (SELECT e.id, e.kind FROM events e WHERE e.client_id = o.order_id) q ON true) AS j ORDER BY 1, 2, 7, 8

# renamed columns of a table
SELECT c, y.id FROM orders AS x(a, b, c) JOIN events y ON y.id = x.b AND y.client_id = 3 ORDER BY 1, 2, x.a

# renamed columns of a query
SELECT c1 FROM (SELECT o.*, e.kind FROM orders o JOIN events e ON e.id = o.order_id AND e.client_id = 2) q(c1) ORDER BY 1

# renamed columns of a part
WITH w(c1) AS (TABLE sessions) SELECT c1, w.seconds FROM w JOIN order_items i ON i.quantity = c1 ORDER BY 1, 2, i.customer, i.order_id, i.line

# a join with the name of one of its tables
SELECT e.* FROM (events e JOIN sessions s USING (client_id)) AS e WHERE id = 1 ORDER BY 1, 2, session

# the same with a column by another name
SELECT e.id, max(e.kind) FROM (events e JOIN sessions s ON s.client_id = e.client_id) AS e(id, number) GROUP BY e.id ORDER BY e.id
