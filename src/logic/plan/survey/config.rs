//! Calls of `set_config`: settings that the session has to remember, where the text says which.

use crate::logic::sql::name::setting_value;
use crate::logic::sql::statement::expression::{Call, Constant, Expression, Literal, Operator};
use crate::logic::sql::statement::{FromItem, Query, Select};

use super::super::refusal::Refusal;
use super::super::reserved::{is_plpgsqls, is_reserved};
use super::super::schema::Found;
use super::super::{BoundSetting, SEED, SETTING, SettingChange};
use super::Survey;
use super::functions::boolean;

/// Calls in the select list of the outermost query, by address.
#[derive(Default)]
pub(super) struct Sure {
    /// They are made once, whatever the rows are
    calls: Vec<*const Call>,
    /// There is nothing beside the only one of them
    is_alone: bool,
    /// It is made once with this name, if servers have a setting that is called so
    of_known: Option<(*const Call, Box<str>)>,
}

impl Survey<'_> {
    /// Looks at the outermost query before its expressions are visited.
    pub(super) fn note_sure_calls(&mut self, select: &Select, query: &Query) {
        let is_plain =
            select.having.is_none() && select.group_by.is_empty() && query.limits.is_empty() && query.with.is_none();
        if !is_plain {
            return;
        }
        self.sure = match (select.from.as_slice(), &select.filter) {
            ([], None) => Sure {
                calls: select.targets.iter().filter_map(|it| call_of(&it.value)).map(std::ptr::from_ref).collect(),
                is_alone: select.targets.len() == 1,
                of_known: None,
            },
            // An alias may call another column so.
            ([FromItem::Table { name, alias, sample: None }], Some(filter))
                if &*name.name == "pg_settings"
                    && alias.columns.is_empty()
                    && matches!(self.schema.find(name), Found::System) =>
            {
                Sure { of_known: self.of_known(select, filter), ..Sure::default() }
            }
            _ => return,
        };
    }

    /// `SELECT set_config(name, …, …) FROM pg_settings WHERE name = 'x'`: how clients set what only some versions know.
    fn of_known(&mut self, select: &Select, filter: &Expression) -> Option<(*const Call, Box<str>)> {
        let [target] = select.targets.as_slice() else { return None };
        let call = call_of(&target.value).filter(|call| call.arguments.first().is_some_and(is_the_name))?;
        let Expression::Compare { operator: Operator::Equal, left, right } = filter else { return None };
        match (&**left, &**right) {
            (name, Expression::Constant(constant @ Constant { value: Literal::String(setting), .. }))
                if is_the_name(name) =>
            {
                self.literals.fix(constant);
                Some((std::ptr::from_ref(call), setting.clone()))
            }
            _ => None,
        }
    }

    /// A call that is made once and surely, whenever the statement runs.
    fn is_sure_call(&self, call: &Call) -> bool {
        self.sure.calls.contains(&std::ptr::from_ref(call))
    }

    /// All that the statement does is to call this, once.
    pub(super) fn sure_alone(&self, call: &Call) -> bool {
        self.sure.is_alone && self.verb == "SELECT" && self.is_sure_call(call)
    }

    /// The numbers of `random()` are those of one server from now on.
    pub(in super::super) fn seeds(&mut self) {
        self.writes();
        self.is_only_first("random()");
        self.mark.pin.get_or_insert(SEED);
        self.refuse(Refusal::seed());
    }

    /// A call of `set_config` whose effect cannot be told from its text.
    pub(super) fn computes_setting(&mut self) {
        self.mark.taints = true;
        self.mark.pin.get_or_insert(SETTING);
        self.refuse(Refusal::computed_setting());
    }

    /// `set_config(name, value, is_local)`.
    pub(super) fn set_config(&mut self, call: &Call) {
        let [name, value, Expression::Constant(local)] = call.arguments.as_slice() else {
            return self.computes_setting();
        };
        let Some(is_local) = boolean(&local.value) else { return self.computes_setting() };
        self.literals.fix(local);
        let known = self.sure.of_known.as_ref().filter(|(it, _)| *it == std::ptr::from_ref(call));
        let (setting, is_sure) = match (name, known) {
            (Expression::Constant(constant @ Constant { value: Literal::String(setting), .. }), _) => {
                self.literals.fix(constant);
                (setting.clone(), self.is_sure_call(call))
            }
            (_, Some((_, setting))) if is_seen_by_all(setting) => {
                match self.schema.catalog.settings.contains(setting) {
                    true => (setting.clone(), true),
                    // There is no row, nor a call; or what a session cannot set is an error.
                    false => return,
                }
            }
            _ => return self.computes_setting(),
        };
        self.sets(&setting.to_ascii_lowercase(), value, is_local, is_sure);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "every other expression is computed")]
    fn sets(&mut self, setting: &str, value: &Expression, is_local: bool, is_sure: bool) {
        if setting.starts_with("shardway.") {
            return self.computes_setting();
        }
        if setting == "seed" {
            return self.seeds();
        }
        if is_reserved(setting) && !is_plpgsqls(setting, Some(text_of(value))) {
            return self.refuse(Refusal::reserved_setting(setting));
        }
        // Where a transaction may go on to other shards, they have to hear of what holds for it.
        let spans = self.schema.map.shards.len() > 1;
        match value {
            Expression::Constant(constant) if is_local && !spans || is_sure => {
                self.literals.fix(constant);
                let text = match &constant.value {
                    Literal::String(text) => setting_value(setting, text),
                    Literal::Null | Literal::Boolean(_) | Literal::Integer(_) | Literal::Decimal(_) | Literal::Odd => {
                        return self.computes_setting();
                    }
                };
                self.mark.set_config.push(SettingChange { name: setting.into(), value: Some(text), is_local });
            }
            Expression::Param(number) if (spans || !is_local) && self.verb == "SELECT" && is_sure => {
                match u16::try_from(*number) {
                    Ok(number) => self.mark.set_bound.push(BoundSetting { name: setting.into(), number, is_local }),
                    Err(_) => self.computes_setting(),
                }
            }
            // A computed value that ends with the transaction leaves nothing behind.
            _ if is_local && !spans && setting != "standard_conforming_strings" => (),
            _ => self.computes_setting(),
        }
    }
}

/// Does `pg_settings` have it for every session, or for none? Those with a dot come and go with what a session has loaded, and
/// of what sessions can set two are shown to some roles only.
fn is_seen_by_all(setting: &str) -> bool {
    !setting.contains('.') && !["dynamic_library_path", "session_preload_libraries"].contains(&setting)
}

/// A value that stands in the text; none other is one of PL/pgSQL's.
#[expect(clippy::wildcard_enum_match_arm, reason = "every other expression is computed")]
fn text_of(value: &Expression) -> &str {
    match value {
        Expression::Constant(Constant { value: Literal::String(text), .. }) => text,
        _ => "",
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only a call is one")]
fn call_of(value: &Expression) -> Option<&Call> {
    match value {
        Expression::Call(call) => Some(call),
        _ => None,
    }
}

/// The column `name` of `pg_settings`, which stands alone in FROM.
fn is_the_name(expression: &Expression) -> bool {
    matches!(expression, Expression::Column(parts) if parts.last().is_some_and(|name| &**name == "name"))
}
