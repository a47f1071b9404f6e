//! What is lifted out of a text, what makes it odd, and PostgreSQL's parser as the judge of both.

use proptest::prelude::*;

use super::*;

fn template() -> Template {
    Template::new(RandomState::default())
}

/// The skeleton with markers as `<int4>` and so on, the literals, and what else is not usual.
fn show(text: &str) -> String {
    let mut template = template();
    let lexed = template.lex(text.as_bytes());
    if lexed.is_odd {
        assert_eq!((lexed.skeleton[0], &lexed.skeleton[1..]), (0, text.as_bytes()));
        assert!(lexed.literals.is_empty());
        return "odd".into();
    }
    let skeleton = String::from_utf8(lexed.skeleton.to_vec()).unwrap();
    let mut shown = [("\x01", "<int4>"), ("\x02", "<int8>"), ("\x03", "<numeric>"), ("\x04", "<string>")]
        .iter()
        .fold(skeleton, |shown, (mark, name)| shown.replace(mark, name));
    for literal in lexed.literals {
        shown += &format!(" |{}", literal.text(text));
    }
    if lexed.statements != 1 {
        shown += &format!(" statements={}", lexed.statements);
    }
    if let Some(hint) = lexed.hint {
        shown += &format!(" hint={:?}", &text[hint]);
    }
    shown
}

#[test]
fn skeletons_for_people() {
    let shown = |text: &str, max| {
        let mut template = template();
        readable(template.lex(text.as_bytes()).skeleton, max)
    };
    assert_eq!(shown(" SELECT 'é', 1.5 -- why", 100), "SELECT ?, ?");
    assert_eq!(shown("SELECT \"é\", 2", 100), "SELECT \"é\", ?");
    assert_eq!(shown("SELECT \"é\", 2", 9), "SELECT \" …", "no half letters");
    assert_eq!(shown("", 9), "");
}

