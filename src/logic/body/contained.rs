//! Bodies that look at nothing but what they are given: which they are, and what such a trigger sets in its row.
//!
//! `BEGIN NEW.updated_at := now(); RETURN NEW; END` is one. Every statement of a body must be of a kind that is known here,
//! and none may have a word by which tables are named.

use std::collections::BTreeSet;

use super::tokens::{Token, tokens};

/// A body that looks at its arguments, at its row (`NEW`, `OLD`), and at what the functions return that it calls.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Contained {
    /// Its names, whatever they stand for: those of functions are among them, where no parenthesis follows too
    pub names: BTreeSet<Box<str>>,
    /// The columns of its row that a trigger gives new values
    pub sets: BTreeSet<Box<str>>,
}

/// `None`: it may look at tables, or do what is not known here. Of a trigger it must be seen which row it gives back.
pub fn contained(language: &str, body: &str, is_trigger: bool) -> Option<Contained> {
    let starts = match language {
        "sql" => Starts::Sql,
        "plpgsql" => Starts::Declarations,
        _ => return None,
    };
    // With standard_conforming_strings off a string would end elsewhere.
    if body.contains("\\'") {
        return None;
    }
    let tokens = tokens(body);
    let found = Contained::default();
    let mut reader = Reader { tokens: &tokens, is_trigger, starts, cases: 0, opened: Vec::new(), found };
    (0..tokens.len()).all(|at| reader.takes(at)).then_some(reader.found)
}

/// Words by which tables are named, or that run what is not seen here.
const NAMING_TABLES: [&str; 15] = [
    "alias", "call", "cursor", "delete", "execute", "explain", "fetch", "insert", "into", "join", "merge", "move",
    "show", "table", "update",
];

/// Other words for what differs from server to server, and columns that every row has there.
const OF_SERVER: [&str; 2] = ["current_catalog", "tg_relid"];
const OF_STORED_ROW: [&str; 6] = ["cmax", "cmin", "ctid", "tableoid", "xmax", "xmin"];

/// What may begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Starts {
    /// Statements of SQL
    Sql,
    /// What stands before BEGIN in PL/pgSQL
    Declarations,
    /// Statements of PL/pgSQL
    Statements,
}

struct Reader<'t> {
    tokens: &'t [Token<'t>],
    is_trigger: bool,
    starts: Starts,
    /// CASE expressions that are open: their THEN and ELSE begin no statements
    cases: usize,
    /// For each open parenthesis: is FROM in it part of a call, as in `extract(epoch FROM …)`?
    opened: Vec<bool>,
    found: Contained,
}

impl<'t> Reader<'t> {
    /// Is this token harmless?
    fn takes(&mut self, at: usize) -> bool {
        let tokens = self.tokens;
        match &tokens[at] {
            Token::Sign('(') => self.opened.push(at.checked_sub(1).is_some_and(|before| has_from(&tokens[before]))),
            Token::Sign(')') => {
                self.opened.pop();
            }
            // A CASE that is still open was the name of a column.
            Token::Sign(';') if self.cases > 0 => return false,
            Token::Sign(_) | Token::Text(_) => (),
            Token::Word(name) | Token::Quoted(name) => {
                let is_of_server = OF_SERVER.contains(&&**name);
                if is_of_server || is_behind(tokens, at, '.') && OF_STORED_ROW.contains(&&**name) || is_torn(name) {
                    return false;
                }
                self.found.names.insert((**name).into());
            }
        }
        match &tokens[at] {
            // `U&"…"`, whose name is written otherwise.
            Token::Quoted(_) if is_behind(tokens, at, '&') => false,
            _ if self.starts_statement(at) => self.takes_start(&tokens[at..]),
            Token::Sign(':') if tokens.get(at + 1).is_some_and(|it| it.is_sign('=')) => {
                self.note_set(&tokens[..at]);
                true
            }
            Token::Word(word) if !is_field(tokens, at) => self.takes_word(word, at),
            Token::Word(_) | Token::Quoted(_) | Token::Text(_) | Token::Sign(_) => true,
        }
    }

