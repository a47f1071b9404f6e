\set client random(1, 60)
\startpipeline
SELECT id FROM events WHERE client_id = :client;
SELECT count(*) FROM sessions WHERE client_id = :client;
SELECT max(amount) FROM events WHERE client_id = :client;
\endpipeline
