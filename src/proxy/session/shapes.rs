//! What planned statements are to the session in the extended protocol.

use crate::logic::plan::{
    BoundSetting, Command, CursorUse, ExecuteCommand, Mark, OwnCommand, OwnSetting, Plan, Planned, Refusal,
    SettingChange, TakenNumbers,
};
use crate::logic::protocol::view::Bind;
use crate::logic::sql::name::setting_value;
use crate::proxy::plans::Shape;

/// What a statement sets whose values are parameters. `None`: nothing, or values that cannot be read.
pub(super) fn bound_settings(shape: &Shape, bind: &Bind<'_>) -> Option<Vec<SettingChange>> {
    let Plan::One(one) = &*super::only(shape)?.plan else { return None };
    if one.mark.set_bound.is_empty() {
        return None;
    }
    let parameters = bind.parameters();
    let change = |set: &BoundSetting| {
        let (_, bytes) = parameters.get(usize::from(set.number).checked_sub(1)?)?;
        let value = bytes.map(std::str::from_utf8).transpose().ok()?;
        let value = value.map(|value| setting_value(&set.name, value));
        Some(SettingChange { name: set.name.clone(), value, is_local: set.is_local })
    };
    one.mark.set_bound.iter().map(change).collect()
}

/// Does a statement set something for the session or its transaction?
pub(super) fn sets(shape: &Shape) -> bool {
    super::only(shape).is_some_and(|planned| match &*planned.plan {
        Plan::One(one) => !one.mark.set_config.is_empty() || !one.mark.set_bound.is_empty(),
        Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_) => false,
    })
}

/// Statements that no server sees in the extended protocol: the session answers for them.
pub(super) fn is_ours(shape: &Shape) -> bool {
    super::only(shape).is_some_and(|planned| match &*planned.plan {
        Plan::Command(command) => !is_list(command),
        Plan::CopyIn(_) => true,
        Plan::One(_) | Plan::Refuse(_) => false,
    })
}

/// It is bound as a query of what the session knows at that moment. To parse and to describe it is a query like others.
pub(super) fn is_list(command: &Command) -> bool {
    matches!(command, Command::OfSession(asked) if asked.is_list())
}

/// SHOW of one of our own settings.
pub(super) fn shown(shape: &Shape) -> Option<OwnSetting> {
    match super::only(shape).and_then(|planned| super::command(&planned.plan)) {
        Some(Command::Own(OwnCommand::Show(setting))) => Some(*setting),
        Some(_) | None => None,
    }
}

/// What a statement does to its session on one shard, be it chosen by name.
pub(super) fn changes_schema(shape: &Shape) -> bool {
    super::only(shape).and_then(Planned::mark).is_some_and(|mark| mark.is_ddl)
}

/// DECLARE CURSOR, which needs a transaction block unless it is WITH HOLD.
pub(super) fn declares_cursor(shape: &Shape) -> bool {
    super::only(shape).is_some_and(|planned| match &*planned.plan {
        Plan::One(one) => one.mark.cursors.iter().any(CursorUse::needs_block),
        Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_) => false,
    })
}

/// Running it does nothing that a rollback would not undo. COPY talks with the client while it runs.
pub(super) fn can_be_undone(shape: &Shape) -> bool {
    let nothing = |mark: &Mark| *mark == Mark::default();
    let numbers_alone = |mark: &Mark| {
        mark.numbers.taken.is_some() && nothing(&Mark { numbers: TakenNumbers::default(), ..mark.clone() })
    };
    let changes_nothing = |planned: &Planned| planned.mark().is_some_and(|mark| nothing(mark) || numbers_alone(mark));
    super::only(shape).is_some_and(|planned| changes_nothing(planned) && planned.verb != "COPY")
}

/// It surely takes a number of a sequence.
pub(super) fn takes_numbers(shape: &Shape) -> bool {
    super::only(shape).and_then(Planned::mark).is_some_and(|mark| mark.numbers.taken.is_some())
}

pub(super) fn ends_failed_transaction(command: &Command) -> bool {
    matches!(command, Command::Control(control) if control.ends_failed())
}

/// What only a simple query can ask for.
pub(super) fn needs_simple(what: &str) -> Refusal {
    let mut refusal = Refusal::alone(&format!("{what} in the extended protocol"));
    refusal.hint = Some("send it as a simple query".to_owned());
    refusal
}

/// The EXECUTE that a text of this shape is.
pub(super) fn executes(shape: &Shape) -> Option<&ExecuteCommand> {
    match super::only(shape).map(|planned| &*planned.plan) {
        Some(Plan::Command(Command::Execute(execute))) => Some(execute),
        Some(Plan::Command(_) | Plan::One(_) | Plan::CopyIn(_) | Plan::Refuse(_)) | None => None,
    }
}

/// CLOSE ALL.
pub(super) fn closes_all(shape: &Shape) -> bool {
    super::only(shape).is_some_and(|planned| match &*planned.plan {
        Plan::One(one) => one.mark.cursors.contains(&CursorUse::CloseAll),
        Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_) => false,
    })
}
