-- Keys that are given as values of another type: stored as PostgreSQL stores them, and found again.
@write
@undone
@same 17

INSERT INTO k_integer VALUES (7000000.5::float8, 'rounded to the even one') RETURNING k

INSERT INTO k_integer VALUES (7000001.5::float8, 'x'), (7000005.5::float4, 'y') RETURNING k

INSERT INTO k_integer VALUES (7000000.5::float8, 'x'); UPDATE k_integer SET v = 'found' WHERE k = 7000000 RETURNING v

INSERT INTO k_bigint VALUES (1e300::float8, 'out of range')

INSERT INTO k_integer VALUES ('many'::float8, 'no number')

INSERT INTO k_integer VALUES ('7000000'::text, 'no text is stored as a number')

INSERT INTO k_numeric VALUES (0.1::float4, 'x'); DELETE FROM k_numeric WHERE k = 0.1 RETURNING v

INSERT INTO k_text VALUES ('padded  '::bpchar, 'x'); UPDATE k_text SET v = 'found' WHERE k = 'padded' RETURNING k || '.', v

INSERT INTO k_text VALUES ('a name'::name, 'x'); UPDATE k_text SET v = 'found' WHERE k = 'a name' RETURNING v

INSERT INTO k_varchar VALUES ('padded  '::bpchar, 'x')

INSERT INTO k_timestamptz VALUES (timestamp '2031-05-05', 'x'); UPDATE k_timestamptz SET v = 'found' WHERE k = timestamp '2031-05-05' RETURNING v

INSERT INTO k_date VALUES (timestamp '2031-05-05 12:00', 'x'); UPDATE k_date SET v = 'found' WHERE k = '2031-05-05' RETURNING v

INSERT INTO k_timestamp VALUES (date '2031-05-05', 'x'); UPDATE k_timestamp SET v = 'found' WHERE k = '2031-05-05' RETURNING v

UPDATE k_integer SET v = v || '!' WHERE k = 42::float8

UPDATE k_text SET v = v || '!' WHERE k = 'a'::bpchar

DELETE FROM k_integer WHERE k = 42::oid RETURNING v

DELETE FROM k_timestamptz WHERE k = '2024-01-01 00:00:00'

DELETE FROM k_numeric WHERE k = 0.5::float8
