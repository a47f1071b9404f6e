//! Functions: what calling them may read, write or leave behind in the session.

use crate::logic::body::leaves::{Leaves, leaves};
use crate::logic::catalog::{Function, FunctionKind, Volatility};
use crate::logic::sql::statement::expression::{Call, Constant, Expression, Literal};

use super::super::refusal::Refusal;
use super::super::scope::Scope;
use super::super::{ADVISORY_LOCK, CURSORS, DBLINK, LISTENING_CHANNELS, PG_NOTIFY, PREPARED_STATEMENTS, SETTING};
use super::Survey;

/// What a function of PostgreSQL's needs of us, where its volatility does not say it all.
#[derive(Clone, Copy)]
pub(super) enum Special {
    /// `nextval`
    TakesNumber,
    /// `setval`
    SetsNumber,
    /// It reads what earlier statements left in the session
    ReadsSession(&'static str),
    /// A connection that is open until the session ends
    Connection,
    /// It holds a lock until the session ends
    SessionLock,
    /// A lock that others must meet
    Lock,
    /// It takes back what the session holds
    SessionUnlock,
    /// It takes back all that the session holds, if anything
    SessionUnlockAll,
    /// A notification
    Notify,
    /// A snapshot for other sessions of the same server
    ExportSnapshot,
    /// `set_config`
    SetConfig,
    /// It sets a parameter of its own
    Sets,
    /// `setseed`
    Seed,
    /// It reads the tables that its arguments name
    ReadsByText,
    /// Large objects and files live on one server
    ServerObject,
}

/// What they tell of a value that has been fetched is not what they tell of it where it is stored.
const STORAGE: [&str; 3] = ["pg_column_size", "pg_column_compression", "pg_column_toast_chunk_id"];

impl<'a> Survey<'a> {
    /// Notes what a call does. Its arguments are visited by the caller.
    pub(in super::super) fn call(&mut self, call: &Call, scope: &Scope<'_>) {
        let Some(name) = call.name.last() else { return };
        let functions = self.candidates(&call.name);
        self.note_type(&call.name);
        self.calls_sets |= functions.iter().any(|it| it.returns_set);
        self.has_own_values |= !functions.iter().all(|it| it.schema.as_ref() == "pg_catalog");
        self.note_carried(call, functions.iter().all(|it| it.schema.as_ref() == "pg_catalog"), scope);
        if call.over.is_some() || functions.is_empty() || !functions.iter().all(|it| is_of_a_row(name, it)) {
            if !self.is_of_rows_here(name, call, &functions, scope) {
                self.depends_on_more_than_a_row();
            }
            self.note_calls(name, call, &functions);
        }
        match functions.as_slice() {
            [_, ..] if is_moment(name) && functions.iter().all(|it| it.schema.as_ref() == "pg_catalog") => {
                self.meet_moment();
            }
            [_, ..] if functions.iter().all(|it| is_of_any_server(name, it)) => (),
            [_, ..] if self.reads_own_setting(name, call) => (),
            [] if &**name == "nextval" => (),
            _ => self.depends_on_server(),
        }
        self.asks_catalogs |= speaks_of_objects(name);
        self.note_named_object(name, call);
        if let Some(mentions) = &mut self.mentions {
            mentions.tells_storage = mentions.tells_storage.or(STORAGE.into_iter().find(|it| **it == **name));
        }
        if asks_primary(name) || &**name == "current_setting" && may_ask_primary(call) {
            self.is_for_primary();
        }
        // The user may have given one of these names to something else.
        let special = special(name).filter(|_| functions.is_empty() || functions.iter().any(|it| !is_own(it)));
        if let Some(special) = special {
            self.special(special, name, call);
        }
        if special.is_some() && !functions.iter().any(|it| is_own(it)) {
            return;
        }
        if functions.is_empty() {
            // PostgreSQL says that it does not exist, or a newer schema has it.
            self.volatile_calls += 1;
            self.mark.taints = true;
            return self.writes();
        }
        self.meet_functions(&call.name, &functions);
    }

