@same 100

# smallint: a value as it is usually written
SELECT k, v FROM k_smallint WHERE k = -20

# smallint: a value as it is usually written
SELECT k, v FROM k_smallint WHERE k = 0

# smallint: a value as it is usually written
SELECT k, v FROM k_smallint WHERE k = 5

# smallint: a value as it is usually written
SELECT k, v FROM k_smallint WHERE k = 32767

# smallint: a value as it is usually written
SELECT k, v FROM k_smallint WHERE k = -32768

# smallint: a value as it is usually written
SELECT k, v FROM k_smallint WHERE k = 40000

# smallint: another notation
SELECT k, v FROM k_smallint WHERE k = 5::int

# smallint: another notation
SELECT k, v FROM k_smallint WHERE k = '5'

# smallint: another notation
SELECT k, v FROM k_smallint WHERE k = 5.0

# smallint: another notation
SELECT k, v FROM k_smallint WHERE k = 5::bigint

# smallint: another notation
SELECT k, v FROM k_smallint WHERE k = '5'::smallint

# smallint: another notation
SELECT k, v FROM k_smallint WHERE k = 5.5

# smallint: IN with the same value twice
SELECT v FROM k_smallint WHERE k IN (-20, -20)

# smallint: NULL
SELECT v FROM k_smallint WHERE k = NULL

# smallint: parameter
@params 5
SELECT k, v FROM k_smallint WHERE k = $1

# smallint: parameter
@params -32768
SELECT k, v FROM k_smallint WHERE k = $1

# smallint: parameter
@params 32767
SELECT k, v FROM k_smallint WHERE k = $1

# smallint: parameter
@params 40000
SELECT k, v FROM k_smallint WHERE k = $1

# smallint: parameter NULL
@params NULL
SELECT k, v FROM k_smallint WHERE k = $1

# smallint: array parameter
@params {"5"}
SELECT k, v FROM k_smallint WHERE k = ANY ($1)

# smallint: parameter as text
@params 5
SELECT k, v FROM k_smallint WHERE k = $1::text::smallint

# integer: a value as it is usually written
SELECT k, v FROM k_integer WHERE k = 1000

# integer: a value as it is usually written
SELECT k, v FROM k_integer WHERE k = -1000

# integer: a value as it is usually written
SELECT k, v FROM k_integer WHERE k = 2147483647

# integer: a value as it is usually written
SELECT k, v FROM k_integer WHERE k = -2147483648

# integer: a value as it is usually written
SELECT k, v FROM k_integer WHERE k = 1

# integer: a value as it is usually written
SELECT k, v FROM k_integer WHERE k = 3000000000

# integer: another notation
SELECT k, v FROM k_integer WHERE k = 1000::bigint

# integer: another notation
SELECT k, v FROM k_integer WHERE k = '1000'

# integer: another notation
SELECT k, v FROM k_integer WHERE k = 1000::smallint

# integer: another notation
SELECT k, v FROM k_integer WHERE k = 1000.0

# integer: another notation
SELECT k, v FROM k_integer WHERE k = CAST('1000' AS int)

# integer: another notation
SELECT k, v FROM k_integer WHERE k = 1e3

# integer: IN with the same value twice
SELECT v FROM k_integer WHERE k IN (1000, 1000)

# integer: NULL
SELECT v FROM k_integer WHERE k = NULL

# integer: parameter
@params 1000
SELECT k, v FROM k_integer WHERE k = $1

# integer: parameter
@params -2147483648
SELECT k, v FROM k_integer WHERE k = $1

# integer: parameter
@params 2147483647
SELECT k, v FROM k_integer WHERE k = $1

# integer: parameter NULL
@params NULL
SELECT k, v FROM k_integer WHERE k = $1

# integer: array parameter
@params {"1000"}
SELECT k, v FROM k_integer WHERE k = ANY ($1)

# integer: parameter as text
@params 1000
SELECT k, v FROM k_integer WHERE k = $1::text::integer

# bigint: a value as it is usually written
SELECT k, v FROM k_bigint WHERE k = 10000000000

# bigint: a value as it is usually written
SELECT k, v FROM k_bigint WHERE k = -9223372036854775808

# bigint: a value as it is usually written
SELECT k, v FROM k_bigint WHERE k = 9223372036854775807

# bigint: a value as it is usually written
SELECT k, v FROM k_bigint WHERE k = 2

