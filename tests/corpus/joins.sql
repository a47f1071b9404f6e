@same 30

# colocated, key on the left
SELECT e.id, s.seconds FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE e.client_id = 7

# colocated, key on the right
SELECT e.id, s.seconds FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE s.client_id = 7

# USING
SELECT e.id, s.seconds FROM events e JOIN sessions s USING (client_id) WHERE client_id = 7

# NATURAL
SELECT id, seconds FROM events NATURAL JOIN sessions WHERE client_id = 7

# comma join
SELECT e.id FROM events e, sessions s WHERE e.client_id = s.client_id AND s.client_id = 7 AND e.id = 1

# key in ON
SELECT e.id FROM events e JOIN sessions s ON e.client_id = s.client_id AND e.client_id = 7

# left join
SELECT e.id, s.seconds FROM events e LEFT JOIN sessions s ON e.client_id = s.client_id WHERE e.client_id = 5

# left join with the key on the nullable side
SELECT e.client_id, e.id FROM events e LEFT JOIN sessions s ON e.client_id = s.client_id AND s.client_id = 7 WHERE e.id = 1

# left join, key in ON for the preserved side only
SELECT e.client_id, s.seconds FROM events e LEFT JOIN sessions s ON s.client_id = e.client_id AND e.client_id = 7 WHERE e.id = 1

# left join, nullable side filtered
SELECT e.id FROM events e LEFT JOIN sessions s ON e.client_id = s.client_id WHERE s.client_id = 7

# left join, two keys written out
SELECT e.id, s.seconds FROM events e LEFT JOIN sessions s ON s.client_id = 7 WHERE e.client_id = 7

# left join, two different keys
SELECT e.id, s.seconds FROM events e LEFT JOIN sessions s ON s.client_id = 8 WHERE e.client_id = 7

# right join
SELECT e.id, s.seconds FROM sessions s RIGHT JOIN events e ON e.client_id = s.client_id WHERE e.client_id = 7

# full join
SELECT e.id, s.seconds FROM events e FULL JOIN sessions s ON e.client_id = s.client_id WHERE e.client_id = 7 AND s.client_id = 7

# full join with filters inside
SELECT e.id, s.seconds FROM (SELECT * FROM events WHERE client_id = 7) e FULL JOIN (SELECT * FROM sessions WHERE client_id = 7) s ON e.client_id = s.client_id

# full join using
SELECT client_id, e.id FROM events e FULL JOIN sessions s USING (client_id) WHERE client_id = 7

# cross join of one key
SELECT count(*) FROM events e CROSS JOIN sessions s WHERE e.client_id = 7 AND s.client_id = 7

# cross join without the second key
SELECT count(*) FROM events e CROSS JOIN sessions s WHERE e.client_id = 7

# self join on the key
SELECT a.id, b.id FROM events a JOIN events b ON a.client_id = b.client_id AND a.id < b.id WHERE a.client_id = 7

# self join not on the key
SELECT a.id, b.id FROM events a JOIN events b ON a.id = b.id WHERE a.client_id = 7 AND b.client_id = 8

# three tables
SELECT count(*) FROM events a JOIN sessions s USING (client_id) JOIN events b USING (client_id) WHERE client_id = 7

# transitive equality
SELECT count(*) FROM events a, sessions s, events b WHERE a.client_id = s.client_id AND s.client_id = b.client_id AND b.client_id = 7

# equality not of the key
SELECT count(*) FROM events e JOIN sessions s ON e.id = s.client_id WHERE e.client_id = 7

# join on less-than
SELECT count(*) FROM events e JOIN sessions s ON e.client_id < s.client_id WHERE e.client_id = 7

# join under OR
SELECT count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id OR e.id = 1 WHERE e.client_id = 7

# reference table
SELECT i.symbol, c.name FROM instruments i JOIN countries c ON c.code = i.country WHERE i.instrument_id = 501

# reference table, left join
SELECT i.symbol, c.name FROM instruments i LEFT JOIN countries c ON c.code = i.country AND c.population > 100000000 WHERE i.instrument_id = 501

# reference table preserved, sharded side nullable
SELECT c.code, i.symbol FROM countries c LEFT JOIN instruments i ON i.country = c.code AND i.instrument_id = 501 ORDER BY c.code

# reference table preserved, no key
SELECT c.code, i.symbol FROM countries c LEFT JOIN instruments i ON i.country = c.code

