//! Bodies of functions, procedures and DO: may running one leave something in the session?
//!
//! A body is not run and not parsed; its tokens are looked at. Where they do not tell, the answer is that it may.

use std::collections::HashMap;

use super::tokens::{Token, tokens};

/// What running a body leaves in the session, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Leaves {
    /// Nothing
    #[default]
    Nothing,
    /// Its language cannot be looked into, and nothing in it speaks of what sessions have
    Unseen,
    /// Settings, or something else that is the session's: temporary tables, locks, cursors WITH HOLD, channels; or what
    /// may be some
    Settings,
}

/// PostgreSQL's own that leave something, where nobody has looked at their arguments.
pub const LEAVING: [&str; 6] = [
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "set_config",
    "setseed",
];

/// The names that bodies may use of what leaves something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Functions, views, operators and types of any schema, and whatever else runs functions: what they leave
    pub called: HashMap<Box<str>, Leaves>,
    /// Tables and views of any schema: what their triggers leave
    pub written: HashMap<Box<str>, Leaves>,
}

impl Names {
    /// What another shard's leave counts too.
    pub fn join(&mut self, other: &Self) {
        for (ours, theirs) in [(&mut self.called, &other.called), (&mut self.written, &other.written)] {
            for (name, leaves) in theirs {
                raise(ours, name, *leaves);
            }
        }
    }

    fn called(&self, name: &str) -> Leaves {
        self.called.get(name).copied().unwrap_or_default()
    }

    /// What operators leave that may stand in a body.
    fn operators(&self, body: &str) -> Leaves {
        let is_operator = |name: &str| !name.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ' ' | '"'));
        let found = self.called.iter().filter(|(name, _)| is_operator(name) && body.contains(&***name));
        found.map(|(_, leaves)| *leaves).max().unwrap_or_default()
    }

    fn written(&self, name: &str) -> Leaves {
        self.written.get(name).copied().unwrap_or_default()
    }
}

/// Notes what a name leaves. Returns whether that is news.
pub fn raise(names: &mut HashMap<Box<str>, Leaves>, name: &str, leaves: Leaves) -> bool {
    match names.get_mut(name) {
        Some(known) if *known >= leaves => false,
        Some(known) => {
            *known = leaves;
            true
        }
        None if leaves == Leaves::Nothing => false,
        None => names.insert(name.into(), leaves).is_none(),
    }
}

/// What running this body leaves.
pub fn leaves(language: &str, body: &str, names: &Names) -> Leaves {
    match language {
        "sql" | "plpgsql" => Reader { names, depth: 0 }.read(body, true).max(names.operators(body)),
        // C and PostgreSQL's own do what they are known for.
        "c" | "internal" => Leaves::Nothing,
        _ => foreign(body),
    }
}

/// Texts in texts; nobody writes more.
const DEPTH_MAX: usize = 8;

#[derive(Clone, Copy)]
struct Reader<'a> {
    names: &'a Names,
    depth: usize,
}