#[test]
fn what_settings_are_set_to_is_not_for_people() {
    let cases = [
        ("SET my.key TO secret", "SET my.key TO ?"),
        (
            "set session \"my;\"\"x\" . key=secret , \"se;cret\", 'x'; SELECT a",
            "set session \"my;\"\"x\" . key=?; SELECT a",
        ),
        ("BEGIN; SET LOCAL session.x = on;SET b TO secret", "BEGIN; SET LOCAL session.x = ?;SET b TO ?"),
        ("SET SESSION.x = secret", "SET SESSION.x = ?"),
        ("SET TIME ZONE secret", "SET TIME ZONE ?"),
        ("SET LOCAL TIME ZONE INTERVAL '1' HOUR", "SET LOCAL TIME ZONE ?"),
        ("ALTER ROLE bob IN DATABASE app SET my.key TO secret", "ALTER ROLE bob IN DATABASE app SET my.key TO ?"),
        ("ALTER DATABASE app SET my.key = secret", "ALTER DATABASE app SET my.key = ?"),
        ("ALTER SYSTEM SET primary_conninfo = secret", "ALTER SYSTEM SET primary_conninfo = ?"),
        ("CREATE FUNCTION f() RETURNS int SET a TO secret AS 'x'", "CREATE FUNCTION f() RETURNS int SET a TO ?"),
        ("ALTER ROLE bob PASSWORD secret", "ALTER ROLE bob PASSWORD ?"),
        ("ALTER ROLE bob PASSWORD 'secret' VALID UNTIL '2100-01-01'", "ALTER ROLE bob PASSWORD ? VALID UNTIL ?"),
        ("SET ROLE bob", "SET ROLE bob"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
        ("UPDATE t SET a = b", "UPDATE t SET a = b"),
        ("ALTER TABLE t SET (fillfactor = 70), SET SCHEMA s", "ALTER TABLE t SET (fillfactor = ?), SET SCHEMA s"),
        ("CREATE TABLE users (password text)", "CREATE TABLE users (password text)"),
        ("SET", "SET"),
        ("SET a TO", "SET a TO"),
    ];
    for (text, expected) in cases {
        let mut template = template();
        assert_eq!(readable(template.lex(text.as_bytes()).skeleton, 500), expected, "{text}");
    }
}

#[test]
fn what_is_lifted_out() {
    let cases = [
        ("SELECT * FROM orders WHERE id = 42", "SELECT * FROM orders WHERE id = <int4> |42"),
        ("  SELECT\n\t1 ", "SELECT <int4> |1"),
        ("SELECT 'it''s' , 'x'", "SELECT <string> , <string> |it's |x"),
        ("SELECT ''", "SELECT <string> |"),
        ("SELECT ''''", "SELECT <string> |'"),
        ("SELECT 2147483647, 2147483648", "SELECT <int4>, <int8> |2147483647 |2147483648"),
        ("SELECT 0000000000000002147483647", "SELECT <int4> |0000000000000002147483647"),
        (
            "SELECT 9223372036854775807,9223372036854775808",
            "SELECT <int8>,<numeric> |9223372036854775807 |9223372036854775808",
        ),
        ("SELECT 1.5e-3, .5, 1., 1e5", "SELECT <numeric>, <numeric>, <numeric>, <numeric> |1.5e-3 |.5 |1. |1e5"),
        ("SELECT -5, a<-5, 3-2", "SELECT -<int4>, a<-<int4>, <int4>-<int4> |5 |5 |3 |2"),
        ("SELECT a/**/b", "SELECT a b"),
        ("SELECT a--b\n,c", "SELECT a ,c"),
        ("SELECT a--b\r,c", "SELECT a ,c"),
        ("SELECT 1 --", "SELECT <int4> |1"),
        ("SELECT 1+--\n2", "SELECT <int4>+ <int4> |1 |2"),
        ("SELECT 1*/* x */2", "SELECT <int4>* <int4> |1 |2"),
        ("SELECT /* a /* b */ c */ 1", "SELECT <int4> |1"),
        ("SELECT /**/1", "SELECT <int4> |1"),
        ("SELECT /***/1/*/*/**/*/*/", "SELECT <int4> |1"),
        ("SELECT x1, _2, a$1, $1, $23", "SELECT x1, _2, a$1, $1, $23"),
        ("SELECT \"a b 1 'x' -- \"\"q\"", "SELECT \"a b 1 'x' -- \"\"q\""),
        ("SELECT date'2026-01-01', größe", "SELECT date<string>, größe |2026-01-01"),
        ("SELECT abcE'x'", "SELECT abcE<string> |x"),
        ("SELECT a[1:2]", "SELECT a[<int4>:<int4>] |1 |2"),
        ("SELECT '\\'", "SELECT <string> |\\"),
        ("SELECT '-- /*'", "SELECT <string> |-- /*"),
        ("SELECT 1;", "SELECT <int4>; |1"),
        ("SELECT 1; ;-- x\n;", "SELECT <int4>; ; ; |1"),
        ("BEGIN; SELECT 1", "BEGIN; SELECT <int4> |1 statements=2"),
        ("", " statements=0"),
        (" -- nothing", " statements=0"),
        ("/* app */ SELECT 1", "SELECT <int4> |1"),
        (
            "/* shardway shard=b */ SELECT 1",
            "/* shardway shard=b */\n SELECT <int4> |1 hint=\"/* shardway shard=b */\"",
        ),
        ("/* x */ -- shardway key=7\nSELECT 1", "-- shardway key=7\n SELECT <int4> |1 hint=\"-- shardway key=7\""),
        ("/*SHARDWAY: b*/SELECT 1", "/*SHARDWAY: b*/\n SELECT <int4> |1 hint=\"/*SHARDWAY: b*/\""),
        ("/* not of shardway */ SELECT 1", "SELECT <int4> |1"),
        ("SELECT /* shardway shard=b */ 1", "SELECT <int4> |1"),
    ];
    for (text, expected) in cases {
        assert_eq!(show(text), expected, "{text}");
    }
}

#[test]
fn what_is_odd() {
    let odd = [
        "SELECT E'x'",
        "SELECT e'\\n'",
        "SELECT b'1'",
        "SELECT X'1F'",
        "SELECT N'x'",
        "SELECT U&'x'",
        "SELECT u&\"x\"",
        "SELECT 'a'\n'b'",
        "SELECT 'a' -- x\n 'b'",
        "SELECT 'a' 'b'",
        "SELECT 'a'/**/'b'",
        "SELECT $$x$$",
        "SELECT $a$x$a$",
        "SELECT $1a",
        "SELECT 123abc",
        "SELECT 0x1F",
        "SELECT 1_000",
        "SELECT 1..2",
        "SELECT a[x..5]",
        "SELECT 1.2.3",
        "SELECT 1e",
        "SELECT 1e+",
        "SELECT 1.e",
        "SELECT 1$",
        "SELECT a.5",
        "SELECT $1.5",
        "SELECT 'open",
        "SELECT \"open",
        "SELECT /* open",
        "SELECT /* /* */",
        "SELECT \x01",
        "SELECT \x0b1",
        "SELECT '\0'",
        "SELECT \"\0\"",
        "SELECT \\",
        "SELECT $",
    ];
    for text in odd {
        assert_eq!(show(text), "odd", "{text}");
    }
    assert!(template().lex(b"SELECT '\xff'").is_odd);
}

#[test]
fn more_literals_than_a_plan_can_count_are_odd() {
    let row = "1,".repeat(LITERALS);
    assert_eq!(show(&format!("SELECT {row}x")).matches("<int4>").count(), LITERALS);
    assert_eq!(show(&format!("SELECT {row}1")), "odd");
}

const LITERALS: usize = u16::MAX as usize;

#[test]
fn a_comment_never_joins_two_words() {
    let mut template = template();
    let joined = template.lex(b"SELECT ab").skeleton.to_vec();
    assert_ne!(template.lex(b"SELECT a/**/b").skeleton, joined);
}

/// What PostgreSQL's parser makes of a text, constants included.
fn parsed(text: &str) -> Option<String> {
    let tree = pg_raw_parse::parse(text).ok()?;
    pg_raw_parse::deparse_stmts(tree.stmts()).ok()
}

/// The text with its literals written anew.
fn with_literals(text: &str, literals: &[Literal], written: &[String]) -> String {
    let mut out = String::new();
    let mut kept = 0;
    for (literal, written) in literals.iter().zip(written) {
        out += &text[kept..literal.at.start as usize];
        out += written;
        kept = literal.at.end as usize;
    }
    out + &text[kept..]
}

/// The skeleton as text again, its markers replaced.
fn from_skeleton(skeleton: &[u8], literals: &[Literal], text: &str) -> String {
    let mut literals = literals.iter();
    let mut in_quotes = false;
    let mut out = Vec::new();
    for byte in skeleton {
        in_quotes ^= *byte == b'"';
        match byte {
            1..=4 if !in_quotes => {
                let at = &literals.next().unwrap().at;
                out.extend_from_slice(&text.as_bytes()[at.start as usize..at.end as usize]);
            }
            byte => out.push(*byte),
        }
    }
    String::from_utf8(out).unwrap()
}

/// Another value of the same kind and size class.
fn other_value(literal: &Literal, text: &str) -> String {
    match (literal.kind, literal.text(text).len()) {
        (LiteralKind::String, _) => "'other ''value'' -- /* $1 \"'".into(),
        (LiteralKind::Decimal, _) => "77.25e+1".into(),
        (LiteralKind::Integer, 0..10) => "77".into(),
        (LiteralKind::Integer, 10..19) => "5000000000".into(),
        (LiteralKind::Integer, _) => "77777777777777777777777".into(),
    }
}

/// Pieces of which texts are made that are hard to lex.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "'", "''", "'a'", "'a''b'", "\"", "\"q\"", "\"q\"\"r\"", "--", "-- c\n", "/*", "*/", "/* c */", "/* /* n */ */", "\n", "\r", "\t", " ", " ", ",", "(", ")", ";",
            "+", "-", "<-", "*", "/", "@", "=", "::text", ".", "..", "$1", "$", "$$", "$a$", "E'x'", "e", "E", "U&", "u&'d'", "x", "n", "b", "a", "abc", "as", "é", "\\", "\\'",
            "1", "12", "2147483648", "99999999999999999999", "1.5", ".5", "1.", "1e5", "e5", "1e", "0x1", "1_0", " FROM t ", " WHERE ", " AND ", " date ", " interval ",
            "\x01", "\x04", "\x0b",
        ]).prop_map(str::to_owned),
        1 => "[ -~]{1,3}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..10).prop_map(|pieces| format!("SELECT {}", pieces.concat()))
}

