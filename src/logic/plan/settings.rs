//! SET, RESET and SHOW: what the session must remember, and settings of our own.

use crate::logic::sql::name::literal;
use crate::logic::sql::statement::expression::Literal;
use crate::logic::sql::statement::{Characteristics, Control, Set, SetChange};

use super::hint::setting;
use super::reserved::{is_plpgsqls, is_reserved};
use super::{Access, Command, Home, Mark, One, OwnCommand, OwnSetting, Plan, Refusal, SEED, Schema, SettingChange};

/// The plan of a SET or RESET.
pub fn set(set: &Set, schema: &Schema<'_>) -> Plan {
    if &*set.name == "seed" && !matches!(set.change, SetChange::Default) {
        return seed(schema);
    }
    if !may_be_set(set) {
        return Plan::Refuse(Refusal::reserved_setting(&set.name));
    }
    let command = match own(&set.name) {
        Some(Ok(ours)) => own_set(ours, set),
        Some(Err(refusal)) => Err(refusal),
        None => postgres_set(set),
    };
    command.map_or_else(Plan::Refuse, Plan::Command)
}

/// `SET seed TO 0.5`: what it sets has no value that could be set again.
fn seed(schema: &Schema<'_>) -> Plan {
    if !schema.is_one_shard() {
        return Plan::Refuse(Refusal::seed());
    }
    let mark = Mark { pin: Some(SEED), ..Mark::default() };
    Plan::One(One { home: Home::First, access: Access::Write, mark, is_bound: false })
}

/// The plan of a SHOW.
pub fn show(name: &str) -> Plan {
    match own(name) {
        Some(Ok(setting)) => Plan::Command(Command::Own(OwnCommand::Show(setting))),
        Some(Err(refusal)) => Plan::Refuse(refusal),
        None => Plan::One(One { home: Home::Any, access: Access::Read, mark: Mark::default(), is_bound: false }),
    }
}

fn own(name: &str) -> Option<Result<OwnSetting, Refusal>> {
    let ours = name.strip_prefix("shardway.")?;
    Some(setting(ours).ok_or_else(|| Refusal::bad_setting(name)))
}

fn own_set(setting: OwnSetting, set: &Set) -> Result<Command, Refusal> {
    let value = match &set.change {
        SetChange::Default => None,
        SetChange::To(values) => match values.as_slice() {
            [Literal::String(text) | Literal::Integer(text) | Literal::Decimal(text)] => Some(text.clone()),
            _ => return Err(Refusal::bad_setting(&set.name)),
        },
        SetChange::All | SetChange::Many(_) | SetChange::Odd => return Err(Refusal::bad_setting(&set.name)),
    };
    Ok(Command::Own(OwnCommand::Set { setting, value, is_local: set.is_local }))
}

/// May it be set to this in any session?
fn may_be_set(set: &Set) -> bool {
    let is_known = match &set.change {
        SetChange::Default => is_plpgsqls(&set.name, None),
        SetChange::To(values) => {
            matches!(values.as_slice(), [Literal::String(text)] if is_plpgsqls(&set.name, Some(text)))
        }
        SetChange::All | SetChange::Many(_) | SetChange::Odd => false,
    };
    is_known || !is_reserved(&set.name)
}

fn postgres_set(set: &Set) -> Result<Command, Refusal> {
    if is_of_transaction(&set.name) {
        return of_transaction(set);
    }
    let change = |name: &str, value: Option<String>| SettingChange {
        name: Box::from(name),
        value: value.map(String::into_boxed_str),
        is_local: set.is_local,
    };
    Ok(match &set.change {
        SetChange::All => Command::ResetAll,
        SetChange::Default => Command::Set(vec![change(&set.name, None)]),
        SetChange::To(values) => {
            let words: Option<Vec<_>> = values.iter().map(word).collect();
            let words = words.ok_or_else(|| Refusal::unknown(&format!("this form of SET {}", set.name)))?;
            Command::Set(vec![change(&set.name, Some(words.join(", ")))])
        }
        // SET SESSION CHARACTERISTICS AS TRANSACTION sets the defaults of the same names.
        SetChange::Many(values) if set.name.as_ref() == "session characteristics" => {
            Command::Set(values.iter().map(|(name, value)| change(&format!("default_{name}"), word(value))).collect())
        }
        SetChange::Many(_) | SetChange::Odd => {
            return Err(Refusal::unknown(&format!("this form of SET {}", set.name)));
        }
    })
}

/// SET TRANSACTION, and SET of what it sets.
fn of_transaction(set: &Set) -> Result<Command, Refusal> {
    let mut said = Characteristics::default();
    match &set.change {
        SetChange::Many(values) => values.iter().for_each(|(name, value)| said.add(name, value)),
        SetChange::To(values) => values.iter().for_each(|value| said.add(&set.name, value)),
        // The level that a server has for its default is not known here.
        SetChange::Default | SetChange::All | SetChange::Odd => {
            return Err(Refusal::unknown(&format!("this form of SET {}", set.name)));
        }
    }
    Ok(Command::Control(Control::SetTransaction(said)))
}

/// It belongs to the open transaction, not to the session.
fn is_of_transaction(name: &str) -> bool {
    matches!(name, "transaction" | "transaction_isolation" | "transaction_read_only" | "transaction_deferrable")
}

/// A value as it may follow `SET name TO`.
fn word(value: &Literal) -> Option<String> {
    match value {
        Literal::String(text) => Some(literal(text)),
        Literal::Integer(digits) | Literal::Decimal(digits) => Some(digits.to_string()),
        Literal::Boolean(value) => Some(value.to_string()),
        Literal::Null | Literal::Odd => None,
    }
}
