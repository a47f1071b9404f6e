//! What becomes which key, and where PostgreSQL's hash puts it.

use super::*;

fn decode(of: KeyType, raw: Raw<'_>, cast: Option<u32>) -> String {
    show(of.decode(raw, cast))
}

fn show(decoded: Decoded) -> String {
    match decoded {
        Decoded::Key(key) => key.to_string(),
        Decoded::Null => "null".into(),
        Decoded::NoMatch => "no match".into(),
        Decoded::Invalid => "invalid".into(),
        Decoded::Undecidable(_) => "undecidable".into(),
    }
}

fn literal(text: &str) -> Raw<'_> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    match text.strip_prefix('\'') {
        Some(quoted) => Raw::Literal { kind: LiteralKind::String, negative, text: quoted.trim_end_matches('\'') },
        None if text.contains(['.', 'e']) => Raw::Literal { kind: LiteralKind::Decimal, negative, text },
        None => Raw::Literal { kind: LiteralKind::Integer, negative, text },
    }
}

fn text_param(type_oid: u32, bytes: &[u8]) -> Raw<'_> {
    Raw::Param { format: Format::Text, type_oid, bytes: Some(bytes) }
}

fn binary_param(type_oid: u32, bytes: &[u8]) -> Raw<'_> {
    Raw::Param { format: Format::Binary, type_oid, bytes: Some(bytes) }
}

fn int4(value: i32) -> &'static [u8] {
    value.to_be_bytes().to_vec().leak()
}

fn int8(value: i64) -> &'static [u8] {
    value.to_be_bytes().to_vec().leak()
}

/// The buckets were asked of PostgreSQL 15 with `satisfies_hash_partition(…, 256, bucket, value)`.
#[test]
fn buckets_are_postgresqls() {
    for line in include_str!("samples.txt").lines() {
        let [name, text, bucket] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let of = KeyType::from_name(name).unwrap();
        let key = Key::from_config(of, text).unwrap();
        assert_eq!((key.hash() % 256).to_string(), bucket, "{line}");
        let scale_is_lost = of == KeyType::Numeric && text == "1.50";
        assert!(scale_is_lost || of == KeyType::TimestampTz || key.to_string() == text, "{line}: {key}");
    }
}

type Case = (KeyType, &'static str, Option<u32>, &'static str);

fn check(cases: &[Case]) {
    for (of, text, cast, expected) in cases {
        assert_eq!(decode(*of, literal(text), *cast), *expected, "{} {text} {cast:?}", of.name());
    }
}