/// Statements that parse, with blanks and literals still to be chosen.
fn statement() -> impl Strategy<Value = String> {
    let blank = prop::sample::select(vec![" ", "\n", "  ", "\t ", " /* c */ ", "/**/", " -- x\n", "/* /* 'n */ \" */"]);
    let literal = prop_oneof![
        any::<u32>().prop_map(|n| n.to_string()),
        any::<u64>().prop_map(|n| n.to_string()),
        any::<f32>().prop_map(|n| format!("{:.3}", n.abs() % 1e6)),
        "[ -~é€]{0,12}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
    ];
    let shapes = vec![
        "SELECT~*~FROM~t~WHERE~k~=~?~AND~(b~<~?~OR~c~IN~(?,?,~?))",
        "INSERT~INTO~t(a,~\"b 1\")~VALUES~(?,?),~(-?,$1)",
        "UPDATE~t~SET~a=?,b=a-?~WHERE~k=$2~AND~s~LIKE~?",
        "DELETE~FROM~s.t~WHERE~a$1=?~;~SELECT~?",
        "SELECT~f(?)::text,~CASE~WHEN~x>-?~THEN~?~END~AS~\"c\"\"d\"~FROM~t~ORDER~BY~a",
    ];
    (prop::sample::select(shapes), prop::collection::vec(blank, 60), prop::collection::vec(literal, 8)).prop_map(
        |(shape, blanks, literals)| {
            let (mut blanks, mut literals) = (blanks.into_iter().cycle(), literals.into_iter().cycle());
            let fill = |part: char| match part {
                '~' => blanks.next().unwrap().to_owned(),
                '?' => literals.next().unwrap(),
                part => part.to_string(),
            };
            shape.chars().map(fill).collect()
        },
    )
}

