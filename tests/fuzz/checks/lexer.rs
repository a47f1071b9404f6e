//! Any text: the skeleton and the literals say what PostgreSQL's own parser reads, or the text is odd.

use shardway::logic::sql::escapes::{Strings, spelled_out};
use shardway::logic::sql::template::{Literal, Template};

/// Longer texts say nothing new, and the parser's stack is not ours.
const LONGEST: usize = 600;

/// Checks one text.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        assert!(Template::new(Default::default()).lex(data).is_odd);
        return;
    };
    if text.len() > LONGEST || text.contains('\0') {
        return;
    }
    if let (Some(tree), Ok(spelled)) = (parsed(text), spelled_out(data, Strings::Standard)) {
        let spelled = String::from_utf8(spelled.into_owned()).expect("of a text, a text");
        assert_eq!(Some(tree), parsed(&spelled), "{text:?} spelled out as {spelled:?}");
    }
    let mut template = Template::new(Default::default());
    let lexed = template.lex(data);
    if lexed.is_odd {
        assert!(lexed.literals.is_empty() && lexed.skeleton[1..] == *data);
        return;
    }
    // A hint stands in the skeleton as it is written, before the first statement.
    let hint = lexed.hint.clone().map_or("", |at| &text[at]);
    let at = lexed.skeleton.windows(hint.len().max(1)).position(|part| part == hint.as_bytes()).unwrap_or(0);
    let (before, rest) = lexed.skeleton.split_at(at + hint.len());
    let folded = String::from_utf8_lossy(before).into_owned() + &from_skeleton(rest, lexed.literals, text);
    assert_eq!(parsed(text), parsed(&folded), "{text:?} folded to {folded:?}");
    if let Some(tree) = parsed(text) {
        // Without CREATE FUNCTION … BEGIN ATOMIC, statements are what stands between semicolons.
        let upper = text.to_uppercase();
        if !upper.contains("ATOMIC") && !upper.contains("RULE") {
            assert_eq!(tree.0, lexed.statements, "statements in {text:?}");
        }
    }
}

/// How many statements, and what they say.
fn parsed(text: &str) -> Option<(usize, Option<String>)> {
    let tree = pg_raw_parse::parse(text).ok()?;
    Some((tree.stmts().count(), pg_raw_parse::deparse_stmts(tree.stmts()).ok()))
}

fn from_skeleton(skeleton: &[u8], literals: &[Literal], text: &str) -> String {
    let (mut literals, mut in_quotes, mut out) = (literals.iter(), false, Vec::new());
    for byte in skeleton {
        in_quotes ^= *byte == b'"';
        match byte {
            1..=4 if !in_quotes => {
                let at = &literals.next().expect("a marker has its literal").at;
                out.extend_from_slice(&text.as_bytes()[at.start as usize..at.end as usize]);
            }
            byte => out.push(*byte),
        }
    }
    assert!(literals.next().is_none(), "a literal has its marker");
    String::from_utf8(out).expect("of a text, a text")
}
