\set client random(1, 60)
BEGIN;
UPDATE events SET amount = coalesce(amount, 0) + 1 WHERE client_id = :client AND id = 1;
SELECT amount FROM events WHERE client_id = :client AND id = 1;
UPDATE events SET amount = amount - 1 WHERE client_id = :client AND id = 1;
COMMIT;