    /// `r.f` where r has no column f, or may have none, and `(r).f`: where there is no such field, PostgreSQL calls `f(r)`.
    pub(super) fn note_field(&mut self, name: &str) {
        /// PostgreSQL's own that look at more than one row
        const OF_ANY_ROWS: [&str; 7] = ["count", "array_agg", "json_agg", "jsonb_agg", "any_value", "min", "max"];
        let called = [Box::from(name)];
        let takes_rows = |it: &&Function| match (&*it.schema, it.kind) {
            ("pg_catalog", FunctionKind::Aggregate) => OF_ANY_ROWS.contains(&name),
            ("pg_catalog", FunctionKind::Function | FunctionKind::Window | FunctionKind::Procedure) => false,
            _ => true,
        };
        let functions: Vec<&Function> = self.candidates(&called).into_iter().filter(takes_rows).collect();
        if !functions.iter().all(|it| is_of_a_row(name, it)) {
            self.depends_on_more_than_a_row();
            self.depends_on_server();
            self.nature.follows_order = true;
            self.nature.asks_server = true;
        }
        self.meet_functions(&called, &functions);
    }

    /// What functions do that a call of this name may mean.
    fn meet_functions(&mut self, name: &[Box<str>], functions: &[&'a Function]) {
        let called = name.last().map_or("", Box::as_ref);
        let leaves = functions.iter().map(|function| leaves_of(function)).max().unwrap_or_default();
        self.leave(leaves, || format!("function {called}()"));
        if functions.iter().any(|it| it.volatility == Volatility::Volatile) {
            self.volatile_calls += 1;
            self.writes();
        }
        if !self.schema.map.local_functions.iter().any(|local| names(local, name)) {
            for function in functions.iter().copied().filter(|it| is_own(it) && it.volatility != Volatility::Immutable)
            {
                self.meet_own(called, function);
            }
        }
    }

    /// A call whose result one row does not tell.
    fn note_calls(&mut self, name: &str, call: &Call, functions: &[&Function]) {
        let is_over_rows = |it: &&&Function| matches!(it.kind, FunctionKind::Aggregate | FunctionKind::Window);
        let over_rows = functions.iter().filter(is_over_rows).count();
        self.nature.follows_order |= call.over.is_some() || over_rows > 0;
        self.nature.picks |= call.over.is_some();
        let mut others = functions.iter().filter(|it| !is_over_rows(it) && !is_of_a_row(name, it)).peekable();
        if functions.is_empty() || others.peek().is_some() {
            if functions.is_empty()
                || others.any(|it| is_own(it) && it.schema.as_ref() != "pg_catalog" && !it.is_native)
            {
                self.nature.asks_server = true;
            } else {
                self.note_call(name, call);
            }
        }
    }

    /// `current_setting('app.tenant')`: settings with a dot are the client's own, and follow it to every server.
    pub(super) fn reads_own_setting(&mut self, name: &str, call: &Call) -> bool {
        match first_argument(call) {
            Some(Expression::Constant(constant @ Constant { value: Literal::String(setting), .. }))
                if name == "current_setting" && setting.contains('.') =>
            {
                self.literals.fix(constant);
                true
            }
            _ => false,
        }
    }

    fn special(&mut self, special: Special, name: &str, call: &Call) {
        self.writes();
        self.volatile_calls += 1;
        match special {
            Special::TakesNumber => self.takes_number(call),
            Special::SetsNumber => self.sets_number(call),
            Special::ReadsSession(what) => {
                if matches!(what, "currval" | "lastval") {
                    self.is_where_numbers_are();
                    self.asks_number(call);
                } else {
                    self.is_bound();
                }
                self.reads_session(what);
            }
            Special::Connection => {
                self.is_only_first("connections of dblink");
                self.mark.pin = Some(DBLINK);
            }
            Special::SessionLock => {
                self.is_only_first("advisory locks");
                self.mark.pin = Some(ADVISORY_LOCK);
            }
            Special::Lock => self.is_only_first("advisory locks"),
            Special::SessionUnlock => {
                self.is_only_first("advisory locks");
                self.mark.need(Some(ADVISORY_LOCK));
            }
            // Where the locks would be. Without any there is nothing to take back, on any server.
            Special::SessionUnlockAll => self.is_only_first("advisory locks"),
            Special::Notify => {
                self.is_only_first("notifications");
                self.mark.unpreparable = Some(PG_NOTIFY);
            }
            Special::ExportSnapshot => self.mark.unpreparable = Some("an exported snapshot"),
            Special::SetConfig => self.set_config(call),
            Special::Sets => self.leave(Leaves::Settings, || format!("function {name}()")),
            Special::Seed => self.seeds(),
            Special::ReadsByText => {
                self.refuse(Refusal::reads_by_text(name));
                // The text may set something, or lock.
                self.leave(Leaves::Settings, || format!("function {name}()"));
            }
            Special::ServerObject => self.is_only_first("large objects and files"),
        }
    }

    /// A view of PostgreSQL's that shows what the session has.
    pub(super) fn reads_system(&mut self, view: &str) {
        match view {
            "pg_prepared_statements" => self.reads_session(PREPARED_STATEMENTS),
            "pg_cursors" => self.reads_session(CURSORS),
            "pg_settings" | "pg_sequences" | "pg_locks" | "pg_prepared_xacts" | "pg_replication_slots" => {
                self.is_for_primary();
            }
            _ if view.starts_with("pg_stat_") => self.is_for_primary(),
            _ => (),
        }
    }

    /// What servers know of the session.
    fn reads_session(&mut self, what: &'static str) {
        self.mark.need(Some(what));
        if what == PREPARED_STATEMENTS {
            self.refusal = Some(Refusal::prepared_statements());
        }
    }

    /// What running a body leaves in the session: where that is unknown or said to be something, its server keeps it for
    /// the session, and other servers lack it.
    pub(super) fn leave(&mut self, leaves: Leaves, what: impl FnOnce() -> String) {
        match leaves {
            Leaves::Nothing => (),
            Leaves::Unseen => self.mark.taints = true,
            Leaves::Settings => {
                self.writes();
                self.mark.taints = true;
                self.mark.pin.get_or_insert(SETTING);
                self.refuse(Refusal::sets_session(&what()));
            }
        }
    }

    /// DO, whose body is at hand.
    pub(in super::super) fn block(&mut self, language: &str, body: &str) {
        self.leave(leaves(language, body, &self.schema().catalog.leaving), || "this DO".to_owned());
    }

    /// The overloads of a function by its whole name (`schema.name`).
    pub(super) fn overloads<'f>(&self, function: &'f str) -> impl Iterator<Item = &'a Function> + use<'a, 'f> {
        let (schema, name) = function.split_once('.').unwrap_or(("", function));
        let all = self.schema.catalog.functions.get(name).map(Vec::as_slice).unwrap_or_default();
        all.iter().filter(move |it| &*it.schema == schema)
    }