# bigint: a value as it is usually written
SELECT k, v FROM k_bigint WHERE k = 1

# bigint: another notation
SELECT k, v FROM k_bigint WHERE k = 10000000000::numeric

# bigint: another notation
SELECT k, v FROM k_bigint WHERE k = '10000000000'

# bigint: another notation
SELECT k, v FROM k_bigint WHERE k = 2::smallint

# bigint: another notation
SELECT k, v FROM k_bigint WHERE k = 2::int

# bigint: another notation
SELECT k, v FROM k_bigint WHERE k = 1e10

# bigint: another notation
SELECT k, v FROM k_bigint WHERE k = 2.0

# bigint: IN with the same value twice
SELECT v FROM k_bigint WHERE k IN (10000000000, 10000000000)

# bigint: NULL
SELECT v FROM k_bigint WHERE k = NULL

# bigint: parameter
@params 10000000000
SELECT k, v FROM k_bigint WHERE k = $1

# bigint: parameter
@params -9223372036854775808
SELECT k, v FROM k_bigint WHERE k = $1

# bigint: parameter
@params 2
SELECT k, v FROM k_bigint WHERE k = $1

# bigint: parameter NULL
@params NULL
SELECT k, v FROM k_bigint WHERE k = $1

# bigint: array parameter
@params {"10000000000"}
SELECT k, v FROM k_bigint WHERE k = ANY ($1)

# bigint: parameter as text
@params 10000000000
SELECT k, v FROM k_bigint WHERE k = $1::text::bigint

# text: a value as it is usually written
SELECT k, v FROM k_text WHERE k = 'key1'

# text: a value as it is usually written
SELECT k, v FROM k_text WHERE k = ''

# text: a value as it is usually written
SELECT k, v FROM k_text WHERE k = ' '

# text: a value as it is usually written
SELECT k, v FROM k_text WHERE k = '1'

# text: a value as it is usually written
SELECT k, v FROM k_text WHERE k = 'it''s'

# text: a value as it is usually written
SELECT k, v FROM k_text WHERE k = 'ä☃𝄞'

# text: a value as it is usually written
SELECT k, v FROM k_text WHERE k = 'a b'

# text: another notation
SELECT k, v FROM k_text WHERE k = 'key1'::varchar

# text: another notation
SELECT k, v FROM k_text WHERE k = 'key1'::text

# text: another notation
SELECT k, v FROM k_text WHERE k = text 'key1'

# text: another notation
SELECT k, v FROM k_text WHERE k = 'key1'::name

# text: another notation
SELECT k, v FROM k_text WHERE k = E'key1'

# text: another notation
SELECT k, v FROM k_text WHERE k = $$key1$$

# text: another notation
SELECT k, v FROM k_text WHERE k = 'key1'::char(4)

# text: IN with the same value twice
SELECT v FROM k_text WHERE k IN ('key1', 'key1')

# text: NULL
SELECT v FROM k_text WHERE k = NULL

# text: parameter
@params key1
SELECT k, v FROM k_text WHERE k = $1

# text: parameter
@params ''
SELECT k, v FROM k_text WHERE k = $1

# text: parameter
@params it's
SELECT k, v FROM k_text WHERE k = $1

# text: parameter
@params ä☃𝄞
SELECT k, v FROM k_text WHERE k = $1

# text: parameter
@params a b
SELECT k, v FROM k_text WHERE k = $1

# text: parameter NULL
@params NULL
SELECT k, v FROM k_text WHERE k = $1

# text: array parameter
@params {"key1"}
SELECT k, v FROM k_text WHERE k = ANY ($1)

# text: parameter as text
@params key1
SELECT k, v FROM k_text WHERE k = $1::text::text

# varchar: a value as it is usually written
SELECT k, v FROM k_varchar WHERE k = 'key1'

# varchar: a value as it is usually written
SELECT k, v FROM k_varchar WHERE k = ''

# varchar: a value as it is usually written
SELECT k, v FROM k_varchar WHERE k = ' '

# varchar: a value as it is usually written
SELECT k, v FROM k_varchar WHERE k = '1'

# varchar: a value as it is usually written
SELECT k, v FROM k_varchar WHERE k = 'it''s'

# varchar: a value as it is usually written
SELECT k, v FROM k_varchar WHERE k = 'ä☃𝄞'

# varchar: a value as it is usually written
SELECT k, v FROM k_varchar WHERE k = 'a b'

