@write
@same 64

# smallint: insert
INSERT INTO k_smallint VALUES (123, 'new') RETURNING k

# smallint: update
UPDATE k_smallint SET v = v || '!' WHERE k = 123

# smallint: insert a duplicate
INSERT INTO k_smallint VALUES (123, 'again')

# smallint: upsert
INSERT INTO k_smallint VALUES (123, 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# smallint: delete
DELETE FROM k_smallint WHERE k = 123 RETURNING v

# smallint: insert by parameter
@params 123 | param
INSERT INTO k_smallint VALUES ($1, $2)

# smallint: copy
COPY k_smallint FROM STDIN
@data
201	copied
202	copied
203	copied
204	copied
\.

# smallint: copy as csv
COPY k_smallint FROM STDIN WITH (FORMAT csv)
@data
"201",copied twice
\.

# integer: insert
INSERT INTO k_integer VALUES (123456, 'new') RETURNING k

# integer: update
UPDATE k_integer SET v = v || '!' WHERE k = 123456

# integer: insert a duplicate
INSERT INTO k_integer VALUES (123456, 'again')

# integer: upsert
INSERT INTO k_integer VALUES (123456, 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# integer: delete
DELETE FROM k_integer WHERE k = 123456 RETURNING v

# integer: insert by parameter
@params 123456 | param
INSERT INTO k_integer VALUES ($1, $2)

# integer: copy
COPY k_integer FROM STDIN
@data
201	copied
202	copied
203	copied
204	copied
\.

# integer: copy as csv
COPY k_integer FROM STDIN WITH (FORMAT csv)
@data
"201",copied twice
\.

# bigint: insert
INSERT INTO k_bigint VALUES (12345678901, 'new') RETURNING k

# bigint: update
UPDATE k_bigint SET v = v || '!' WHERE k = 12345678901

# bigint: insert a duplicate
INSERT INTO k_bigint VALUES (12345678901, 'again')

# bigint: upsert
INSERT INTO k_bigint VALUES (12345678901, 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# bigint: delete
DELETE FROM k_bigint WHERE k = 12345678901 RETURNING v

# bigint: insert by parameter
@params 12345678901 | param
INSERT INTO k_bigint VALUES ($1, $2)

# bigint: copy
COPY k_bigint FROM STDIN
@data
201	copied
202	copied
203	copied
204	copied
\.

# bigint: copy as csv
COPY k_bigint FROM STDIN WITH (FORMAT csv)
@data
"201",copied twice
\.

# text: insert
INSERT INTO k_text VALUES ('new ☃', 'new') RETURNING k

# text: update
UPDATE k_text SET v = v || '!' WHERE k = 'new ☃'

# text: insert a duplicate
INSERT INTO k_text VALUES ('new ☃', 'again')

# text: upsert
INSERT INTO k_text VALUES ('new ☃', 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# text: delete
DELETE FROM k_text WHERE k = 'new ☃' RETURNING v

# text: insert by parameter
@params new ☃ | param
INSERT INTO k_text VALUES ($1, $2)

# text: copy
COPY k_text FROM STDIN
@data
c1	copied
c2	copied
c3	copied
c4 ☃	copied
\.

# text: copy as csv
COPY k_text FROM STDIN WITH (FORMAT csv)
@data
"c1",copied twice
\.

# varchar: insert
INSERT INTO k_varchar VALUES ('new ☃', 'new') RETURNING k

# varchar: update
UPDATE k_varchar SET v = v || '!' WHERE k = 'new ☃'

# varchar: insert a duplicate
INSERT INTO k_varchar VALUES ('new ☃', 'again')

# varchar: upsert
INSERT INTO k_varchar VALUES ('new ☃', 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# varchar: delete
DELETE FROM k_varchar WHERE k = 'new ☃' RETURNING v

# varchar: insert by parameter
@params new ☃ | param
INSERT INTO k_varchar VALUES ($1, $2)

# varchar: copy
COPY k_varchar FROM STDIN
@data
c1	copied
c2	copied
c3	copied
c4 ☃	copied
\.

# varchar: copy as csv
COPY k_varchar FROM STDIN WITH (FORMAT csv)
@data
"c1",copied twice
\.

# uuid: insert
INSERT INTO k_uuid VALUES ('11111111-2222-3333-4444-555555555555', 'new') RETURNING k

# uuid: update
UPDATE k_uuid SET v = v || '!' WHERE k = '11111111-2222-3333-4444-555555555555'

# uuid: insert a duplicate
INSERT INTO k_uuid VALUES ('11111111-2222-3333-4444-555555555555', 'again')

# uuid: upsert
INSERT INTO k_uuid VALUES ('11111111-2222-3333-4444-555555555555', 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# uuid: delete
DELETE FROM k_uuid WHERE k = '11111111-2222-3333-4444-555555555555' RETURNING v

# uuid: insert by parameter
@params 11111111-2222-3333-4444-555555555555 | param
INSERT INTO k_uuid VALUES ($1, $2)

# uuid: copy
COPY k_uuid FROM STDIN
@data
00000000-0000-0000-0000-000000000001	copied
00000000-0000-0000-0000-000000000002	copied
00000000-0000-0000-0000-000000000003	copied
00000000-0000-0000-0000-000000000004	copied
\.

# uuid: copy as csv
COPY k_uuid FROM STDIN WITH (FORMAT csv)
@data
"00000000-0000-0000-0000-000000000001",copied twice
\.

# date: insert
INSERT INTO k_date VALUES ('2031-05-05', 'new') RETURNING k

# date: update
UPDATE k_date SET v = v || '!' WHERE k = '2031-05-05'

# date: insert a duplicate
INSERT INTO k_date VALUES ('2031-05-05', 'again')

# date: upsert
INSERT INTO k_date VALUES ('2031-05-05', 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# date: delete
DELETE FROM k_date WHERE k = '2031-05-05' RETURNING v

# date: insert by parameter
@params 2031-05-05 | param
INSERT INTO k_date VALUES ($1, $2)

# date: copy
COPY k_date FROM STDIN
@data
2032-01-01	copied
2032-01-02	copied
2032-01-03	copied
0001-01-01	copied
\.

# date: copy as csv
COPY k_date FROM STDIN WITH (FORMAT csv)
@data
"2032-01-01",copied twice
\.

# timestamp: insert
INSERT INTO k_timestamp VALUES ('2031-05-05 05:05:05.55', 'new') RETURNING k

# timestamp: update
UPDATE k_timestamp SET v = v || '!' WHERE k = '2031-05-05 05:05:05.55'

# timestamp: insert a duplicate
INSERT INTO k_timestamp VALUES ('2031-05-05 05:05:05.55', 'again')

# timestamp: upsert
INSERT INTO k_timestamp VALUES ('2031-05-05 05:05:05.55', 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# timestamp: delete
DELETE FROM k_timestamp WHERE k = '2031-05-05 05:05:05.55' RETURNING v

# timestamp: insert by parameter
@params 2031-05-05 05:05:05.55 | param
INSERT INTO k_timestamp VALUES ($1, $2)

# timestamp: copy
COPY k_timestamp FROM STDIN
@data
2032-01-01 00:00:00	copied
2032-01-01 00:00:00.000001	copied
2032-01-02 00:00:00	copied
\.

# timestamp: copy as csv
COPY k_timestamp FROM STDIN WITH (FORMAT csv)
@data
"2032-01-01 00:00:00",copied twice
\.

# timestamptz: insert
INSERT INTO k_timestamptz VALUES ('2031-05-05 05:05:05.55+00', 'new') RETURNING k

# timestamptz: update
UPDATE k_timestamptz SET v = v || '!' WHERE k = '2031-05-05 05:05:05.55+00'

# timestamptz: insert a duplicate
INSERT INTO k_timestamptz VALUES ('2031-05-05 05:05:05.55+00', 'again')

# timestamptz: upsert
INSERT INTO k_timestamptz VALUES ('2031-05-05 05:05:05.55+00', 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# timestamptz: delete
DELETE FROM k_timestamptz WHERE k = '2031-05-05 05:05:05.55+00' RETURNING v

# timestamptz: insert by parameter
@params 2031-05-05 05:05:05.55+00 | param
INSERT INTO k_timestamptz VALUES ($1, $2)

# timestamptz: copy
COPY k_timestamptz FROM STDIN
@data
2032-01-01 00:00:00+00	copied
2032-01-01 05:00:00+03	copied
2032-01-02 00:00:00.5+00	copied
\.

# timestamptz: copy as csv
COPY k_timestamptz FROM STDIN WITH (FORMAT csv)
@data
"2032-01-01 00:00:00+00",copied twice
\.

# timestamptz: the last day as another zone writes it
INSERT INTO k_timestamptz VALUES ('294277-01-01 03:00:00+05', 'last') RETURNING v

# timestamptz: the same moment
UPDATE k_timestamptz SET v = v || '!' WHERE k = '294276-12-31 22:00:00+00' RETURNING v

# timestamptz: the first day as another zone writes it
INSERT INTO k_timestamptz VALUES ('4714-11-23 23:00:00-05 BC', 'first') RETURNING v

# timestamptz: the same moment
DELETE FROM k_timestamptz WHERE k = '4714-11-24 04:00:00+00 BC' RETURNING v

# timestamptz: beyond the last moment
INSERT INTO k_timestamptz VALUES ('294276-12-31 22:00:00-05', 'never')

# numeric: insert
INSERT INTO k_numeric VALUES (98765.4321, 'new') RETURNING k

# numeric: update
UPDATE k_numeric SET v = v || '!' WHERE k = 98765.4321

# numeric: insert a duplicate
INSERT INTO k_numeric VALUES (98765.4321, 'again')

# numeric: upsert
INSERT INTO k_numeric VALUES (98765.4321, 'again') ON CONFLICT (k) DO UPDATE SET v = excluded.v

# numeric: delete
DELETE FROM k_numeric WHERE k = 98765.4321 RETURNING v

# numeric: insert by parameter
@params 98765.4321 | param
INSERT INTO k_numeric VALUES ($1, $2)

# numeric: copy
COPY k_numeric FROM STDIN
@data
201	copied
202.50	copied
-0.001	copied
1e-5	copied
123456789012345678901	copied
\.

# numeric: copy as csv
COPY k_numeric FROM STDIN WITH (FORMAT csv)
@data
"201",copied twice
\.
