//! One statement to its plan.

use std::ops::Range;
use std::sync::Arc;

use crate::logic::sql::statement::expression::{Call, Expression};
use crate::logic::sql::statement::{Control, Listen, Located, Statement, Utility};

use super::asked::{self, Asked};
use super::constants::{Literals, parameter_oid};
use super::divided::is_divisible;
use super::schema::{Found, Schema};
use super::scope::Scope;
use super::survey::Survey;
use super::words::{Words, after_explain};
use super::{
    Command, CursorUse, ExecuteCommand, Forced, Home, Mark, NOTIFY, One, Plan, Planned, PrepareCommand, Reason,
    Refusal, block, copy, evaluated, hint, process, settings, utility,
};

/// The text around a statement.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The whole text
    pub text: &'a str,
    /// What names mean
    pub schema: Schema<'a>,
    /// Where its literals stand
    pub literals: Option<&'a [Range<u32>]>,
}

/// Plans one statement. Literals that the plan depends on are added to `fixed`.
pub fn planned(located: &Located, source: Source<'_>, fixed: &mut Vec<u16>) -> Planned {
    let (mut plan, forced) = statement(&located.statement, &located.at, source, fixed);
    let hint = hint::leading(source.text.get(located.at.clone()).unwrap_or_default()).unwrap_or_else(|refusal| {
        plan = Plan::Refuse(refusal);
        None
    });
    // What a session keeps on one server would be left behind by what is fetched and put together.
    let keeps = forced.as_ref().is_some_and(|forced| forced.mark.keeps_for_session());
    let may_span = match &plan {
        _ if keeps => false,
        Plan::One(_) => may_span(&located.statement),
        Plan::Refuse(refusal) => may_span_refused(&located.statement, refusal.reason, &source.schema),
        Plan::Command(_) | Plan::CopyIn(_) => false,
    };
    Planned { plan: Arc::new(plan), at: located.at.clone(), hint, forced, verb: verb(&located.statement), may_span }
}

/// Where one shard is not enough, several may do (`across`).
#[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed has no way over several shards")]
fn may_span(statement: &Statement) -> bool {
    match statement {
        Statement::Explain(explain) => matches!(
            explain.inner,
            Statement::Query(_) | Statement::Change(_) | Statement::Merge(_) | Statement::Insert(_)
        ),
        Statement::Query(_)
        | Statement::Change(_)
        | Statement::Merge(_)
        | Statement::Insert(_)
        | Statement::DeclareCursor { .. } => true,
        Statement::Copy(copy) => !copy.is_from,
        // Tables of one shard each, of several shards.
        Statement::Utility(utility) => is_divisible(utility),
        Statement::CreateTableAs { .. } => true,
        _ => false,
    }
}