# varchar: another notation
SELECT k, v FROM k_varchar WHERE k = 'key1'::varchar

# varchar: another notation
SELECT k, v FROM k_varchar WHERE k = 'key1'::text

# varchar: another notation
SELECT k, v FROM k_varchar WHERE k = 'key1'::varchar(3)

# varchar: another notation
SELECT k, v FROM k_varchar WHERE k = varchar 'key1'

# varchar: another notation
SELECT k, v FROM k_varchar WHERE k = 'key1'::name

# varchar: IN with the same value twice
SELECT v FROM k_varchar WHERE k IN ('key1', 'key1')

# varchar: NULL
SELECT v FROM k_varchar WHERE k = NULL

# varchar: parameter
@params key1
SELECT k, v FROM k_varchar WHERE k = $1

# varchar: parameter
@params ''
SELECT k, v FROM k_varchar WHERE k = $1

# varchar: parameter
@params it's
SELECT k, v FROM k_varchar WHERE k = $1

# varchar: parameter
@params ä☃𝄞
SELECT k, v FROM k_varchar WHERE k = $1

# varchar: parameter NULL
@params NULL
SELECT k, v FROM k_varchar WHERE k = $1

# varchar: array parameter
@params {"key1"}
SELECT k, v FROM k_varchar WHERE k = ANY ($1)

# varchar: parameter as text
@params key1
SELECT k, v FROM k_varchar WHERE k = $1::text::varchar

# uuid: a value as it is usually written
SELECT k, v FROM k_uuid WHERE k = '00000000-0000-0000-0000-000000000000'

# uuid: a value as it is usually written
SELECT k, v FROM k_uuid WHERE k = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

# uuid: a value as it is usually written
SELECT k, v FROM k_uuid WHERE k = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'

# uuid: a value as it is usually written
SELECT k, v FROM k_uuid WHERE k = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'

# uuid: another notation
SELECT k, v FROM k_uuid WHERE k = '{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}'

# uuid: another notation
SELECT k, v FROM k_uuid WHERE k = 'a0eebc999c0b4ef8bb6d6bb9bd380a11'

# uuid: another notation
SELECT k, v FROM k_uuid WHERE k = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid

# uuid: another notation
SELECT k, v FROM k_uuid WHERE k = uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'

# uuid: another notation
SELECT k, v FROM k_uuid WHERE k = 'nope'

# uuid: another notation
SELECT k, v FROM k_uuid WHERE k = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::text

# uuid: IN with the same value twice
SELECT v FROM k_uuid WHERE k IN ('00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000')

# uuid: NULL
SELECT v FROM k_uuid WHERE k = NULL

# uuid: parameter
@params a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
SELECT k, v FROM k_uuid WHERE k = $1

# uuid: parameter
@params {A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}
SELECT k, v FROM k_uuid WHERE k = $1

# uuid: parameter
@params ffffffff-ffff-ffff-ffff-ffffffffffff
SELECT k, v FROM k_uuid WHERE k = $1

# uuid: parameter NULL
@params NULL
SELECT k, v FROM k_uuid WHERE k = $1

# uuid: array parameter
@params {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}
SELECT k, v FROM k_uuid WHERE k = ANY ($1)

# uuid: parameter as text
@params a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11
SELECT k, v FROM k_uuid WHERE k = $1::text::uuid

# date: a value as it is usually written
SELECT k, v FROM k_date WHERE k = '2024-01-11'

# date: a value as it is usually written
SELECT k, v FROM k_date WHERE k = 'infinity'

# date: a value as it is usually written
SELECT k, v FROM k_date WHERE k = '-infinity'

# date: a value as it is usually written
SELECT k, v FROM k_date WHERE k = '0044-03-15 BC'

# date: a value as it is usually written
SELECT k, v FROM k_date WHERE k = '1999-12-31'

# date: a value as it is usually written
SELECT k, v FROM k_date WHERE k = '2000-01-01'

# date: a value as it is usually written
SELECT k, v FROM k_date WHERE k = '5874897-12-31'

# date: another notation
SELECT k, v FROM k_date WHERE k = date '2024-01-11'

# date: another notation
SELECT k, v FROM k_date WHERE k = '2024-01-11'::date

# date: another notation
SELECT k, v FROM k_date WHERE k = 'Jan 11, 2024'

# date: another notation
SELECT k, v FROM k_date WHERE k = '2024.011'

# date: another notation
SELECT k, v FROM k_date WHERE k = '11-Jan-2024'