# reference tables only
SELECT a.code, b.code FROM countries a JOIN countries b ON a.code < b.code

# range tables, colocated
SELECT m.day, m.close, i.symbol FROM market_data m JOIN instruments i USING (instrument_id) WHERE instrument_id = 12501

# range tables, a range of keys
SELECT count(*) FROM market_data m JOIN instruments i USING (instrument_id) WHERE m.instrument_id BETWEEN 1 AND 5000

# range tables, range on the other one
SELECT count(*) FROM market_data m JOIN instruments i ON i.instrument_id = m.instrument_id WHERE i.instrument_id BETWEEN 1 AND 5000

# different keyspaces, same value
SELECT count(*) FROM events e, market_data m WHERE e.client_id = 1 AND m.instrument_id = 1

# different keyspaces joined on their keys
SELECT count(*) FROM events e JOIN market_data m ON e.client_id = m.instrument_id WHERE e.client_id = 1

# text keys
SELECT o.order_id, i.sku FROM orders o JOIN order_items i USING (customer, order_id) WHERE customer = 'customer 7'

# text keys, row comparison
SELECT o.order_id, i.sku FROM orders o JOIN order_items i ON (o.customer, o.order_id) = (i.customer, i.order_id) WHERE o.customer = 'customer 7'

# text key and an aggregate
SELECT o.order_id, sum(i.quantity) FROM orders o LEFT JOIN order_items i USING (customer, order_id) WHERE o.customer = 'customer 7' GROUP BY o.order_id

# sharded with a single-shard table
SELECT count(*) FROM events e, audit a WHERE e.client_id = 7 AND a.id = e.id

# single-shard tables
SELECT a.what, b.what FROM audit a JOIN audit b ON a.id = b.id + 1

# single with reference
SELECT count(*) FROM audit, countries

# an unlisted table
SELECT * FROM unlisted

# an unlisted table in a join
SELECT count(*) FROM events e, unlisted u WHERE e.client_id = 7

# other schema's table of the same keyspace
SELECT e.id, o.kind FROM events e JOIN other.events o ON o.client_id = e.client_id AND o.id = e.id WHERE e.client_id = 7

# join of subqueries
SELECT a.id, b.seconds FROM (SELECT client_id, id FROM events WHERE client_id = 7) a JOIN (SELECT client_id, seconds FROM sessions WHERE client_id = 7) b USING (client_id)

# key outside a subquery
SELECT a.id FROM (SELECT client_id, id FROM events) a WHERE a.client_id = 7

# key outside a subquery, renamed
SELECT a.x FROM (SELECT client_id AS c, id AS x FROM events) a WHERE a.c = 7

# key outside a subquery with LIMIT
SELECT count(*) FROM (SELECT client_id, id FROM events ORDER BY client_id, id LIMIT 100) a WHERE a.client_id = 7

# key outside a subquery with an aggregate
SELECT n FROM (SELECT client_id, count(*) n FROM events GROUP BY client_id) a WHERE a.client_id = 7

# key outside a subquery with a window
SELECT r FROM (SELECT client_id, id, row_number() OVER (ORDER BY client_id, id) r FROM events) a WHERE a.client_id = 7

# a column of that name which is not the key
SELECT count(*) FROM (SELECT id AS client_id FROM events WHERE client_id = 7) a WHERE a.client_id = 3

# name of a column in the alias list
SELECT count(*) FROM (SELECT id, client_id FROM events) a(client_id, x) WHERE a.client_id = 3

# values join
SELECT e.id, v.n FROM events e JOIN (VALUES (1, 'one'), (2, 'two')) v(id, n) ON v.id = e.id WHERE e.client_id = 7

# keys from VALUES
SELECT count(*) FROM events e JOIN (VALUES (7)) v(c) ON v.c = e.client_id

# lateral subquery on the same key
SELECT e.id, x.n FROM events e, LATERAL (SELECT count(*) n FROM sessions s WHERE s.client_id = e.client_id) x WHERE e.client_id = 7

# lateral subquery on something else
SELECT e.id, x.n FROM events e, LATERAL (SELECT count(*) n FROM sessions s WHERE s.seconds > e.id) x WHERE e.client_id = 7

# join to a set-returning function
SELECT e.id FROM events e JOIN unnest(ARRAY[1, 2]) u ON u = e.id WHERE e.client_id = 7