/// No single shard will do, but every copy of a reference table can be written, rows can move, keys can be computed
/// first, and what concerns every shard can run on all.
fn may_span_refused(statement: &Statement, reason: Reason, schema: &Schema<'_>) -> bool {
    match (reason, statement) {
        (Reason::Ddl, _) => {
            matches!(
                statement,
                Statement::Utility(_)
                    | Statement::CreateTable(_)
                    | Statement::CreateTableAs { .. }
                    | Statement::Do { .. }
            )
        }
        (Reason::KeyIsUnknown, _) => may_span(statement),
        (_, Statement::Explain(explain)) => may_span_refused(&explain.inner, reason, schema),
        (Reason::ManyShards, Statement::Insert(insert)) => matches!(schema.find(&insert.table), Found::Reference(_)),
        (Reason::ManyShards | Reason::KeyIsChanged, Statement::Change(_) | Statement::Merge(_)) => true,
        (Reason::ManyShards, Statement::SetConstraints { .. }) => true,
        (Reason::Sequence, Statement::Query(_)) => true,
        _ => false,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other statements are told apart by the survey")]
fn statement(
    statement: &Statement,
    at: &Range<usize>,
    source: Source<'_>,
    fixed: &mut Vec<u16>,
) -> (Plan, Option<Forced>) {
    if let Some(plan) = command(statement, at, source) {
        let mut literals = Literals::new(source.text, source.literals);
        // EXECUTE takes its arguments from the text; all other commands are their text.
        if !matches!(statement, Statement::Execute { .. }) {
            literals.fix_all(at);
        }
        fixed.extend(literals.into_fixed());
        return (plan, None);
    }
    let literals = Literals::new(source.text, source.literals);
    let signal = match statement {
        Statement::Query(query) => process::signal(query, &literals, &source.schema),
        _ => None,
    };
    let mut survey = Survey::new(source.schema, literals, verb(statement));
    survey.may_spread = may_span(statement);
    // The rows of a COPY may belong to several shards: they tell.
    survey.is_for_one = !matches!(statement, Statement::Copy(copy) if copy.is_from);
    let copy_in = match statement {
        Statement::Copy(copy) => {
            survey.literals.fix_all(at);
            copy::copy(copy, &source.schema, &mut survey)
        }
        Statement::Explain(explain) => {
            survey.literals.fix_all(at);
            survey.statement(&explain.inner);
            if !explain.is_analyze {
                survey.mark = Mark::default();
            }
            None
        }
        Statement::Do { .. } => {
            survey.literals.fix_all(at);
            survey.statement(statement);
            None
        }
        Statement::CreateTable(create) => {
            let text = source.text.get(at.clone()).unwrap_or_default();
            evaluated::of_new_table(create, text, &source.schema).into_iter().for_each(|it| survey.refuse(it));
            survey.statement(statement);
            None
        }
        Statement::Utility(utility) => {
            let text = source.text.get(at.clone()).unwrap_or_default();
            evaluated::refusal(utility, text, &source.schema).into_iter().for_each(|it| survey.refuse(it));
            survey.statement(statement);
            None
        }
        _ => {
            survey.statement(statement);
            None
        }
    };
    let (plan, forced, read) = survey.finish();
    fixed.extend(read);
    if matches!(&plan, Plan::Refuse(refusal) if refusal.reason == Reason::KeyIsChanged) {
        return (plan, None);
    }
    if let (Plan::One(one), Some(signal)) = (&plan, signal) {
        let home = Home::Process(Box::new(signal.number));
        return (Plan::One(One { home, ..one.clone() }), Some(forced));
    }
    match (plan, copy_in) {
        (Plan::One(_), Some(copy_in)) => (Plan::CopyIn(copy_in), Some(forced)),
        (plan, _) => (plan, Some(forced)),
    }
}

/// The plan of a statement that acts on the session itself.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other statements run on a shard")]
fn command(statement: &Statement, at: &Range<usize>, source: Source<'_>) -> Option<Plan> {
    let command = match statement {
        Statement::Control(control) => Command::Control(control.clone()),
        Statement::Set(set) => return Some(settings::set(set, &source.schema)),
        // No parameter changes, but every server of the transaction has to hear of it.
        Statement::SetConstraints { is_all: true } => Command::Set(Vec::new()),
        Statement::SetConstraints { is_all: false } if source.schema.is_one_shard() => Command::Set(Vec::new()),
        Statement::SetConstraints { is_all: false } => return Some(Plan::Refuse(Refusal::named_constraints())),
        Statement::Show(name) if name.starts_with("shardway.") => return Some(settings::show(name)),
        Statement::Prepare { name, types, inner } => {
            let text = prepared_text(source.text.get(at.clone())?)?;
            let before = source.text.get(..text.as_ptr().addr() - source.text.as_ptr().addr())?.chars().count();
            Command::Prepare(PrepareCommand {
                before: u32::try_from(before).unwrap_or(u32::MAX),
                name: name.clone(),
                types: types.iter().map(|name| parameter_oid(name).unwrap_or(0)).collect(),
                type_names: types.iter().map(|name| name.names.join(".").into()).collect(),
                text: Box::from(text),
                plan: Arc::new(prepared_plan(inner, at, source)),
            })
        }
        Statement::Execute { name, arguments } => {
            let name_at = name_at(source.text, at)?;
            match execute(name, arguments, name_at, source) {
                Ok(execute) => Command::Execute(execute),
                Err(refusal) => return Some(Plan::Refuse(refusal)),
            }
        }
        Statement::Explain(explain) => {
            let Statement::Execute { name, arguments } = &explain.inner else { return None };
            let text = source.text.get(at.clone())?;
            let head = after_explain(text)?;
            let name_at = name_at(source.text, &(at.start + head..at.end))?;
            match execute(name, arguments, name_at, source) {
                Ok(execute) => Command::Execute(ExecuteCommand { explains: Some(text[..head].into()), ..execute }),
                Err(refusal) => return Some(Plan::Refuse(refusal)),
            }
        }
        Statement::Query(query) => {
            let asked = process::own_numbers(query, source.text, &source.schema).map(Asked::Number);
            Command::OfSession(asked.or_else(|| asked::lists(query, source.text, &source.schema))?.behind(at.start))
        }
        Statement::Deallocate(name) => Command::Deallocate(name.clone()),
        Statement::Discard { tag: "DISCARD ALL" } => Command::DiscardAll,
        Statement::Discard { .. } => Command::Discard,
        Statement::Listen(listen) => Command::Listen(listen.clone()),
        _ => return None,
    };
    Some(Plan::Command(command))
}

/// EXECUTE. Its arguments may be any expressions that concern no rows.
fn execute(
    name: &str,
    arguments: &[Expression],
    name_at: Range<usize>,
    source: Source<'_>,
) -> Result<ExecuteCommand, Refusal> {
    let literals = Literals::new(source.text, source.literals);
    let values = arguments.iter().map(|argument| literals.value(argument)).collect();
    let mut survey = Survey::new(source.schema, literals, "EXECUTE");
    survey.visit_all(arguments, &Scope::default());
    match survey.finish().0 {
        Plan::One(One { home, access, mark, is_bound: _ }) => {
            let leaves = mark.pin.or(mark.needs_pinned);
            if leaves.is_some() || mark.taints || !mark.set_config.is_empty() {
                return Err(Refusal::unknown("an argument of EXECUTE that acts on the session"));
            }
            Ok(ExecuteCommand { name: Box::from(name), arguments: values, home, access, name_at, explains: None })
        }
        Plan::Refuse(refusal) => Err(refusal),
        Plan::Command(_) | Plan::CopyIn(_) => Err(Refusal::unknown("such an argument of EXECUTE")),
    }
}

/// The plan of what PREPARE prepares: its literals have no place in the text of an EXECUTE, so they are written down.
fn prepared_plan(inner: &Statement, at: &Range<usize>, source: Source<'_>) -> Plan {
    statement(inner, at, Source { literals: None, ..source }, &mut Vec::new()).0
}

impl Survey<'_> {
    /// Surveys any statement that a shard runs.
    pub fn statement(&mut self, statement: &Statement) {
        let scope = Scope::default();
        let schema = self.schema();
        self.note_values(statement);
        match statement {
            Statement::Query(query) => {
                self.query(query, &scope);
            }
            Statement::Insert(insert) => {
                self.insert(insert, &scope);
            }
            Statement::Change(change) => {
                self.change(change, &scope);
            }
            Statement::Merge(merge) => {
                self.merge(merge, &scope);
            }
            Statement::CreateTableAs { target, inner } => {
                utility::create_table("CREATE TABLE AS", target, &[], &schema, self);
                self.statement(inner);
            }
            Statement::CreateTable(it) => utility::create_table("CREATE TABLE", &it.name, &it.steps, &schema, self),
            Statement::DeclareCursor { name, is_held, query } => {
                self.statement(query);
                self.mark.cursors.push(CursorUse::Declare { name: name.clone(), is_held: *is_held });
                if *is_held {
                    // It stays on its server: not one that may be left for another.
                    self.writes();
                    self.mark.pin = Some("cursor WITH HOLD");
                    self.mark.unpreparable = Some("a cursor WITH HOLD");
                }
            }
            Statement::Utility(it) => utility::utility(it, &schema, self),
            Statement::Copy(it) => {
                copy::copy(it, &schema, self);
            }
            Statement::Cursor { verb, name } => {
                self.is_bound();
                self.mark.cursors.push(match (*verb, name) {
                    (_, None) => CursorUse::CloseAll,
                    ("CLOSE CURSOR", Some(name)) => CursorUse::Close(name.clone()),
                    (_, Some(name)) => CursorUse::Read(name.clone()),
                });
            }
            Statement::Notify => {
                self.writes();
                self.mark.unpreparable = Some(NOTIFY);
                self.is_only_first("notifications");
            }
            Statement::Show(setting) => self.show(setting),
            Statement::Do { language, body } => self.do_block(language, body),
            Statement::Call(call) => self.procedure(call, &scope),
            Statement::TwoPhase(verb) => {
                self.writes();
                self.refuse(Refusal::two_phase(verb));
            }
            Statement::Unknown(what) => self.unknown(what),
            Statement::Control(_)
            | Statement::Set(_)
            | Statement::SetConstraints { .. }
            | Statement::Prepare { .. }
            | Statement::Execute { .. }
            | Statement::Deallocate(_)
            | Statement::Discard { .. }
            | Statement::Listen(_)
            | Statement::Explain(_) => self.unknown("a command inside another statement"),
        }
    }

    fn procedure(&mut self, call: &Call, scope: &Scope<'_>) {
        self.writes();
        self.refuse(Refusal::procedural("CALL"));
        self.call(call, scope);
        self.visit_all(&call.arguments, scope);
    }

    /// DO, with one definition or anything else.
    fn do_block(&mut self, language: &str, body: &str) {
        self.writes();
        self.block(language, body);
        let schema = self.schema();
        let define = |it: &Utility, text: &str| {
            evaluated::refusal(it, text, &schema).into_iter().for_each(|it| self.refuse(it));
            utility::utility(it, &schema, self);
        };
        if block::with_definition(language, body, define).is_none() {
            self.refuse(Refusal::procedural("DO"));
        }
    }
}

/// What PostgreSQL tags it.
fn verb(statement: &Statement) -> &'static str {
    match statement {
        Statement::Query(_) => "SELECT",
        Statement::Insert(_) => "INSERT",
        Statement::Change(change) => change.verb,
        Statement::Merge(_) => "MERGE",
        Statement::TwoPhase(verb) => verb,
        Statement::Control(control) => match control {
            Control::Begin(_) => "BEGIN",
            Control::Commit { .. } => "COMMIT",
            Control::Rollback { .. } | Control::RollbackTo(_) => "ROLLBACK",
            Control::Savepoint(_) => "SAVEPOINT",
            Control::Release(_) => "RELEASE",
            Control::SetTransaction(_) => "SET",
        },
        Statement::Set(_) => "SET",
        Statement::Show(_) => "SHOW",
        Statement::Explain(_) => "EXPLAIN",
        Statement::Prepare { .. } => "PREPARE",
        Statement::Execute { .. } => "EXECUTE",
        Statement::Deallocate(_) => "DEALLOCATE",
        Statement::Discard { tag } => tag,
        Statement::DeclareCursor { .. } => "DECLARE CURSOR",
        Statement::Cursor { verb, .. } => verb,
        Statement::Listen(Listen::To(_)) => "LISTEN",
        Statement::Listen(Listen::NotTo(_) | Listen::ToNothing) => "UNLISTEN",
        Statement::Notify => "NOTIFY",
        Statement::Copy(_) => "COPY",
        Statement::CreateTableAs { .. } => "CREATE TABLE AS",
        Statement::CreateTable(_) => "CREATE TABLE",
        Statement::SetConstraints { .. } => "SET CONSTRAINTS",
        Statement::Utility(utility) => utility.verb,
        Statement::Do { .. } => "DO",
        Statement::Call(_) => "CALL",
        Statement::Unknown(_) => "UNKNOWN",
    }
}

/// The text after `PREPARE name (types) AS`.
fn prepared_text(statement: &str) -> Option<&str> {
    let mut depth = 0;
    let mut words = Words::of(statement);
    while let Some((word, end)) = words.next() {
        match word {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ if depth == 0 && word.eq_ignore_ascii_case("as") => return statement.get(end..).map(str::trim_ascii),
            _ => (),
        }
    }
    None
}

/// The bytes of the name after `EXECUTE`.
fn name_at(text: &str, at: &Range<usize>) -> Option<Range<usize>> {
    let mut words = Words::of(text.get(at.clone())?);
    words.next()?;
    let (name, end) = words.next()?;
    Some(at.start + end - name.len()..at.start + end)
}