    /// The overloads that a call may mean.
    pub(super) fn candidates(&self, name: &[Box<str>]) -> Vec<&'a Function> {
        let schema = self.schema;
        let all = name.last().and_then(|name| schema.catalog.functions.get(name));
        let all = all.map(Vec::as_slice).unwrap_or_default();
        match name {
            [schema, _] => all.iter().filter(|function| function.schema == *schema).collect(),
            _ => {
                let seen = |function: &&Function| schema.path().any(|schema| schema == function.schema.as_ref());
                let in_path: Vec<_> = all.iter().filter(seen).collect();
                if in_path.is_empty() { all.iter().collect() } else { in_path }
            }
        }
    }
}

/// Neither PostgreSQL's nor an extension's in C: it may run SQL of its own.
pub(super) fn is_own(function: &Function) -> bool {
    function.schema.as_ref() != "pg_catalog" && !function.is_native
}

/// What running it leaves: where that cannot be seen, only a volatile one is taken to leave something.
pub(super) fn leaves_of(function: &Function) -> Leaves {
    match (function.leaves, function.volatility) {
        (Leaves::Unseen, Volatility::Immutable | Volatility::Stable) => Leaves::Nothing,
        (leaves, _) => leaves,
    }
}

/// Its result depends on the row, the session's settings and the schema alone: every server computes the same.
pub(super) fn is_of_a_row(name: &str, function: &Function) -> bool {
    const BY_SETTINGS: [&str; 35] = [
        "to_char",
        "to_number",
        "to_date",
        "to_timestamp",
        "make_timestamptz",
        "date_trunc",
        "date_part",
        "extract",
        "timezone",
        "concat",
        "concat_ws",
        "format",
        "quote_literal",
        "quote_nullable",
        "length",
        "convert_from",
        "convert_to",
        "to_json",
        "to_jsonb",
        "row_to_json",
        "array_to_json",
        "json_build_object",
        "jsonb_build_object",
        "json_build_array",
        "jsonb_build_array",
        "array_to_string",
        "to_tsvector",
        "to_tsquery",
        "plainto_tsquery",
        "phraseto_tsquery",
        "websearch_to_tsquery",
        "enum_first",
        "enum_last",
        "generate_series",
        "pg_get_serial_sequence",
    ];
    match (function.kind, function.volatility) {
        (FunctionKind::Function, Volatility::Immutable) => true,
        (FunctionKind::Function, Volatility::Stable) => {
            function.schema.as_ref() == "pg_catalog" && BY_SETTINGS.contains(&name)
        }
        (FunctionKind::Function, Volatility::Volatile)
        | (FunctionKind::Aggregate | FunctionKind::Window | FunctionKind::Procedure, _) => false,
    }
}

