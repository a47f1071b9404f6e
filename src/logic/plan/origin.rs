//! A query whose rows are wanted here, to be taken somewhere else: however many shards it needs.

use super::gather::{self, Gather};
use super::{Access, Home, One, Plan, Reason, Refusal, Schema, plan, reduce};

/// The query.
#[derive(Debug, Clone)]
pub struct Origin {
    /// As SQL
    pub text: Box<str>,
    /// Where one server can answer it, if its values allow
    pub one: One,
    /// How several do
    pub gather: Result<Gather, Refusal>,
    /// The first shard's primary answers it
    pub needs_first: bool,
}

impl Origin {
    /// Its ways.
    pub fn of(text: String, needs_first: bool, schema: &Schema<'_>) -> Result<Self, Refusal> {
        let unread = || Refusal::rows_beside("this way of writing it");
        let planned = plan(&text, schema, None).map_err(|_| unread())?;
        let [planned] = planned.statements.as_slice() else { return Err(unread()) };
        let one = match &*planned.plan {
            Plan::One(one) => one.clone(),
            Plan::Refuse(refusal) => return Err(refusal.clone()),
            Plan::Command(_) | Plan::CopyIn(_) => return Err(unread()),
        };
        let mark = &one.mark;
        if mark.pin.is_some() || mark.needs_pinned.is_some() || !mark.set_config.is_empty() {
            return Err(Refusal::rows_beside("a function that depends on the server or the session"));
        }
        let gather = match reduce::reduce(&text, schema) {
            Some(reduced) => Ok(reduced),
            None => gather::gather(&text, schema),
        };
        let mut gather = gather.and_then(|gather| {
            let refusal = || Refusal { reason: Reason::ManyShards, ..unread() };
            if gather.parts.is_empty() { Err(refusal()) } else { Ok(gather) }
        });
        if let (true, Ok(gather)) = (needs_first, &mut gather) {
            (gather.home, gather.access) = (Home::First, Access::Write);
        }
        Ok(Self { text: text.into(), one, gather, needs_first })
    }
}
