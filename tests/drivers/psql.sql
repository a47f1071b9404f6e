-- psql as people use it: \d, \copy, \gset, \bind where it exists, variables, transactions.
\set ON_ERROR_STOP on
\set client 7
SELECT count(*) AS n FROM events WHERE client_id = :client \gset
\if :{?n}
\else
  SELECT 1/0;
\endif
SELECT :n = 6 AS right_count;
\dt
\d events
\d+ client_events
\di
\dn
\df
\l
\du
BEGIN;
INSERT INTO events (client_id, id, kind) VALUES (:client, 2701, 'psql');
\copy (SELECT id, kind FROM events WHERE client_id = 7 AND id = 2701) TO STDOUT
ROLLBACK;
\copy events (client_id, id, kind) FROM STDIN
1	2702	copied
2	2702	copied
3	2702	copied
\.
DELETE FROM events WHERE client_id = 1 AND id = 2702;
DELETE FROM events WHERE client_id = 2 AND id = 2702;
DELETE FROM events WHERE client_id = 3 AND id = 2702;
\x
SELECT * FROM events WHERE client_id = 7 AND id = 1;
\timing on
SELECT version() IS NOT NULL;
\encoding
\conninfo
\echo ok