/// The skeleton and the literals say all that PostgreSQL reads, and nothing else.
fn check_against_the_parser(text: &str) -> Result<(), TestCaseError> {
    let mut first = template();
    let lexed = first.lex(text.as_bytes());
    if lexed.is_odd {
        return Ok(());
    }
    let folded = from_skeleton(lexed.skeleton, lexed.literals, text);
    prop_assert_eq!(parsed(text), parsed(&folded), "folded: {:?}", folded);

    let written: Vec<String> = lexed.literals.iter().map(|literal| other_value(literal, text)).collect();
    let changed = with_literals(text, lexed.literals, &written);
    let mut second = template();
    let again = second.lex(changed.as_bytes());
    prop_assert!(!again.is_odd);
    prop_assert_eq!(
        &again
            .literals
            .iter()
            .map(|literal| changed[literal.at.start as usize..literal.at.end as usize].to_owned())
            .collect::<Vec<_>>(),
        &written
    );
    // Folded first: normalize() itself miscounts `-/* c */1`.
    let folded_again = from_skeleton(again.skeleton, again.literals, &changed);
    let normal = |text: &str| pg_raw_parse::normalize::normalize(text).ok();
    if lexed.literals.iter().all(|literal| literal.kind != LiteralKind::Integer) {
        prop_assert_eq!(lexed.skeleton, again.skeleton);
    }
    prop_assert_eq!(normal(&folded), normal(&folded_again));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nasty_texts_lex_as_the_parser_reads_them(text in text()) {
        check_against_the_parser(&text)?;
    }

    #[test]
    fn statements_lex_as_the_parser_reads_them(text in statement()) {
        prop_assert!(parsed(&text).is_some(), "{}", text);
        prop_assert!(!template().lex(text.as_bytes()).is_odd);
        check_against_the_parser(&text)?;
    }

    #[test]
    fn equal_skeletons_are_the_same_statement(a in statement(), b in statement()) {
        let (mut one, mut two) = (template(), template());
        let (first, second) = (one.lex(a.as_bytes()), two.lex(b.as_bytes()));
        if first.skeleton == second.skeleton {
            let written: Vec<_> = second.literals.iter().map(|literal| b[literal.at.start as usize..literal.at.end as usize].to_owned()).collect();
            prop_assert_eq!(parsed(&with_literals(&a, first.literals, &written)), parsed(&b));
        }
    }

    #[test]
    fn any_bytes_lex_without_panic(bytes: Vec<u8>) {
        let mut template = template();
        template.lex(&bytes);
    }

    #[test]
    fn equal_texts_hash_alike_and_buffers_do_not_remember(a in text(), b in text()) {
        let mut warm = template();
        let hash = warm.lex(a.as_bytes()).hash;
        warm.lex(b.as_bytes());
        prop_assert_eq!(warm.lex(a.as_bytes()).hash, hash);
    }
}