# date: another notation
SELECT k, v FROM k_date WHERE k = '2024-01-11 13:00'

# date: another notation
SELECT k, v FROM k_date WHERE k = timestamp '2024-01-11'

# date: another notation
SELECT k, v FROM k_date WHERE k = timestamptz '2024-01-11 00:00+00'

# date: another notation
SELECT k, v FROM k_date WHERE k = '2024-02-30'

# date: IN with the same value twice
SELECT v FROM k_date WHERE k IN ('2024-01-11', '2024-01-11')

# date: NULL
SELECT v FROM k_date WHERE k = NULL

# date: parameter
@params 2024-01-11
SELECT k, v FROM k_date WHERE k = $1

# date: parameter
@params infinity
SELECT k, v FROM k_date WHERE k = $1

# date: parameter
@params -infinity
SELECT k, v FROM k_date WHERE k = $1

# date: parameter
@params 0044-03-15 BC
SELECT k, v FROM k_date WHERE k = $1

# date: parameter
@params 1999-12-31
SELECT k, v FROM k_date WHERE k = $1

# date: parameter
@params Jan 11, 2024
SELECT k, v FROM k_date WHERE k = $1

# date: parameter NULL
@params NULL
SELECT k, v FROM k_date WHERE k = $1

# date: array parameter
@params {"2024-01-11"}
SELECT k, v FROM k_date WHERE k = ANY ($1)

# date: parameter as text
@params 2024-01-11
SELECT k, v FROM k_date WHERE k = $1::text::date

# timestamp: a value as it is usually written
SELECT k, v FROM k_timestamp WHERE k = '2024-01-02 12:00:01.5'

# timestamp: a value as it is usually written
SELECT k, v FROM k_timestamp WHERE k = 'infinity'

# timestamp: a value as it is usually written
SELECT k, v FROM k_timestamp WHERE k = '-infinity'

# timestamp: a value as it is usually written
SELECT k, v FROM k_timestamp WHERE k = '2000-01-01'

# timestamp: a value as it is usually written
SELECT k, v FROM k_timestamp WHERE k = '1999-12-31 23:59:59.999999'

# timestamp: a value as it is usually written
SELECT k, v FROM k_timestamp WHERE k = '0044-03-15 12:30 BC'

# timestamp: another notation
SELECT k, v FROM k_timestamp WHERE k = timestamp '2024-01-02 12:00:01.5'

# timestamp: another notation
SELECT k, v FROM k_timestamp WHERE k = '2024-01-02T12:00:01.5'

# timestamp: another notation
SELECT k, v FROM k_timestamp WHERE k = '2024-01-02 12:00:01.500000'

# timestamp: another notation
SELECT k, v FROM k_timestamp WHERE k = '2024-01-02 12:00:01.5'::timestamp(0)

# timestamp: another notation
SELECT k, v FROM k_timestamp WHERE k = '20240102 120001.5'

# timestamp: another notation
SELECT k, v FROM k_timestamp WHERE k = date '2000-01-01'

# timestamp: another notation
SELECT k, v FROM k_timestamp WHERE k = '2000-01-01 00:00:00+05'

# timestamp: another notation
SELECT k, v FROM k_timestamp WHERE k = '2000-01-01 24:00'

# timestamp: IN with the same value twice
SELECT v FROM k_timestamp WHERE k IN ('2024-01-02 12:00:01.5', '2024-01-02 12:00:01.5')

# timestamp: NULL
SELECT v FROM k_timestamp WHERE k = NULL

# timestamp: parameter
@params 2024-01-02 12:00:01.5
SELECT k, v FROM k_timestamp WHERE k = $1

# timestamp: parameter
@params infinity
SELECT k, v FROM k_timestamp WHERE k = $1

# timestamp: parameter
@params 1999-12-31 23:59:59.999999
SELECT k, v FROM k_timestamp WHERE k = $1

# timestamp: parameter
@params 2024-01-02T12:00:01.500
SELECT k, v FROM k_timestamp WHERE k = $1

# timestamp: parameter NULL
@params NULL
SELECT k, v FROM k_timestamp WHERE k = $1

# timestamp: array parameter
@params {"2024-01-02 12:00:01.5"}
SELECT k, v FROM k_timestamp WHERE k = ANY ($1)

# timestamp: parameter as text
@params 2024-01-02 12:00:01.5
SELECT k, v FROM k_timestamp WHERE k = $1::text::timestamp

