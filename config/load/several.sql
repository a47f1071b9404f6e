-- Three keys, likely on two or three shards.
\set one random(1, :clients)
\set two random(1, :clients)
\set three random(1, :clients)
SELECT client_id, count(*) FROM events WHERE client_id IN (:one, :two, :three) GROUP BY client_id;
\set pause random(:think / 2, :think * 3 / 2)
\sleep :pause us
