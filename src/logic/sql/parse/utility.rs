//! Statements other than queries: what they are, and which tables they name.

use pg_raw_parse::nodes::{self, DiscardMode, TransactionStmtKind, VariableSetKind};
use pg_raw_parse::{ConstValue, Node, list::NodeList};

use super::super::statement::expression::Literal;
use super::super::statement::{
    Characteristics, Control, Copy, CopyOption, Explain, ExplainForm, Listen, Set, SetChange, Statement,
};
use super::expression::type_name;
use super::query::into_clause;
use super::{Convert, names, relation};

impl Convert {
    /// Any statement. What no arm takes is DDL or administration, named by `verbs`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed is utility or refused")]
    pub(super) fn statement(&mut self, node: Node<'_>) -> Statement {
        match node {
            Node::SelectStmt(select) => {
                let query = Statement::Query(self.query(select));
                match into_clause(select) {
                    Some(target) => Statement::CreateTableAs { target, inner: Box::new(query) },
                    None => query,
                }
            }
            Node::InsertStmt(insert) => known(self.insert(insert).map(|it| Statement::Insert(Box::new(it)))),
            Node::UpdateStmt(update) => known(self.update(update).map(|it| Statement::Change(Box::new(it)))),
            Node::DeleteStmt(delete) => known(self.delete(delete).map(|it| Statement::Change(Box::new(it)))),
            Node::MergeStmt(merge) => known(self.merge(merge).map(|it| Statement::Merge(Box::new(it)))),
            Node::TransactionStmt(statement) => transaction(statement),
            Node::VariableSetStmt(set) => Statement::Set(setting(set)),
            Node::VariableShowStmt(show) => Statement::Show(lower(show.name())),
            Node::ExplainStmt(explain) => self.explain(explain),
            Node::PrepareStmt(prepare) => Statement::Prepare {
                name: text(prepare.name()),
                types: prepare.argtypes().iter().map(type_name).collect(),
                inner: Box::new(self.statement(prepare.query())),
            },
            Node::ExecuteStmt(execute) => {
                Statement::Execute { name: text(execute.name()), arguments: self.expressions(execute.params()) }
            }
            Node::DeallocateStmt(deallocate) => {
                Statement::Deallocate(if deallocate.isall { None } else { deallocate.name().map(Box::from) })
            }
            Node::DiscardStmt(discard) => Statement::Discard {
                tag: match discard.target {
                    DiscardMode::DISCARD_PLANS => "DISCARD PLANS",
                    DiscardMode::DISCARD_SEQUENCES => "DISCARD SEQUENCES",
                    DiscardMode::DISCARD_TEMP => "DISCARD TEMP",
                    _ => "DISCARD ALL",
                },
            },
            Node::DeclareCursorStmt(declare) => Statement::DeclareCursor {
                name: text(declare.portalname()),
                // CURSOR_OPT_HOLD of parsenodes.h.
                is_held: declare.options & 0x0020 != 0,
                query: Box::new(self.statement(declare.query())),
            },
            Node::FetchStmt(fetch) => Statement::Cursor {
                verb: if fetch.ismove { "MOVE" } else { "FETCH" },
                name: Some(text(fetch.portalname())),
            },
            Node::ClosePortalStmt(close) => {
                Statement::Cursor { verb: "CLOSE CURSOR", name: close.portalname().map(Box::from) }
            }
            Node::ListenStmt(listen) => Statement::Listen(Listen::To(text(listen.conditionname()))),
            Node::UnlistenStmt(unlisten) => Statement::Listen(match unlisten.conditionname() {
                None | Some("") => Listen::ToNothing,
                Some(name) => Listen::NotTo(name.into()),
            }),
            Node::NotifyStmt(_) => Statement::Notify,
            Node::CopyStmt(copy) => self.copy(copy),
            Node::CreateTableAsStmt(create) => match create.into().and_then(|into| into.rel()) {
                Some(target) => Statement::CreateTableAs {
                    target: relation(target),
                    inner: Box::new(self.statement(create.query())),
                },
                None => Statement::Unknown("CREATE TABLE AS"),
            },
            Node::CreateStmt(create) => known(self.create_table(create).map(Statement::CreateTable)),
            Node::ConstraintsSetStmt(set) => {
                Statement::SetConstraints { is_all: set.constraints().iter().next().is_none() }
            }
            Node::DoStmt(block) => {
                let said = |name| block.args().iter().find(|option| option.defname() == Some(name));
                let language = said("language").and_then(|option| option.arg().as_str()).unwrap_or("plpgsql");
                Statement::Do {
                    language: language.into(),
                    body: text(said("as").and_then(|option| option.arg().as_str())),
                }
            }
            Node::CallStmt(call) => known(call.funccall().map(|it| Statement::Call(self.call(it)))),
            _ => self.utility(node),
        }
    }

