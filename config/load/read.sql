-- One point read, then the client thinks.
\set client random_zipfian(1, :clients, 1.05)
SELECT count(*) FROM events WHERE client_id = :client;
\set pause random(:think / 2, :think * 3 / 2)
\sleep :pause us