impl Reader<'_> {
    /// `is_whole`: the text begins with a statement.
    fn read(self, text: &str, is_whole: bool) -> Leaves {
        if self.depth > DEPTH_MAX {
            return Leaves::Settings;
        }
        let tokens = tokens(text);
        let mut found = Leaves::Nothing;
        for at in 0..tokens.len() {
            found = found.max(self.at(&tokens, at, is_whole));
            if found == Leaves::Settings {
                break;
            }
        }
        found
    }

    fn at(self, tokens: &[Token<'_>], at: usize, is_whole: bool) -> Leaves {
        let before = at.checked_sub(1).map(|before| &tokens[before]);
        let after = &tokens[at + 1..];
        let is_start = match &tokens[..at] {
            [] => is_whole,
            before => ends_statement(before),
        };
        let Some(name) = tokens[at].name() else { return computed_name(tokens, at) };
        let is_keyword = matches!(tokens[at], Token::Word(_)) && !before.is_some_and(|it| it.is_sign('.'));
        match name {
            "set" if is_keyword && is_start => set(after),
            "reset" | "discard" if is_keyword && is_start && after.first().is_some_and(|it| it.name().is_some()) => {
                Leaves::Settings
            }
            "execute" if is_keyword && !is_of_definition(before, after) => self.execute(after),
            "do" if is_keyword && is_start => self.texts(after),
            "listen" | "unlisten" | "prepare" | "deallocate"
                if is_keyword && is_start && after.first().is_some_and(|it| it.name().is_some() || it.is_sign('*')) =>
            {
                Leaves::Settings
            }
            "temp" | "temporary" if is_keyword && makes_temporary(&tokens[..at], after) => Leaves::Settings,
            "pg_temp" if after.first().is_some_and(|it| it.is_sign('.')) => Leaves::Settings,
            "hold" if is_keyword && before.is_some_and(|it| it.is("with")) => Leaves::Settings,
            "set_config" if opens(after) && !is_local(after) => Leaves::Settings,
            "pg_settings" if names_written(&tokens[..at]) => Leaves::Settings,
            _ if KEEPS.contains(&name) && opens(after) => Leaves::Settings,
            _ if names_written(&tokens[..at]) => self.names.written(name).max(self.names.called(name)),
            _ => self.names.called(name),
        }
    }

    /// EXECUTE: what it runs must be seen to begin with a verb.
    fn execute(self, tokens: &[Token<'_>]) -> Leaves {
        let end =
            tokens.iter().position(|it| it.is_sign(';') || ["into", "using", "loop"].iter().any(|word| it.is(word)));
        let expression = &tokens[..end.unwrap_or(tokens.len())];
        let first = expression.iter().find(|it| !it.is_sign('(') && !it.is("format") && !it.is("concat"));
        let begins = first.is_some_and(|it| matches!(it, Token::Text(text) if shows_verb(text)));
        if begins { self.texts(expression) } else { Leaves::Settings }
    }

    /// The strings up to the end of the statement: what is run, in pieces.
    fn texts(self, tokens: &[Token<'_>]) -> Leaves {
        let inner = Self { depth: self.depth + 1, ..self };
        let (mut found, mut is_whole) = (Leaves::Nothing, true);
        for token in tokens.iter().take_while(|it| !it.is_sign(';')) {
            if let Token::Text(text) = token {
                found = found.max(inner.read(text, is_whole));
                is_whole = false;
            }
        }
        found
    }
}

/// Functions that change something of the session's: locks, connections, the threshold of pg_trgm, the numbers of `random()`.
const KEEPS: [&str; 8] = [
    "set_limit",
    "setseed",
    "pg_advisory_lock",
    "pg_advisory_lock_shared",
    "pg_try_advisory_lock",
    "pg_try_advisory_lock_shared",
    "dblink_connect",
    "dblink_connect_u",
];

/// CREATE TEMP …, SELECT … INTO TEMP …, unless it goes with the transaction (ON COMMIT DROP). `after` begins behind the word.
fn makes_temporary(before: &[Token<'_>], after: &[Token<'_>]) -> bool {
    // A variable may have that name, where no name stands behind it.
    const CLAUSES: [&str; 11] =
        ["from", "where", "group", "having", "window", "union", "order", "limit", "for", "using", "loop"];
    let is_named = after.first().is_some_and(|it| it.name().is_some_and(|_| !CLAUSES.iter().any(|word| it.is(word))));
    let stands = match before {
        [.., last] => ["create", "replace", "local", "global", "into"].iter().any(|word| last.is(word)),
        [] => false,
    };
    let statement = after.split(|it| it.is_sign(';')).next().unwrap_or_default();
    let goes = |three: &[Token<'_>]| three[0].is("on") && three[1].is("commit") && three[2].is("drop");
    is_named && stands && !statement.windows(3).any(goes)
}

/// A statement begins behind it.
fn ends_statement(before: &[Token<'_>]) -> bool {
    const WORDS: [&str; 6] = ["begin", "then", "else", "loop", "declare", "atomic"];
    match before {
        // The label of a block.
        [.., one, two] if one.is_sign('>') && two.is_sign('>') => true,
        [.., last] => last.is_sign(';') || WORDS.iter().any(|word| last.is(word)),
        [] => true,
    }
}

/// What follows SET at the start of a statement.
fn set(after: &[Token<'_>]) -> Leaves {
    match after.first() {
        Some(next) if ["local", "transaction", "constraints"].iter().any(|word| next.is(word)) => Leaves::Nothing,
        // A variable of that name.
        Some(Token::Sign(':' | '=' | '.' | '[')) => Leaves::Nothing,
        Some(_) | None => Leaves::Settings,
    }
}

fn opens(after: &[Token<'_>]) -> bool {
    after.first().is_some_and(|it| it.is_sign('('))
}

/// `set_config(name, value, true)`: behind it `after` begins.
fn is_local(after: &[Token<'_>]) -> bool {
    let (mut depth, mut argument, mut third) = (0_usize, 0, Vec::new());
    for token in after {
        match token {
            Token::Sign('(' | '[') => depth += 1,
            Token::Sign(')' | ']') => depth = depth.saturating_sub(1),
            Token::Sign(',') if depth == 1 => argument += 1,
            Token::Sign(_) | Token::Word(_) | Token::Quoted(_) | Token::Text(_) => (),
        }
        if depth == 0 {
            break;
        }
        if argument == 2 && !token.is_sign(',') {
            third.push(token);
        }
    }
    match third.as_slice() {
        [Token::Word(word)] => word == "true",
        [Token::Text(text), ..] => matches!(&**text, "true" | "t" | "on" | "yes" | "1") && is_cast(&third[1..]),
        [Token::Word(name), rest @ .., Token::Word(word)] => {
            name == "is_local" && word == "true" && rest.iter().all(|it| matches!(it, Token::Sign(':' | '=' | '>')))
        }
        _ => false,
    }
}

/// Nothing, or `::boolean`.
fn is_cast(tokens: &[&Token<'_>]) -> bool {
    match tokens {
        [] => true,
        [colon, again, name] => colon.is_sign(':') && again.is_sign(':') && (name.is("boolean") || name.is("bool")),
        _ => false,
    }
}

/// GRANT EXECUTE ON, EXECUTE FUNCTION of a trigger.
fn is_of_definition(before: Option<&Token<'_>>, after: &[Token<'_>]) -> bool {
    let is_followed = |word| after.first().is_some_and(|it: &Token<'_>| it.is(word));
    is_followed("function")
        || is_followed("procedure")
        || is_followed("on")
            && before.is_some_and(|it| it.is("grant") || it.is("revoke") || it.is("for") || it.is_sign(','))
}

/// A text begins with a word that is there as a whole, and not with what is put in for it.
fn shows_verb(text: &str) -> bool {
    let tokens = tokens(text);
    match tokens.as_slice() {
        [Token::Word(word)] => !calls(word) && text.ends_with(|c: char| !c.is_alphanumeric() && c != '_'),
        [Token::Word(word), next, ..] => !calls(word) || !next.is_sign('%'),
        // WITH and SELECT in parentheses.
        [Token::Sign('('), ..] => true,
        _ => false,
    }
}

/// What it runs is named behind it.
fn calls(verb: &str) -> bool {
    matches!(verb, "call" | "execute")
}

/// `%I(`: the name of a function is put in.
fn computed_name(tokens: &[Token<'_>], at: usize) -> Leaves {
    match &tokens[at..] {
        [Token::Sign('%'), Token::Word(kind), Token::Sign('('), ..] if *kind == "i" || *kind == "s" => Leaves::Unseen,
        _ => Leaves::Nothing,
    }
}

/// A table is named where it is written to: INSERT INTO, UPDATE, DELETE FROM, MERGE INTO, TRUNCATE, COPY.
fn names_written(before: &[Token<'_>]) -> bool {
    let mut rest = before;
    while let [earlier @ .., name, Token::Sign('.')] = rest {
        if name.name().is_none() {
            return false;
        }
        rest = earlier;
    }
    if let [earlier @ .., only] = rest
        && only.is("only")
    {
        rest = earlier;
    }
    match rest {
        [.., delete, from] if from.is("from") => delete.is("delete"),
        [.., last] => ["into", "update", "truncate", "table", "copy"].iter().any(|word| last.is(word)),
        [] => false,
    }
}

/// A body in a language that is not SQL: its words tell.
fn foreign(body: &str) -> Leaves {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let speaks = |word: &str| {
        let lower = body.to_ascii_lowercase();
        lower.match_indices(word).any(|(at, _)| {
            let (before, after) = (&lower[..at], &lower[at + word.len()..]);
            !before.ends_with(is_word) && !after.starts_with(is_word)
        })
    };
    // What its functions share for as long as the session lasts, in PL/Perl and PL/Python.
    const SHARED: [&str; 2] = ["_shared", "gd"];
    const WORDS: [&str; 12] = [
        "set_config",
        "set",
        "reset",
        "discard",
        "listen",
        "unlisten",
        "prepare",
        "deallocate",
        "temp",
        "temporary",
        "pg_temp",
        "hold",
    ];
    if WORDS.iter().chain(&KEEPS).chain(&SHARED).any(|word| speaks(word)) { Leaves::Settings } else { Leaves::Unseen }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        let map = |pairs: &[(&str, Leaves)]| pairs.iter().map(|(name, leaves)| ((*name).into(), *leaves)).collect();
        Names {
            called: map(&[
                ("sets", Leaves::Settings),
                ("Sets", Leaves::Settings),
                ("unseen", Leaves::Unseen),
                ("===", Leaves::Settings),
                ("a_type", Leaves::Settings),
            ]),
            written: map(&[("guarded", Leaves::Settings)]),
        }
    }

    fn all(language: &str, expected: Leaves, bodies: &[&str]) {
        for body in bodies {
            assert_eq!(leaves(language, body, &names()), expected, "{language}: {body}");
        }
    }

    #[test]
    fn settings_of_the_session_are_seen() {
        all(
            "plpgsql",
            Leaves::Settings,
            &[
                "BEGIN PERFORM set_config('work_mem', '9MB', false); END",
                "BEGIN PERFORM pg_catalog.set_config('app.tenant', concat(a, ','), is_local); END",
                "BEGIN PERFORM SET_CONFIG(n, v, NOT true); END",
                "BEGIN PERFORM set_config('a.b', 'c', 'f'); END",
                "BEGIN SET work_mem = '9MB'; END",
                "BEGIN IF x THEN SET SESSION work_mem TO '9MB'; END IF; END",
                "BEGIN CASE WHEN x THEN NULL; ELSE set role bob; END CASE; END",
                "BEGIN LOOP RESET ALL; END LOOP; END",
                "BEGIN /* one */ -- two\n RESET work_mem; END",
                "<<b>> SET a.b = 1;",
                "BEGIN DISCARD SEQUENCES; END",
                "BEGIN EXECUTE 'SET work_mem = ''9MB'''; END",
                "BEGIN EXECUTE format('SET app.tenant = %L', t); END",
                "BEGIN EXECUTE format('SET %s = 1', n); END",
                "BEGIN EXECUTE ('set ' || n || ' to ' || v); END",
                "BEGIN EXECUTE $q$SELECT set_config('a.b', $1, false)$q$ USING v; END",
                "BEGIN EXECUTE 'SELECT 1; SET a.b = 1'; END",
                "BEGIN EXECUTE E'\\n SET a.b = 1'; END",
                "BEGIN EXECUTE 'DO $x$ BEGIN RESET a.b; END $x$'; END",
                "BEGIN EXECUTE query; END",
                "BEGIN EXECUTE format(query, 1); END",
                "BEGIN EXECUTE format('%s x', verb); END",
                "BEGIN EXECUTE '' || query; END",
                "BEGIN EXECUTE 'SE' || 'T a.b = 1'; END",
                "BEGIN EXECUTE quote_ident(x) || 'SELECT 1'; END",
                "BEGIN EXECUTE 'CALL ' || p; END",
                "BEGIN FOR r IN EXECUTE query LOOP NULL; END LOOP; END",
                "BEGIN RETURN QUERY EXECUTE query USING 1; END",
                "BEGIN OPEN c FOR EXECUTE query; END",
                "BEGIN PERFORM sets(); END",
                "BEGIN PERFORM \"Sets\"(1); END",
                "BEGIN EXECUTE 'SELECT public.sets()'; END",
                "BEGIN INSERT INTO public.guarded VALUES (1); END",
                "BEGIN UPDATE ONLY guarded SET a = 1; END",
                "BEGIN DELETE FROM guarded; END",
                "BEGIN PERFORM setseed(0.5); PERFORM set_limit(0.2); END",
                "BEGIN UPDATE pg_catalog.pg_settings SET setting = v WHERE name = n; END",
                "BEGIN RETURN a === b; END",
                "BEGIN RETURN a OPERATOR(public.===) b; END",
                "DECLARE it public.a_type; BEGIN it := a; END",
                "BEGIN RETURN a::a_type[]; END",
            ],
        );
        all(
            "sql",
            Leaves::Settings,
            &["SET a.b = 1; SELECT 1", "SELECT 1; reset role", "SELECT set_config($1, $2, $3)"],
        );
    }

    #[test]
    fn what_else_a_session_has_is_seen() {
        all(
            "plpgsql",
            Leaves::Settings,
            &[
                "BEGIN CREATE TEMP TABLE t (a int REFERENCES s ON DELETE SET NULL); END",
                "BEGIN IF x THEN CREATE LOCAL TEMPORARY TABLE IF NOT EXISTS t (a int); END IF; END",
                "BEGIN CREATE TEMP TABLE t (a int) ON COMMIT DELETE ROWS; DROP TABLE s; END",
                "BEGIN CREATE OR REPLACE TEMP VIEW v AS SELECT 1; CREATE TEMP SEQUENCE s; END",
                "BEGIN EXECUTE format('CREATE TEMP TABLE %I (a int)', t); END",
                "BEGIN CREATE TABLE pg_temp.t (a int); END",
                "BEGIN PERFORM pg_advisory_lock(1); END",
                "BEGIN IF NOT pg_try_advisory_lock(hashtext(x)) THEN RETURN; END IF; END",
                "BEGIN LISTEN channel; END",
                "BEGIN UNLISTEN *; END",
                "BEGIN EXECUTE 'PREPARE p AS SELECT 1'; END",
                "BEGIN EXECUTE 'DEALLOCATE ALL'; END",
                "BEGIN EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT 1'; END",
                "BEGIN PERFORM dblink_connect('c', 'dbname=x'); END",
            ],
        );
        all("sql", Leaves::Settings, &["SELECT 1 AS a INTO TEMP t", "SELECT pg_advisory_lock_shared($1)"]);
        all("plperl", Leaves::Settings, &["return $_SHARED{a}++;", "spi_exec_query('CREATE TEMP TABLE t (a int)')"]);
        all("plpython3u", Leaves::Settings, &["GD['n'] = 1"]);
    }

    #[test]
    fn what_sets_nothing_for_the_session_is_seen_too() {
        all(
            "plpgsql",
            Leaves::Nothing,
            &[
                "BEGIN UPDATE t SET a = 1; END",
                "BEGIN UPDATE t AS s\nSET a = 1; INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2; END",
                "BEGIN MERGE INTO t USING s ON true WHEN MATCHED THEN UPDATE SET a = 1 WHEN NOT MATCHED THEN DO NOTHING; END",
                "BEGIN ALTER TABLE t SET (fillfactor = 70); ALTER TABLE t ALTER a SET NOT NULL; END",
                "BEGIN CREATE TEMP TABLE t (a int REFERENCES s ON DELETE SET NULL) ON COMMIT DROP; END",
                "BEGIN SELECT a INTO temp FROM t; EXECUTE 'SELECT 1' INTO temp; temp := 1; prepare = 2; listen := 3; END",
                "BEGIN PERFORM pg_advisory_xact_lock(1); SELECT 1 INTO temp; PERFORM hold(1) FROM listen; END",
                "BEGIN SET LOCAL work_mem = '9MB'; SET TRANSACTION READ ONLY; SET CONSTRAINTS ALL DEFERRED; END",
                "BEGIN PERFORM set_config('a.b', f(1, 2), true); END",
                "BEGIN PERFORM set_config(setting_name => 'a', new_value => b[1, 2], is_local => true); END",
                "BEGIN PERFORM set_config('a.b', 'c', 't'::boolean); END",
                "BEGIN -- SET a.b = 1;\n /* ; RESET ALL; */ NULL; END",
                "BEGIN RAISE NOTICE 'set to %', x; RETURN 'SET a = 1'; END",
                "BEGIN set := 1; reset = 2; t.set := 3; r.execute := 1; END",
                "BEGIN EXECUTE 'SELECT 1' INTO x; END",
                "BEGIN EXECUTE format('UPDATE %I SET a = $1', t) USING 1; END",
                "BEGIN EXECUTE 'UPDATE ' || quote_ident(t) || ' SET a = 1'; END",
                "BEGIN EXECUTE 'ALTER TABLE ' || t || ' SET (fillfactor = 70)'; END",
                "BEGIN EXECUTE format('SET LOCAL %I = 1', n); END",
                "BEGIN EXECUTE $$(SELECT 1) UNION SELECT 2$$; END",
                "BEGIN GRANT SELECT, EXECUTE ON FUNCTION f() TO bob; GRANT EXECUTE ON FUNCTION f() TO bob; END",
                "BEGIN CREATE TRIGGER t BEFORE INSERT ON s EXECUTE FUNCTION g(); END",
                "DECLARE offset_set int; BEGIN x := a.set; PERFORM settings(); SELECT a FROM guarded; END",
                "BEGIN PERFORM 'sets'; END",
                "BEGIN RETURN a == b OR a = b; END",
                "",
            ],
        );
        all(
            "sql",
            Leaves::Nothing,
            &["SELECT 1", "UPDATE t SET a = $1 RETURNING a", "SELECT set_config('a.b', $1, true)"],
        );
        all("internal", Leaves::Nothing, &["set_config_by_name"]);
    }

    #[test]
    fn what_cannot_be_seen_is_not_taken_for_nothing() {
        all(
            "plpgsql",
            Leaves::Unseen,
            &["BEGIN PERFORM unseen(); END", "BEGIN EXECUTE format('SELECT %I(1)', f); END"],
        );
        all("plpython3u", Leaves::Unseen, &["return plpy.execute(args[0])", "settle = offset + resets"]);
        all("plpython3u", Leaves::Settings, &["plpy.execute(\"SET a.b = 1\")", "plpy.execute('select SET_CONFIG(1)')"]);
    }
}