#[test]
fn literals_of_integers_text_and_uuids() {
    use KeyType::*;
    let cases: &[Case] = &[
        (BigInt, "42", None, "42"),
        (BigInt, "-42", None, "-42"),
        (BigInt, "007", None, "7"),
        (BigInt, "5.0", None, "5"),
        (BigInt, "5e2", None, "500"),
        (BigInt, "50e-1", None, "5"),
        (BigInt, "5.5", None, "no match"),
        (BigInt, "-9223372036854775808", None, "-9223372036854775808"),
        (BigInt, "9223372036854775808", None, "no match"),
        (SmallInt, "70000", None, "no match"),
        (SmallInt, "'70000'", None, "invalid"),
        (BigInt, "'abc'", None, "invalid"),
        (BigInt, "''", None, "invalid"),
        (BigInt, "' 42 '", None, "42"),
        (BigInt, "'+42'", None, "42"),
        (BigInt, "'- 42'", None, "invalid"),
        (BigInt, "'0x1F'", None, "undecidable"),
        (BigInt, "'1_000'", None, "undecidable"),
        (BigInt, "-'5'", None, "undecidable"),
        (BigInt, "'42'", Some(oid::INT4), "42"),
        (BigInt, "'5000000000'", Some(oid::INT4), "invalid"),
        (Integer, "'5000000000'", Some(oid::INT8), "no match"),
        (BigInt, "42", Some(oid::NUMERIC), "42"),
        (BigInt, "5.0", Some(oid::INT4), "5"),
        (BigInt, "5.7", Some(oid::INT4), "undecidable"),
        (BigInt, "42", Some(701), "undecidable"),
        (BigInt, "'42'", Some(oid::TEXT), "undecidable"),
        (BigInt, "-32768", Some(oid::INT2), "undecidable"),
        (BigInt, "-32767", Some(oid::INT2), "-32767"),
        (BigInt, "-32769", Some(oid::INT2), "invalid"),
        (Text, "'zürich'", None, "zürich"),
        (Text, "' a '", None, " a "),
        (Text, "'a'", Some(1042), "undecidable"),
        (Text, "'a'", Some(oid::VARCHAR), "a"),
        (Text, "5", None, "undecidable"),
        (Text, "5", Some(oid::TEXT), "5"),
        (Text, "-5", Some(oid::TEXT), "undecidable"),
        (Uuid, "'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'", None, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (Uuid, "'a0eebc999c0b4ef8bb6d6bb9bd380a11'", None, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (Uuid, "'a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11'", None, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        (Uuid, "'a0e-ebc999c0b4ef8bb6d6bb9bd380a11'", None, "invalid"),
        (Uuid, "'a0eebc999c0b4ef8bb6d6bb9bd380a11-'", None, "invalid"),
        (Uuid, "'{a0eebc999c0b4ef8bb6d6bb9bd380a11'", None, "invalid"),
        (Uuid, "' a0eebc999c0b4ef8bb6d6bb9bd380a11'", None, "invalid"),
    ];
    check(cases);
}

#[test]
fn literals_of_dates_and_numerics() {
    use KeyType::*;
    let cases: &[Case] = &[
        (Date, "'2026-02-28'", None, "2026-02-28"),
        (Date, "' 2026-02-28 '", None, "2026-02-28"),
        (Date, "'2026-02-29'", None, "invalid"),
        (Date, "'0000-01-01'", None, "invalid"),
        (Date, "'02/03/2026'", None, "undecidable"),
        (Date, "'today'", None, "undecidable"),
        (Date, "'Infinity'", None, "infinity"),
        (Date, "'2026-02-28 00:00:00'", Some(oid::TIMESTAMP), "2026-02-28"),
        (Date, "'2026-02-28 00:00:01'", Some(oid::TIMESTAMP), "no match"),
        (Date, "'2026-02-28 00:00:00+00'", Some(oid::TIMESTAMPTZ), "undecidable"),
        (Timestamp, "'2026-02-28'", None, "2026-02-28 00:00:00"),
        (Timestamp, "'2026-02-28T10:11'", None, "2026-02-28 10:11:00"),
        (Timestamp, "'2026-02-28 10:11:12.1234565'", None, "2026-02-28 10:11:12.123456"),
        (Timestamp, "'2026-02-28 10:11:12.1234575'", None, "2026-02-28 10:11:12.123458"),
        (Timestamp, "'2026-12-31 23:59:59.9999999'", None, "2027-01-01 00:00:00"),
        (Timestamp, "'2026-02-28 10:11:12+02'", None, "2026-02-28 10:11:12"),
        (Timestamp, "'2026-02-28 24:00:00'", None, "undecidable"),
        (Timestamp, "'294277-01-01 00:00:00'", None, "invalid"),
        (Timestamp, "'5874897-12-31 10:00'", None, "invalid"),
        (Timestamp, "'5874897-12-31'", Some(oid::DATE), "no match"),
        (Timestamp, "'2026-02-28'", Some(oid::DATE), "2026-02-28 00:00:00"),
        (TimestampTz, "'2026-02-28 10:11:12'", None, "undecidable"),
        (TimestampTz, "'2026-02-28'", None, "undecidable"),
        (TimestampTz, "'now'", None, "undecidable"),
        (TimestampTz, "'2026-02-28 10:11:12Z'", None, "2026-02-28 10:11:12"),
        (TimestampTz, "'2026-02-28 10:11:12 UTC'", None, "2026-02-28 10:11:12"),
        (TimestampTz, "'2026-02-28 10:11:12-05:30'", None, "2026-02-28 15:41:12"),
        (TimestampTz, "'2026-02-28 10:11:12+0530'", None, "2026-02-28 04:41:12"),
        (TimestampTz, "'2026-02-28 10:11:12 Europe/Berlin'", None, "undecidable"),
        (TimestampTz, "'-infinity'", None, "-infinity"),
        (TimestampTz, "'294277-01-01 03:00+05'", None, "294276-12-31 22:00:00"),
        (TimestampTz, "'294276-12-31 22:00-05'", None, "invalid"),
        (TimestampTz, "'294277-01-01 03:00'", None, "undecidable"),
        (TimestampTz, "'4714-11-23 23:00-05 BC'", None, "4714-11-24 04:00:00 BC"),
        (TimestampTz, "'4714-11-24 03:00+05 BC'", None, "invalid"),
        (Timestamp, "'4714-11-23 23:00 BC'", None, "invalid"),
        (Timestamp, "'9999999-01-01 23:00'", None, "invalid"),
        (Date, "'4714-11-23 BC'", None, "invalid"),
        (Date, "'5874898-01-01'", None, "invalid"),
        (Date, "'9999999-12-31'", None, "invalid"),
        (Numeric, "1.50", None, "1.5"),
        (Numeric, "42", None, "42"),
        (Numeric, "-0.0", None, "0"),
        (Numeric, "'12345678901234567890.000123'", None, "12345678901234567890.000123"),
        (Numeric, "'1e-5'", None, "0.00001"),
        (Numeric, "'.5e3'", None, "500"),
        (Numeric, "'-inf'", None, "-Infinity"),
        (Numeric, "'NaN'", None, "NaN"),
        (Numeric, "'1e5000'", None, "undecidable"),
        (Numeric, "'1e 5'", None, "undecidable"),
        (Numeric, "'1.2.3'", None, "invalid"),
    ];
    check(cases);
}

#[test]
fn parameters() {
    use KeyType::*;
    let numeric = |count: i16, weight: i16, sign: u16, scale: i16, digits: &[i16]| -> &'static [u8] {
        let head = [count, weight, sign as i16, scale];
        head.iter().chain(digits).flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>().leak()
    };
    let cases: &[(KeyType, Raw<'_>, Option<u32>, &str)] = &[
        (BigInt, text_param(0, b"42"), None, "42"),
        (BigInt, text_param(705, b"42"), None, "42"),
        (BigInt, binary_param(0, int8(42)), None, "42"),
        (BigInt, binary_param(0, int4(42)), None, "42"),
        (SmallInt, binary_param(0, int4(70_000)), None, "no match"),
        (BigInt, binary_param(23, int4(-42)), None, "-42"),
        (BigInt, binary_param(0, int4(42)), Some(oid::INT4), "42"),
        (BigInt, binary_param(23, int4(42)), Some(oid::INT2), "42"),
        (BigInt, binary_param(23, int4(70_000)), Some(oid::INT2), "invalid"),
        (SmallInt, binary_param(20, int8(70_000)), None, "no match"),
        (BigInt, binary_param(1700, numeric(1, 0, 0, 0, &[5])), None, "5"),
        (BigInt, binary_param(1700, numeric(2, 0, 0x4000, 1, &[5, 5000])), None, "no match"),
        (Numeric, binary_param(1700, numeric(3, 0, 0, 4, &[0, 5, 0])), None, "0.0005"),
        (Numeric, binary_param(1700, numeric(0, 0, 0xC000, 0, &[])), None, "NaN"),
        (Numeric, binary_param(1700, numeric(1, 0, 0, 0, &[])), None, "invalid"),
        (BigInt, text_param(25, b"42"), None, "undecidable"),
        (BigInt, text_param(25, b"42"), Some(oid::INT8), "42"),
        (BigInt, text_param(701, b"42"), None, "undecidable"),
        (
            Uuid,
            text_param(1043, b"a0eebc999c0b4ef8bb6d6bb9bd380a11"),
            Some(oid::UUID),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        ),
        (Uuid, binary_param(2950, &[7; 16]), None, "07070707-0707-0707-0707-070707070707"),
        (Uuid, binary_param(0, &[7; 15]), None, "invalid"),
        (Text, binary_param(25, b"a b"), None, "a b"),
        (Text, text_param(0, b"\xff"), None, "invalid"),
        (Text, text_param(0, b"a\0"), None, "invalid"),
        (Text, text_param(1042, b"a"), None, "undecidable"),
        (Date, binary_param(0, int4(31)), None, "2000-02-01"),
        (Date, binary_param(1114, int8(1)), None, "no match"),
        (Timestamp, binary_param(1114, int8(1_500_000)), None, "2000-01-01 00:00:01.5"),
        (Timestamp, binary_param(1184, int8(0)), None, "undecidable"),
        (TimestampTz, binary_param(1184, int8(0)), None, "2000-01-01 00:00:00"),
        (BigInt, Raw::Param { format: Format::Text, type_oid: 20, bytes: None }, None, "null"),
        (BigInt, Raw::Null, Some(oid::INT8), "null"),
    ];
    for (of, raw, cast, expected) in cases {
        assert_eq!(decode(*of, *raw, *cast), *expected, "{} {raw:?} {cast:?}", of.name());
    }
}

#[test]
fn what_is_stored_is_not_what_is_compared() {
    use KeyType::*;
    let cases: &[(KeyType, &str, Option<u32>, &str)] = &[
        (BigInt, "5.0", None, "5"),
        (BigInt, "5.5", None, "undecidable"),
        (SmallInt, "70000", None, "invalid"),
        (SmallInt, "70000.0", None, "invalid"),
        (Text, "5", None, "5"),
        (Text, "-5", None, "-5"),
        (Text, "5.50", None, "undecidable"),
        (BigInt, "'x'", None, "invalid"),
        (Date, "'2026-02-28 10:00'", Some(oid::TIMESTAMP), "undecidable"),
    ];
    for (of, text, cast, expected) in cases {
        assert_eq!(show(of.decode_stored(literal(text), *cast)), *expected, "{} {text} {cast:?}", of.name());
    }
}

#[test]
fn arrays() {
    use KeyType::*;
    let words = |words: &[i32]| -> &'static [u8] {
        words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>().leak()
    };
    let cases: &[(KeyType, Raw<'_>, Option<u32>, &str)] = &[
        (BigInt, text_param(0, b"{1, 2 ,NULL,\"3\"}"), None, "1|2|null|3"),
        (BigInt, text_param(1016, b"{}"), None, ""),
        (BigInt, text_param(1231, b"{5.0,5.5}"), None, "5|no match"),
        (BigInt, literal("'{1,2}'"), None, "1|2"),
        (BigInt, literal("'{1,2}'"), Some(1007), "1|2"),
        (BigInt, literal("'{1,x}'"), None, "1|invalid"),
        (BigInt, text_param(0, b"{{1},{2}}"), None, "! undecidable"),
        (BigInt, text_param(0, b"[0:1]={1,2}"), None, "! undecidable"),
        (BigInt, text_param(0, b"{1,}"), None, "invalid"),
        (BigInt, text_param(0, b"1,2"), None, "invalid"),
        (BigInt, text_param(1022, b"{1}"), None, "! undecidable"),
        (Text, text_param(1009, br#"{a b,"x \"y\"","NULL",null,"c,d"}"#), None, r#"a b|x "y"|NULL|null|c,d"#),
        (BigInt, binary_param(1016, words(&[1, 0, 20, 2, 1, 8, 0, 42, -1])), None, "42|null"),
        (BigInt, binary_param(1007, words(&[1, 0, 23, 2, 1, 4, 42, 4, 43])), None, "42|43"),
        (BigInt, binary_param(0, words(&[0, 0, 20])), None, ""),
        (BigInt, binary_param(0, words(&[1, 0, 23, 1, 1, 4, 42])), None, "invalid"),
        (BigInt, binary_param(1016, words(&[1, 0, 20, i32::MAX, 1])), None, "invalid"),
        (BigInt, binary_param(1016, words(&[2, 0, 20, 1, 1, 1, 1, 8, 0, 42])), None, "! undecidable"),
        (BigInt, Raw::Null, None, "null"),
    ];
    for (of, raw, cast, expected) in cases {
        let shown = match of.decode_array(*raw, *cast) {
            Ok(elements) => elements.into_iter().map(show).collect::<Vec<_>>().join("|"),
            Err(why) => format!("! {}", show(Decoded::Undecidable(why))),
        };
        assert_eq!(shown, *expected, "{} {raw:?} {cast:?}", of.name());
    }
}

#[test]
fn numerics_are_ordered_as_postgresql_orders_them() {
    let ascending = [
        "-Infinity",
        "-1e30",
        "-10000.5",
        "-10000",
        "-2",
        "-0.0001",
        "0",
        "1e-30",
        "0.0001",
        "0.9999",
        "1",
        "1.00001",
        "2",
        "9999.9999",
        "10000",
        "1e30",
        "Infinity",
        "NaN",
    ];
    let keys: Vec<Key> = ascending.iter().map(|text| Key::from_config(KeyType::Numeric, text).unwrap()).collect();
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
}

#[test]
fn a_wrong_key_in_the_map_says_what_is_expected() {
    let error = Key::from_config(KeyType::SmallInt, "70000").unwrap_err();
    assert_eq!(error, r#""70000" is not a key of type smallint: expected a whole number from -32768 to 32767"#);
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn dates_and_timestamps_survive_being_printed(days in -2_451_545..2_145_031_949_i32, micros in -211_813_488_000_000_000..9_223_371_331_200_000_000_i64) {
            for (of, key) in [(KeyType::Date, Key::Date(days)), (KeyType::Timestamp, Key::Timestamp(micros))] {
                prop_assert_eq!(Key::from_config(of, &key.to_string()), Ok(key));
            }
        }

        #[test]
        fn integers_are_numerics(value: i64, other: i64) {
            let numeric = Numeric::from(value);
            prop_assert_eq!(numeric.as_integer(), Some(value));
            prop_assert_eq!(Numeric::parse(&value.to_string()), Ok(numeric.clone()));
            prop_assert_eq!(numeric.to_string(), value.to_string());
            prop_assert_eq!(numeric.cmp(&Numeric::from(other)), value.cmp(&other));
        }

        #[test]
        fn nothing_a_client_sends_panics(bytes: Vec<u8>, text: String, cast in proptest::option::of(0..3000u32)) {
            for of in KeyType::ALL {
                for format in [Format::Text, Format::Binary] {
                    let raw = Raw::Param { format, type_oid: 0, bytes: Some(&bytes) };
                    drop((of.decode(raw, cast), of.decode_array(raw, None)));
                }
                let raw = Raw::Literal { kind: LiteralKind::Decimal, negative: true, text: &text };
                drop((of.decode_stored(raw, cast), of.decode_array(text_param(0, text.as_bytes()), None)));
            }
        }
    }
}