    fn explain(&mut self, explain: &nodes::ExplainStmt) -> Statement {
        let is_analyze = explain.options().iter().any(|option| {
            // PostgreSQL takes `off`, `false`, `0` for no (defGetBoolean); anything else counts as yes, which is safe.
            let is_off = |arg: Node<'_>| {
                matches!(arg, Node::Integer(number) if number.ival == 0)
                    || matches!(arg, Node::Boolean(value) if !value.boolval)
                    || arg.as_str().is_some_and(|word| matches!(word.to_ascii_lowercase().as_str(), "off" | "false"))
            };
            option.defname() == Some("analyze") && !is_off(option.arg())
        });
        let format = explain.options().iter().rfind(|option| option.defname() == Some("format"));
        let form = match format.and_then(|option| option.arg().as_str()).unwrap_or_default() {
            "json" => ExplainForm::Json,
            "yaml" => ExplainForm::Yaml,
            "xml" => ExplainForm::Xml,
            _ => ExplainForm::Text,
        };
        Statement::Explain(Box::new(Explain { is_analyze, form, inner: self.statement(explain.query()) }))
    }

    fn copy(&mut self, copy: &nodes::CopyStmt) -> Statement {
        Statement::Copy(Box::new(Copy {
            table: copy.relation().map(relation),
            query: (!matches!(copy.query(), Node::None)).then(|| self.statement(copy.query())),
            columns: names(copy.attlist()),
            is_from: copy.is_from,
            uses_server_files: copy.filename().is_some() || copy.is_program,
            filter: self.maybe(copy.where_clause()),
            options: copy.options().iter().map(copy_option).collect(),
        }))
    }
}

fn known(statement: Option<Statement>) -> Statement {
    statement.unwrap_or(Statement::Unknown("a statement without its table"))
}

fn text(name: Option<&str>) -> Box<str> {
    Box::from(name.unwrap_or_default())
}

