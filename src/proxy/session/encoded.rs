//! Clients that speak another encoding than UTF-8. Their statements go to one server as they came, which reads them by the
//! client's `client_encoding`; they are refused where a letter beyond ASCII would decide where they go, or where parts of
//! statements and of rows would have to be put together here.

use crate::logic::plan::across::Across;
use crate::logic::plan::{CopyTo, Home, One, Place, Plan, Refusal};
use crate::logic::protocol::frame::HEADER;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::view;
use crate::logic::session::encoding::Encoding;
use crate::logic::shards::KeyspaceId;
use crate::logic::value::KeyType;
use crate::proxy::plans::Shape;
use crate::proxy::session::{Session, TEMPLATE, Trouble};

impl Session {
    fn refuse_encoding(&self, what: &str) -> Trouble {
        let name = self.settings.get("client_encoding").unwrap_or_default();
        Refusal::encoding(what, name.trim_matches('\'')).into()
    }

    /// Is a text in letters that cannot be read here?
    pub(super) fn is_encoded(&self, text: &[u8]) -> bool {
        self.encoding() != Encoding::Utf8 && !text.is_ascii()
    }

    /// A Query in other letters than ASCII.
    pub(super) async fn encoded_query(&mut self, size: usize) -> Result<(), Trouble> {
        let body = &self.client.received()[HEADER..size];
        let text = view::query(body).map_err(|_| Fault::Protocol("invalid string in message".into()))?;
        let Some(sql) = self.encoding().stand_in(&self.spelled_out(text)?) else {
            return Err(self.refuse_encoding("a statement that is more than ASCII"));
        };
        let are_names_plain = TEMPLATE.with_borrow_mut(|template| {
            let lexed = template.lex(sql.as_bytes());
            !lexed.is_odd && lexed.skeleton.is_ascii()
        });
        if !are_names_plain {
            return Err(self.refuse_encoding("a name, or a string with escapes, that is more than ASCII"));
        }
        let (shape, found) = self.decide(&sql);
        self.asks_primaries |= shape.is_for_primary;
        self.remember(&shape, &sql);
        self.check_shadows(&sql)?;
        if self.placed(&shape, &sql)?.is_some() {
            return Err(self.refuse_encoding("a new table for the shard map that is more than ASCII"));
        }
        if self.is_implicit {
            return Err(self.refuse_encoding("a statement that is more than ASCII, behind a pipeline"));
        }
        if shape.statements.is_err() {
            return Box::pin(self.send_unread(size)).await;
        }
        let Some((planned, found)) = super::only(&shape).zip(found) else {
            return Err(self.refuse_encoding("a command, or several in a text, that is more than ASCII"));
        };
        let one = match (&*planned.plan, &found) {
            (Plan::One(one), Ok(_)) => one,
            (_, Err(refusal)) => return Err(refusal.clone().into()),
            (Plan::Refuse(_) | Plan::Command(_) | Plan::CopyIn(_), Ok(_)) => {
                return Err(self.refuse_encoding("a command that is more than ASCII"));
            }
        };
        if self.goes_by_text(one) || !one.mark.set_config.is_empty() {
            return Err(self.refuse_encoding("text that decides where a statement goes"));
        }
        self.send_one(planned, found, size).await
    }

    /// Text is compared with a sharding key, or stored as one.
    fn goes_by_text(&self, one: &One) -> bool {
        match &one.home {
            Home::Any | Home::First | Home::Current | Home::Process(_) => false,
            Home::Meet(requirements) => requirements.iter().any(|requirement| match &requirement.place {
                Place::Shard(_) | Place::Copies | Place::Every => false,
                Place::Lookup { keyspace, .. } | Place::Store { keyspace, .. } => self.is_text(*keyspace),
            }),
        }
    }

    fn is_text(&self, keyspace: KeyspaceId) -> bool {
        self.map().keyspaces[usize::from(keyspace.0)].key_type == KeyType::Text
    }

    /// The text of a prepared statement is shared with clients of other encodings.
    pub(super) fn check_prepared(&self, text: &str) -> Result<(), Trouble> {
        match self.is_encoded(text.as_bytes()) {
            true => Err(self.refuse_encoding("a prepared statement that is more than ASCII")),
            false => Ok(()),
        }
    }

    /// The parameters of a statement may be text in any encoding, as long as they do not decide where it goes.
    pub(super) fn check_bound(&self, shape: &Shape, text: &str, bind: &[u8]) -> Result<(), Trouble> {
        if self.encoding() == Encoding::Utf8 {
            return Ok(());
        }
        self.check_prepared(text)?;
        match super::only(shape).map(|planned| &*planned.plan) {
            Some(Plan::One(one)) if !bind.is_ascii() && self.goes_by_text(one) => {
                Err(self.refuse_encoding("text that decides where a statement goes"))
            }
            Some(Plan::One(_) | Plan::Refuse(_) | Plan::Command(_) | Plan::CopyIn(_)) | None => Ok(()),
        }
    }

    /// What is put together here is UTF-8. A text that every shard runs as it is may be in any.
    pub(super) fn check_across(&self, across: &Across) -> Result<(), Trouble> {
        match across {
            _ if self.encoding() == Encoding::Utf8 => Ok(()),
            Across::Everywhere(_) | Across::Signal(_) | Across::Refuse(_) => Ok(()),
            Across::Read(_)
            | Across::Change(_)
            | Across::Once(_)
            | Across::CopyOut(_)
            | Across::Split(_)
            | Across::Carry(_)
            | Across::Modifying(_)
            | Across::Staged(_)
            | Across::Numbers(_)
            | Across::Cursor(_)
            | Across::Explain(_) => Err(self.refuse_encoding("a statement over several shards")),
        }
    }

    /// Rows of a COPY that are taken apart here.
    pub(super) fn check_copied(&self, to: &CopyTo) -> Result<(), Trouble> {
        let goes_by_text = match to {
            CopyTo::Homes(key) => self.is_text(key.keyspace),
            CopyTo::Copies => false,
        };
        match self.encoding() {
            Encoding::Utf8 => Ok(()),
            Encoding::Server if !goes_by_text => Ok(()),
            Encoding::Server | Encoding::Client => Err(self.refuse_encoding("COPY of rows to their shards")),
        }
    }
}
