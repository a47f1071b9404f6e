@same 16

# each branch of an OR says something of both tables
SELECT e.client_id, e.id, s.seconds FROM events e JOIN sessions s ON true WHERE (e.client_id = s.client_id AND e.kind = 'buy' AND s.seconds > 100) OR (e.client_id = s.client_id AND e.kind = 'sell' AND e.id > 1 AND s.seconds < 500) ORDER BY 1, 2, 3

# one branch says nothing of one of them
SELECT count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE (e.kind = 'buy' AND s.seconds > 100) OR s.seconds IS NULL

# one branch holds what cannot be told alone
SELECT count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE (e.kind = 'buy' AND s.seconds > e.id) OR (e.kind = 'sell' AND s.seconds < e.id * 100)

# a branch of NULL
SELECT count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE (e.kind = 'buy' AND NULL) OR (e.amount > 20 AND s.seconds > 1)

# NULLs in branches
SELECT e.client_id, e.id FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE (e.amount > 20 AND s.seconds > 1) OR (e.amount IS NULL AND s.seconds > 2) ORDER BY 1, 2

# the nullable side of an outer join
SELECT count(*) FROM events e LEFT JOIN sessions s ON e.client_id = s.client_id WHERE (s.seconds > 10 AND e.id = 1) OR (s.seconds IS NULL AND e.id = 2)

# NOT before it
SELECT count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE NOT ((e.kind = 'buy' AND s.seconds > 100) OR (e.kind = 'sell' AND s.seconds < 500))

# an OR in an OR
SELECT count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE ((e.kind = 'buy' OR e.id = 3) AND s.seconds > 100) OR ((e.kind = 'sell' OR e.id = 2) AND (s.seconds < 500 OR s.started > '2024-01-01'))

# parameters
@params 100 | buy | sell
SELECT count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE (e.kind = $2 AND s.seconds > $1) OR (e.kind = $3 AND s.seconds < $1)

# a parameter of two types
@params 2
SELECT count(*) FROM events e JOIN sessions s ON e.client_id = s.client_id WHERE (e.id = $1 AND s.seconds > $1) OR (e.amount > $1 AND s.seconds < 5)

# in an OR beside other conditions
SELECT count(*) FROM events e, instruments i WHERE e.id = i.instrument_id % 7 AND ((e.kind = 'buy' AND i.country = 'DE') OR (e.kind = 'sell' AND i.country = 'US')) AND e.id < 4

# over a reference table
SELECT count(*) FROM events e, countries c WHERE (e.id = 1 AND c.code = 'DE') OR (e.id = 2 AND c.code = 'US')

# columns with other names
SELECT count(*) FROM events AS e(a, b, c), sessions s WHERE (e.c = 'buy' AND s.seconds > 1) OR (e.c = 'sell' AND s.seconds > 2)

# columns with schemas
SELECT count(*) FROM public.events, sessions s WHERE (public.events.kind = 'buy' AND s.seconds > 1) OR (public.events.kind = 'sell' AND s.seconds > 2)

# with division by zero in a branch
SELECT count(*) FROM events e JOIN sessions s USING (client_id) WHERE (e.id > 1 AND 10 / (e.id - 1) > 3) OR (e.id = 1 AND s.seconds > 0)

# of a view
SELECT count(*) FROM big_events b, sessions s WHERE (b.amount > 60 AND s.seconds > 1) OR (b.amount < 70 AND s.seconds > 200)