    fn takes_word(&mut self, word: &str, at: usize) -> bool {
        let before = &self.tokens[..at];
        match word {
            "case" if before.last().is_some_and(|it| it.is("end")) => (),
            "case" if !self.begins_value(at) => return false,
            "case" => self.cases += 1,
            "end" => self.cases = self.cases.saturating_sub(1),
            "from" => {
                let compares =
                    matches!(before, [.., is, distinct] if distinct.is("distinct") && (is.is("is") || is.is("not")));
                return compares || self.opened.last() == Some(&true);
            }
            word => return !NAMING_TABLES.contains(&word),
        }
        true
    }

    /// `SELECT 1 case` names a column so: CASE begins where no value has ended.
    fn begins_value(&self, at: usize) -> bool {
        const RESERVED: [&str; 15] = [
            "all", "and", "case", "default", "distinct", "else", "from", "ilike", "in", "like", "not", "or", "select",
            "then", "when",
        ];
        let Some(last) = at.checked_sub(1) else { return false };
        match &self.tokens[last] {
            Token::Sign(sign) => !matches!(sign, ')' | ']' | '$' | '.'),
            Token::Word(word) => {
                !is_field(self.tokens, last) && (RESERVED.contains(&&**word) || self.starts_statement(last))
            }
            Token::Quoted(_) | Token::Text(_) => false,
        }
    }

    /// Whatever stands around `:=`, a column of the row before it is set.
    fn note_set(&mut self, before: &[Token<'_>]) {
        if let [.., row, dot, column] = before
            && is_row(row)
            && dot.is_sign('.')
        {
            self.found.sets.extend(column.name().map(Into::into));
        }
    }

    /// A statement, or a declaration, begins at this token.
    fn starts_statement(&self, at: usize) -> bool {
        let before = &self.tokens[..at];
        let Some(last) = before.last() else { return true };
        if is_field(self.tokens, at.saturating_sub(1)) {
            return false;
        }
        match before {
            // The label of a block.
            [.., one, two, name, three, four]
                if one.is_sign('<') && two.is_sign('<') && three.is_sign('>') && four.is_sign('>') =>
            {
                name.name().is_some()
            }
            _ if last.is("then") || last.is("else") => self.starts == Starts::Statements && self.cases == 0,
            _ => last.is_sign(';') || ["begin", "loop", "declare", "atomic"].iter().any(|word| last.is(word)),
        }
    }

    /// What begins here is of a kind that is known.
    fn takes_start(&mut self, rest: &'t [Token<'t>]) -> bool {
        const SQL: [&str; 6] = ["atomic", "begin", "end", "return", "select", "values"];
        const STATEMENTS: [&str; 17] = [
            "assert",
            "case",
            "continue",
            "else",
            "elseif",
            "elsif",
            "end",
            "exception",
            "exit",
            "for",
            "if",
            "loop",
            "null",
            "perform",
            "raise",
            "when",
            "while",
        ];
        let word = match &rest[0] {
            Token::Word(word) => &**word,
            Token::Quoted(_) => "",
            Token::Sign(sign) => return matches!(sign, ';' | '<'),
            Token::Text(_) => return false,
        };
        match (self.starts, word) {
            (Starts::Sql, word) => return SQL.contains(&word),
            (Starts::Declarations | Starts::Statements, "begin") => self.starts = Starts::Statements,
            (Starts::Declarations | Starts::Statements, "declare") => self.starts = Starts::Declarations,
            // One that is called as the row would stand for it.
            (Starts::Declarations, _) => return !is_row(&rest[0]),
            (Starts::Statements, _) if assigned(rest).is_some() => return self.takes_assignment(rest),
            (Starts::Statements, "return") => return !self.is_trigger || gives_back(&rest[1..]),
            // What stands behind it gets new values.
            (Starts::Statements, "for" | "foreach") => return !rest.iter().take_while(|it| !it.is("in")).any(is_row),
            (Starts::Statements, word) => return STATEMENTS.contains(&word),
        }
        true
    }

