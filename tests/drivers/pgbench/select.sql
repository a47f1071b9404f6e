\set client random(1, 60)
SELECT id, kind FROM events WHERE client_id = :client;