fn lower(name: Option<&str>) -> Box<str> {
    name.unwrap_or_default().to_ascii_lowercase().into()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all other values are words")]
fn copy_option(option: &nodes::DefElem) -> CopyOption {
    let arg = option.arg();
    let values = match arg {
        Node::NodeList(list) => names(list),
        Node::Integer(number) => vec![number.ival.to_string().into()],
        Node::Float(number) => vec![Box::from(number.fval().unwrap_or_default())],
        Node::Boolean(value) => vec![Box::from(if value.boolval { "true" } else { "false" })],
        _ => arg.as_str().map(Box::from).into_iter().collect(),
    };
    CopyOption { name: lower(option.defname()), values, is_star: matches!(arg, Node::A_Star(_)) }
}

fn transaction(statement: &nodes::TransactionStmt) -> Statement {
    let name = || text(statement.savepoint_name());
    Statement::Control(match statement.kind {
        TransactionStmtKind::TRANS_STMT_BEGIN | TransactionStmtKind::TRANS_STMT_START => {
            let mut said = Characteristics::default();
            for (name, value) in characteristics(statement.options()) {
                said.add(&name, &value);
            }
            Control::Begin(said)
        }
        TransactionStmtKind::TRANS_STMT_COMMIT => Control::Commit { chain: statement.chain },
        TransactionStmtKind::TRANS_STMT_ROLLBACK => Control::Rollback { chain: statement.chain },
        TransactionStmtKind::TRANS_STMT_SAVEPOINT => Control::Savepoint(name()),
        TransactionStmtKind::TRANS_STMT_RELEASE => Control::Release(name()),
        TransactionStmtKind::TRANS_STMT_ROLLBACK_TO => Control::RollbackTo(name()),
        TransactionStmtKind::TRANS_STMT_PREPARE => return Statement::TwoPhase("PREPARE TRANSACTION"),
        TransactionStmtKind::TRANS_STMT_COMMIT_PREPARED => return Statement::TwoPhase("COMMIT PREPARED"),
        TransactionStmtKind::TRANS_STMT_ROLLBACK_PREPARED => return Statement::TwoPhase("ROLLBACK PREPARED"),
        _ => return Statement::Unknown("a transaction statement that shardway does not know"),
    })
}

/// Names and values of a list of options.
fn characteristics(options: &NodeList) -> Vec<(Box<str>, Literal)> {
    options
        .iter()
        .filter_map(|node| <&nodes::DefElem>::try_from(node).ok())
        .map(|option| (lower(option.defname()), constant(option.arg()).unwrap_or(Literal::Odd)))
        .collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "bit strings are no settings")]
fn constant(node: Node<'_>) -> Option<Literal> {
    let Node::A_Const(constant) = node else { return None };
    match constant.val()? {
        ConstValue::Integer(number) => Some(Literal::Integer(number.to_string().into())),
        ConstValue::Float(number) => Some(Literal::Decimal(number.into())),
        ConstValue::Boolean(value) => Some(Literal::Boolean(value)),
        ConstValue::String(text) => Some(Literal::String(text.into())),
        _ => None,
    }
}

/// `INTERVAL '+02:00' HOUR TO MINUTE` as the string that means the same time zone, where its fields leave no doubt
/// (manual, SET, TIME ZONE).
fn zone(value: Node<'_>) -> Option<Literal> {
    const MINUTE: i64 = 1 << 11;
    let Node::TypeCast(cast) = value else { return None };
    let name =
        cast.type_name().filter(|name| type_name(name).names.last().is_some_and(|last| &**last == "interval"))?;
    let fields = name.typmods().iter().map(constant).collect::<Vec<_>>();
    let has_minutes = match fields.as_slice() {
        [] => true,
        [Some(Literal::Integer(fields))] => fields.parse::<i64>().is_ok_and(|fields| fields & MINUTE != 0),
        [..] => false,
    };
    let Some(Literal::String(text)) = constant(cast.arg()).filter(|_| has_minutes) else { return None };
    let (hours, minutes) = text.trim_start_matches(['+', '-']).split_once(':')?;
    let is_two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    (text.len() <= 6 && is_two_digits(hours) && is_two_digits(minutes))
        .then(|| Literal::String(format!("INTERVAL '{text}'").into()))
}

fn setting(set: &nodes::VariableSetStmt) -> Set {
    let change = match set.kind {
        VariableSetKind::VAR_SET_VALUE => {
            let values: Option<Vec<_>> =
                set.args().iter().map(|value| constant(value).or_else(|| zone(value))).collect();
            values.map_or(SetChange::Odd, SetChange::To)
        }
        VariableSetKind::VAR_SET_DEFAULT | VariableSetKind::VAR_RESET => SetChange::Default,
        VariableSetKind::VAR_RESET_ALL => SetChange::All,
        VariableSetKind::VAR_SET_MULTI => SetChange::Many(characteristics(set.args())),
        _ => SetChange::Odd,
    };
    Set { name: lower(set.name()), change, is_local: set.is_local }
}