    /// Of the row its columns alone are given new values, by name.
    fn takes_assignment(&mut self, rest: &[Token<'_>]) -> bool {
        let target = assigned(rest).unwrap_or_default();
        match target {
            [first, dot, column, ..] if is_row(first) && dot.is_sign('.') => {
                self.found.sets.extend(column.name().map(Into::into));
                column.name().is_some()
            }
            // The row as a whole, or by way of a label.
            target => !target.iter().any(is_row),
        }
    }
}

/// It stands behind the dot of a name, not of a number (`1. FROM`).
fn is_field(tokens: &[Token<'_>], at: usize) -> bool {
    let is_number = |it: &Token<'_>| it.is_sign('.') || matches!(it, Token::Word(word) if is_numeral(word));
    is_behind(tokens, at, '.') && !at.checked_sub(2).is_some_and(|before| is_number(&tokens[before]))
}

fn is_numeral(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// Before version 15 a word may follow a number without a space: `1FROM`.
fn is_torn(word: &str) -> bool {
    let rest = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_');
    let exponent = rest.strip_prefix('e').unwrap_or(rest);
    is_numeral(word) && !exponent.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_behind(tokens: &[Token<'_>], at: usize, sign: char) -> bool {
    at.checked_sub(1).is_some_and(|before| tokens[before].is_sign(sign))
}

/// FROM may stand in its parentheses.
fn has_from(before: &Token<'_>) -> bool {
    ["extract", "overlay", "substring", "trim"].iter().any(|word| before.is(word))
}

/// The row of a trigger.
fn is_row(token: &Token<'_>) -> bool {
    matches!(token.name(), Some("new" | "old"))
}

/// What stands before `:=` or `=`: a name, with fields and elements of it.
fn assigned<'t>(rest: &'t [Token<'t>]) -> Option<&'t [Token<'t>]> {
    let mut depth = 0_usize;
    for (at, token) in rest.iter().enumerate() {
        match token {
            Token::Sign('[') => depth += 1,
            Token::Sign(']') => depth = depth.saturating_sub(1),
            Token::Sign(':' | '=') if depth == 0 => return Some(&rest[..at]),
            Token::Sign(';') => return None,
            Token::Word(_) | Token::Quoted(_) if depth == 0 && at > 0 && !is_field(rest, at) => return None,
            Token::Word(_) | Token::Quoted(_) => (),
            Token::Sign('.') => (),
            Token::Sign(_) | Token::Text(_) if depth == 0 => return None,
            Token::Sign(_) | Token::Text(_) => (),
        }
    }
    None
}

/// What stands behind RETURN is the row that was given, or none.
fn gives_back(rest: &[Token<'_>]) -> bool {
    let Some(end) = rest.iter().position(|it| it.is_sign(';')) else { return false };
    let is_given = |at: usize| match &rest[at] {
        // A variable may be called so.
        it if it.is("coalesce") => rest[at + 1].is_sign('('),
        it => is_row(it) || it.is("null") || matches!(it, Token::Sign('(' | ')' | ',')),
    };
    end > 0 && (0..end).all(is_given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(body: &str) -> Option<Vec<String>> {
        let found = contained("plpgsql", body, true)?;
        Some(found.sets.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn triggers_that_look_at_their_row_are_known_by_what_they_set() {
        let cases: [(&str, &[&str]); 14] = [
            (
                "DECLARE x int DEFAULT CASE WHEN a THEN 1 END; BEGIN NEW.x := 1.5 + .5 + 1e5 + 1.; RETURN NEW; END",
                &["x"],
            ),
            (
                "BEGIN FOR i IN 1..NEW.n LOOP NEW.x := lower((CASE WHEN a THEN CASE b WHEN 1 THEN c END END)); END LOOP; IF CASE WHEN a THEN b END THEN NEW.y = 1; END IF; RETURN NEW; END",
                &["x", "y"],
            ),
            ("BEGIN NEW.updated_at = now(); RETURN NEW; END", &["updated_at"]),
            ("begin new.\"Changed At\" := current_timestamp; return new; end;", &["Changed At"]),
            ("BEGIN IF NEW IS DISTINCT FROM OLD THEN NEW.n := OLD.n + 1; END IF; RETURN NEW; END", &["n"]),
            ("DECLARE words text[] := '{}'; BEGIN NEW.a[1] := 2; NEW.b.c = 3; RETURN NEW; END", &["a", "b"]),
            ("BEGIN IF TG_OP = 'DELETE' THEN RETURN OLD; ELSE RETURN NULL; END IF; END", &[]),
            ("BEGIN RETURN coalesce(NEW, OLD); END", &[]),
            ("BEGIN -- update the time, from the clock\n NEW.x := extract(epoch FROM now()); RETURN NEW; END", &["x"]),
            ("BEGIN NEW.x := CASE WHEN NEW.y THEN lower(NEW.a) ELSE upper(NEW.b) END; RETURN NEW; END", &["x"]),
            ("BEGIN CASE NEW.k WHEN 1 THEN NEW.x := 1; ELSE NULL; END CASE; NEW.y := 2; RETURN NEW; END", &["x", "y"]),
            (
                "BEGIN IF NEW.v < 0 THEN RAISE EXCEPTION 'insert into %', NEW.v USING errcode = '23514'; END IF; RETURN NEW; END",
                &[],
            ),
            (
                "<<own>> DECLARE i int; BEGIN FOR i IN 1..3 LOOP own.i := i; END LOOP; RETURN NEW; EXCEPTION WHEN others THEN RETURN NULL; END",
                &[],
            ),
            (
                "BEGIN FOREACH x IN ARRAY NEW.list LOOP PERFORM lower(x); END LOOP; NEW.from := 1; RETURN NEW; END",
                &["from"],
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(
                sets(body).as_deref(),
                Some(expected.iter().map(ToString::to_string).collect::<Vec<_>>()).as_deref(),
                "{body}"
            );
        }
    }

    #[test]
    fn triggers_that_may_look_elsewhere_or_give_back_another_row_are_not_taken() {
        for body in [
            "BEGIN INSERT INTO log VALUES (1); RETURN NEW; END",
            "BEGIN UPDATE t SET a = 1; RETURN NEW; END",
            "BEGIN NEW.n := (SELECT count(*) FROM t); RETURN NEW; END",
            "BEGIN SELECT 1 INTO NEW.client_id; RETURN NEW; END",
            "BEGIN NEW.n := (TABLE t); RETURN NEW; END",
            "BEGIN NEW := r; RETURN NEW; END",
            "BEGIN NEW = jsonb_populate_record(NEW, '{}'); RETURN NEW; END",
            "BEGIN stamp.new.client_id := 1; RETURN NEW; END",
            "DECLARE n ALIAS FOR NEW; BEGIN n.client_id := 1; RETURN NEW; END",
            "DECLARE r record; BEGIN r := OLD; r.client_id := 1; RETURN r; END",
            "BEGIN RETURN ROW(1, 2); END",
            "BEGIN RETURN t; END",
            "BEGIN FOREACH NEW.client_id IN ARRAY list LOOP NULL; END LOOP; RETURN NEW; END",
            "BEGIN FOR NEW.client_id IN SELECT 5 LOOP NULL; END LOOP; RETURN NEW; END",
            "BEGIN FOR x, NEW.client_id IN SELECT 1, 5 LOOP NULL; END LOOP; RETURN NEW; END",
            "BEGIN U&\"n\\0065w\".client_id := 1; RETURN NEW; END",
            "BEGIN NEW.v := U&\"c\\006funts\"(); RETURN NEW; END",
            "BEGIN NEW.v := '\\' || ' ; DELETE FROM t; x := '; RETURN NEW; END",
            "BEGIN GET DIAGNOSTICS NEW.client_id = ROW_COUNT; RETURN NEW; END",
            "BEGIN EXECUTE 'SELECT 1'; RETURN NEW; END",
            "BEGIN IF a THEN TRUNCATE t; END IF; RETURN NEW; END",
            "BEGIN IF a THEN NULL; ELSE NOTIFY x; END IF; RETURN NEW; END",
            "BEGIN LOOP LOCK t; END LOOP; RETURN NEW; END",
            "BEGIN CALL p(NEW.client_id); RETURN NEW; END",
            "BEGIN x := CASE WHEN a THEN 1 END; CASE WHEN a THEN ANALYZE; END CASE; RETURN NEW; END",
            "BEGIN NEW.x := substring('a' FROM (SELECT n FROM t)); RETURN NEW; END",
            "BEGIN FOR r IN DELETE FROM t RETURNING * LOOP NULL; END LOOP; RETURN NEW; END",
            "BEGIN NEW.v := 1. FROM t; RETURN NEW; END",
            "BEGIN NEW.v := 1.; TRUNCATE t; RETURN NEW; END",
            "BEGIN NEW.v := 1.; NEW := r; RETURN NEW; END",
            "BEGIN NEW.v := 1FROM t; RETURN NEW; END",
            "BEGIN NEW.v := 1.5FROM t; RETURN NEW; END",
            "BEGIN -- stamps\rINSERT INTO log VALUES (1);\nRETURN NEW; END",
            "BEGIN PERFORM 1 case; IF a THEN TRUNCATE t; END IF; RETURN NEW; END",
            "BEGIN PERFORM 1 AS case; IF a THEN NEW := r; END IF; RETURN NEW; END",
            "BEGIN IF (SELECT 1 case) = 1 THEN NEW := (SELECT r end); END IF; RETURN NEW; END",
            "BEGIN IF (SELECT $1 case) = 1 THEN NEW := (SELECT r end); END IF; RETURN NEW; END",
            "DECLARE return int; BEGIN IF (SELECT return case) = 1 THEN NEW := (SELECT r end); END IF; RETURN NEW; END",
            "DECLARE new t := ROW(7, 1); BEGIN RETURN NEW; END",
            "BEGIN DECLARE n int; \"old\" t := r; BEGIN RETURN OLD; END; END",
            "DECLARE coalesce t; BEGIN coalesce := NEW; coalesce.client_id := 7; RETURN coalesce; END",
            "BEGIN NEW.v := TG_RELID; RETURN NEW; END",
            "BEGIN NEW.v := OLD.tableoid; RETURN NEW; END",
            "BEGIN NEW.v := current_catalog; RETURN NEW; END",
            "BEGIN PERFORM $💥$ ' $💥$; TRUNCATE t; PERFORM $a$ ' $a$; RETURN NEW; END",
            "#variable_conflict use_column\nBEGIN RETURN NEW; END",
        ] {
            assert_eq!(sets(body), None, "{body}");
        }
        assert_eq!(contained("plpython3u", "return 1", false), None);
    }

    #[test]
    fn functions_are_known_by_the_names_in_them() {
        let names =
            |language, body| contained(language, body, false).map(|it| it.names.into_iter().collect::<Vec<_>>());
        assert_eq!(
            names("sql", "SELECT Lower($1) || 'from t'").as_deref(),
            Some(&["lower".into(), "select".into()][..])
        );
        assert_eq!(
            names("sql", "RETURN a.b + now()").as_deref(),
            Some(&["a".into(), "b".into(), "now".into(), "return".into()][..])
        );
        assert!(names("plpgsql", "DECLARE r record; BEGIN r.a := 1; RETURN r; END").is_some());
        assert!(names("sql", "BEGIN ATOMIC SELECT 1; SELECT $1 + 1; END").is_some());
        for body in [
            "SELECT count(*) FROM t",
            "DELETE FROM t",
            "SELECT 1; TRUNCATE t",
            "WITH x AS (UPDATE t SET a = 1) SELECT 1",
            "SELECT (TABLE t)",
            "SET a.b = 1",
        ] {
            assert_eq!(names("sql", body), None, "{body}");
        }
    }
}