/// One value for a whole statement on one server.
fn is_moment(name: &str) -> bool {
    matches!(name, "now" | "transaction_timestamp" | "statement_timestamp")
}

/// Without a cast, as PostgreSQL prints policies.
fn first_argument(call: &Call) -> Option<&Expression> {
    match call.arguments.first() {
        Some(Expression::Cast { inner, .. }) => Some(inner),
        argument => argument,
    }
}

/// A replica has no transactions of its own to tell of.
pub(super) fn asks_primary(name: &str) -> bool {
    const NUMBERS: [&str; 4] = ["txid_current", "txid_current_snapshot", "pg_current_xact_id", "pg_current_snapshot"];
    NUMBERS.contains(&name) || name == "pg_show_all_settings"
}

/// `current_setting` of what replicas say of themselves, or of what is not known here.
fn may_ask_primary(call: &Call) -> bool {
    match first_argument(call) {
        Some(Expression::Constant(Constant { value: Literal::String(setting), .. })) => {
            ["transaction_read_only", "in_hot_standby"].iter().any(|name| setting.eq_ignore_ascii_case(name))
        }
        _ => true,
    }
}

/// A type whose values are objects of the catalogs.
pub(super) fn is_object(name: &str) -> bool {
    const NAMED: [&str; 11] = [
        "regclass",
        "regcollation",
        "regconfig",
        "regdictionary",
        "regnamespace",
        "regoper",
        "regoperator",
        "regproc",
        "regprocedure",
        "regrole",
        "regtype",
    ];
    NAMED.contains(&name)
}

/// Its result is read from the catalogs.
pub(super) fn speaks_of_objects(name: &str) -> bool {
    const ALONE: [&str; 3] = ["format_type", "row_security_active", "pg_describe_object"];
    let is_kind = |begin: &str, end: &str| name.starts_with(begin) && name.ends_with(end);
    name.starts_with("pg_get_")
        || name.strip_prefix("to_").is_some_and(is_object)
        || is_kind("has_", "_privilege")
        || is_kind("pg_", "_is_visible")
        || is_kind("pg_", "_size")
        || name.starts_with("pg_partition_")
        || name.ends_with("_description")
        || name.starts_with("pg_identify_object")
        || ALONE.contains(&name)
}

