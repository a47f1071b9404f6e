-- A short transaction on one shard: an event is added, and counted back in the same transaction.
\set client random_zipfian(1, :clients, 1.05)
\set event random(1, 9000000000000000)
BEGIN;
INSERT INTO events (client_id, event_id, kind) VALUES (:client, :event, 'load');
SELECT count(*) FROM events WHERE client_id = :client AND kind = 'load';
COMMIT;
\set pause random(:think / 2, :think * 3 / 2)
\sleep :pause us