# timestamptz: a value as it is usually written
SELECT k, v FROM k_timestamptz WHERE k = '2024-01-02 14:00+00'

# timestamptz: a value as it is usually written
SELECT k, v FROM k_timestamptz WHERE k = 'infinity'

# timestamptz: a value as it is usually written
SELECT k, v FROM k_timestamptz WHERE k = '-infinity'

# timestamptz: a value as it is usually written
SELECT k, v FROM k_timestamptz WHERE k = '2000-01-01 00:00+00'

# timestamptz: a value as it is usually written
SELECT k, v FROM k_timestamptz WHERE k = '1999-12-31 23:59:59.999999+00'

# timestamptz: another notation
SELECT k, v FROM k_timestamptz WHERE k = '2024-01-02 16:00+02'

# timestamptz: another notation
SELECT k, v FROM k_timestamptz WHERE k = '2024-01-02T14:00:00Z'

# timestamptz: another notation
SELECT k, v FROM k_timestamptz WHERE k = timestamptz '2024-01-02 14:00+00'

# timestamptz: another notation
SELECT k, v FROM k_timestamptz WHERE k = '2024-01-02 14:00'

# timestamptz: another notation
SELECT k, v FROM k_timestamptz WHERE k = '2024-01-02 09:00 America/New_York'

# timestamptz: another notation
SELECT k, v FROM k_timestamptz WHERE k = timestamp '2000-01-01'

# timestamptz: another notation
SELECT k, v FROM k_timestamptz WHERE k = '2000-01-01 00:00+00'::timestamptz

# timestamptz: another notation
SELECT k, v FROM k_timestamptz WHERE k = '2024-01-02 14:00:00.000+00:00'

# timestamptz: IN with the same value twice
SELECT v FROM k_timestamptz WHERE k IN ('2024-01-02 14:00+00', '2024-01-02 14:00+00')

# timestamptz: NULL
SELECT v FROM k_timestamptz WHERE k = NULL

# timestamptz: parameter
@params 2024-01-02 14:00+00
SELECT k, v FROM k_timestamptz WHERE k = $1

# timestamptz: parameter
@params infinity
SELECT k, v FROM k_timestamptz WHERE k = $1

# timestamptz: parameter
@params 2024-01-02 16:00:00+02
SELECT k, v FROM k_timestamptz WHERE k = $1

# timestamptz: parameter
@params 1999-12-31 23:59:59.999999+00
SELECT k, v FROM k_timestamptz WHERE k = $1

# timestamptz: parameter NULL
@params NULL
SELECT k, v FROM k_timestamptz WHERE k = $1

# timestamptz: array parameter
@params {"2024-01-02 14:00+00"}
SELECT k, v FROM k_timestamptz WHERE k = ANY ($1)

# timestamptz: parameter as text
@params 2024-01-02 14:00+00
SELECT k, v FROM k_timestamptz WHERE k = $1::text::timestamptz

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 1.25

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = -1.25

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 0

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 100

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 10000

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 'NaN'

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 'Infinity'

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = '-Infinity'

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 123456789012345678901234567890.123456789

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 1e100

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 0.000000000000000000001

# numeric: a value as it is usually written
SELECT k, v FROM k_numeric WHERE k = 5

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = 1.250

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = '1.25'

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = 1.25::numeric

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = 100::int

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = 100::bigint

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = '1e2'

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = 1.25::float8

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = '1.2500'::numeric(10,4)

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = '100'::numeric

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = 0.0

# numeric: another notation
SELECT k, v FROM k_numeric WHERE k = -0.0

# numeric: IN with the same value twice
SELECT v FROM k_numeric WHERE k IN (1.25, 1.25)

# numeric: NULL
SELECT v FROM k_numeric WHERE k = NULL

# numeric: parameter
@params 1.25
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params 1.2500
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params NaN
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params Infinity
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params 123456789012345678901234567890.123456789
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params 1e100
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params 0.000000000000000000001
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params 100
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params 10000
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params -1.25
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter
@params 0
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: parameter NULL
@params NULL
SELECT k, v FROM k_numeric WHERE k = $1

# numeric: array parameter
@params {"1.25"}
SELECT k, v FROM k_numeric WHERE k = ANY ($1)

# numeric: parameter as text
@params 1.25
SELECT k, v FROM k_numeric WHERE k = $1::text::numeric