/// It makes no difference on which server it is called, once for each row.
fn is_of_any_server(name: &str, function: &Function) -> bool {
    const OF_EACH_CALL: [&str; 6] =
        ["random", "gen_random_uuid", "uuid_generate_v4", "clock_timestamp", "timeofday", "nextval"];
    match function.volatility {
        Volatility::Immutable => true,
        Volatility::Stable => is_of_a_row(name, function),
        Volatility::Volatile => !is_own(function) && OF_EACH_CALL.contains(&name),
    }
}

/// `local_functions` lists names with or without a schema.
fn names(local: &str, called: &[Box<str>]) -> bool {
    match (local.split_once('.'), called) {
        (None, [.., name]) => local == name.as_ref(),
        (Some((schema, local)), [.., in_schema, name]) => schema == in_schema.as_ref() && local == name.as_ref(),
        (Some((_, local)), [name]) => local == name.as_ref(),
        (_, []) => false,
    }
}

pub(super) fn boolean(literal: &Literal) -> Option<bool> {
    match literal {
        Literal::Boolean(value) => Some(*value),
        Literal::String(text) => match text.as_ref() {
            "t" | "true" | "on" | "1" | "yes" | "y" => Some(true),
            "f" | "false" | "off" | "0" | "no" | "n" => Some(false),
            _ => None,
        },
        Literal::Null | Literal::Integer(_) | Literal::Decimal(_) | Literal::Odd => None,
    }
}

pub(super) fn special(name: &str) -> Option<Special> {
    Some(match name {
        "nextval" => Special::TakesNumber,
        "setval" => Special::SetsNumber,
        "currval" => Special::ReadsSession("currval"),
        "lastval" => Special::ReadsSession("lastval"),
        "pg_advisory_lock" | "pg_advisory_lock_shared" | "pg_try_advisory_lock" | "pg_try_advisory_lock_shared" => {
            Special::SessionLock
        }
        "pg_advisory_unlock" | "pg_advisory_unlock_shared" => Special::SessionUnlock,
        "pg_advisory_unlock_all" => Special::SessionUnlockAll,
        "pg_advisory_xact_lock"
        | "pg_advisory_xact_lock_shared"
        | "pg_try_advisory_xact_lock"
        | "pg_try_advisory_xact_lock_shared" => Special::Lock,
        "pg_notify" => Special::Notify,
        "pg_export_snapshot" => Special::ExportSnapshot,
        "pg_listening_channels" => Special::ReadsSession(LISTENING_CHANNELS),
        "pg_prepared_statement" => Special::ReadsSession(PREPARED_STATEMENTS),
        "pg_cursor" => Special::ReadsSession(CURSORS),
        "dblink_connect" | "dblink_connect_u" => Special::Connection,
        "set_config" => Special::SetConfig,
        // Of pg_trgm.
        "set_limit" => Special::Sets,
        "setseed" => Special::Seed,
        "query_to_xml"
        | "query_to_xmlschema"
        | "query_to_xml_and_xmlschema"
        | "table_to_xml"
        | "table_to_xmlschema"
        | "table_to_xml_and_xmlschema"
        | "cursor_to_xml"
        | "cursor_to_xmlschema"
        | "schema_to_xml"
        | "schema_to_xmlschema"
        | "schema_to_xml_and_xmlschema"
        | "database_to_xml"
        | "database_to_xmlschema"
        | "database_to_xml_and_xmlschema"
        | "ts_stat"
        | "ts_rewrite"
        | "crosstab"
        | "crosstab2"
        | "crosstab3"
        | "crosstab4"
        | "crosstab_hash"
        | "connectby"
        | "dblink"
        | "dblink_exec" => Special::ReadsByText,
        "loread" | "lowrite" | "pg_read_file" | "pg_read_binary_file" | "pg_ls_dir" | "pg_stat_file" => {
            Special::ServerObject
        }
        _ if name.starts_with("lo_") => Special::ServerObject,
        _ => return None,
    })
}
