//! From a guest at the door to a session: the database is found, startup parameters are checked, the greeting is sent.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::logic::defaults::Defaults;
use crate::logic::plan::Access;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::Destination;
use crate::logic::session::pipeline::Owed;
use crate::logic::session::settings::Settings;
use crate::logic::session::telling::{self, Map, OWN_PREFIX};
use crate::logic::sql::name;
use crate::logic::transaction::Transaction;
use crate::logic::written::Written;
use crate::proxy::card::Card;
use crate::proxy::door::Guest;
use crate::proxy::metrics::ClientState;
use crate::proxy::session::client::Client;
use crate::proxy::session::exchange::Outcome;
use crate::proxy::session::picture::{check_role, shard_by_key, shard_by_name};
use crate::proxy::session::replicas::check_position;
use crate::proxy::session::trail::Trail;
use crate::proxy::session::{End, Run, Session};
use crate::proxy::shared::{Accepted, Shared};

/// How long the first clients of a proxy wait for the schema.
const CATALOG_WAIT: Duration = Duration::from_secs(5);

/// ParameterStatus values, and notices as whole messages.
type Tried = (Vec<(Box<str>, Box<str>)>, Vec<u8>);

/// Makes a session of a guest and greets it; a guest who cannot stay is told why.
pub async fn welcome(guest: Guest, shared: Arc<Shared>) -> Option<Box<Session>> {
    let database = shared.database(&guest.database).await;
    let (ends, tls) = (guest.stream.ends(), guest.stream.encryption());
    let mut client = Client::new(guest.stream, &guest.leftover);
    client.outbox.extend_from_slice(&guest.unsent);
    let database = match database {
        Ok(database) => database,
        Err(fault) => {
            Fault::AtLogin(Box::new(fault)).write(&mut client.outbox);
            if client.flush().await.is_err() {
                tracing::debug!("a client did not wait to hear that there is no such database");
            }
            return None;
        }
    };
    if shared.disabled.lock().contains(&database.name) {
        Fault::Disabled(database.name.clone()).write(&mut client.outbox);
        if client.flush().await.is_err() {
            tracing::debug!("a client did not wait to hear that its database is disabled");
        }
        return None;
    }
    let metrics = shared.metrics.database(&database);
    metrics.client(None, Some(ClientState::Idle));
    let id = shared.session_id();
    let card = Card::new(id, Arc::clone(&guest.user), database.name.clone(), ends, tls, shared.clock);
    let slot = shared.cancels.register(guest.protocol_minor, card);
    client.slot = Some(Arc::clone(&slot));
    let mut session = Box::new(Session {
        client,
        slot,
        id,
        since: Instant::now(),
        user: guest.user,
        database: database.name.clone(),
        metrics: Trail::new(metrics),
        state: ClientState::Idle,
        transaction: Transaction::Idle,
        transaction_started: None,
        settings: Settings::default(),
        named: HashMap::default(),
        unnamed: None,
        kept_ready: None,
        portals: Vec::new(),
        run: Run::Between,
        is_synced: false,
        written: Written::default(),
        unheard: None,
        bereft: None,
        unready: None,
        farewell: None,
        has_ddl: false,
        unlisted: None,
        has_made_functions: false,
        names: None,
        // Most sessions need one server at a time, and most have nothing to do: a Vec begins with room for four.
        held: Vec::with_capacity(1),
        hearing: None,
        hidden: 0,
        moves: 0,
        pipeline: Default::default(),
        kept: None,
        cursors: Default::default(),
        is_implicit: false,
        among: None,
        executed: 0,
        asks_primaries: false,
        outgoing: Default::default(),
        picture: None,
        introduced: 0,
        shared,
    });
    match session.greet(guest.parameters).await {
        Ok(()) => Some(session),
        Err(end) => {
            session.finish(end).await;
            None
        }
    }
}

impl Session {
    async fn greet(&mut self, parameters: Vec<(Box<str>, Box<str>)>) -> Result<(), End> {
        self.look_or_wait().await?;
        let accepted = self.accept(parameters).await?;
        self.settings = Settings::new(accepted.settings);
        let greeting = Arc::clone(&self.picture().database.greeting);
        let server_user = self.user.server_user.as_deref().unwrap_or(&self.user.name);
        let out = &mut self.client.outbox;
        out.extend_from_slice(&accepted.remarks);
        for (name, value) in greeting.iter() {
            let changed = accepted.reported.iter().find(|(reported, _)| reported.eq_ignore_ascii_case(name));
            let value = match (&**name, changed) {
                (_, Some((_, value))) => value,
                ("session_authorization", None) => server_user,
                ("is_superuser", None) => match value.split('\n').any(|superuser| superuser == server_user) {
                    true => "on",
                    false => "off",
                },
                (_, None) => value,
            };
            write::parameter_status(out, name, value);
        }
        write::backend_key(out, self.slot.pid, &self.slot.key);
        write::ready(out, b'I');
        self.slot.card.tallies.logins.add(1);
        self.flush().await?;
        self.release();
        self.picture = None;
        Ok(())
    }

    /// A proxy that has just started does not know the schema yet: its first clients wait for it.
    async fn look_or_wait(&mut self) -> Result<(), End> {
        const PAUSE: Duration = Duration::from_millis(10);
        let started = Instant::now();
        loop {
            match self.look() {
                Ok(()) => return Ok(()),
                Err(Fault::NoCatalog(_)) if started.elapsed() < CATALOG_WAIT => tokio::time::sleep(PAUSE).await,
                // It was forgotten just as its client came in.
                Err(Fault::NoDatabase(name)) if started.elapsed() < CATALOG_WAIT => {
                    let found = self.shared.database(&name).await;
                    drop(found.map_err(|fault| End::Fault(Fault::AtLogin(Box::new(fault))))?);
                }
                Err(fault) => return Err(End::Fault(Fault::AtLogin(Box::new(fault)))),
            }
        }
    }

    /// Startup parameters are settings like any other: a server checks them, once for all clients that send the same.
    async fn accept(&mut self, parameters: Vec<(Box<str>, Box<str>)>) -> Result<Accepted, End> {
        let mut sent: HashMap<Box<str>, Box<str>> = HashMap::with_capacity(parameters.len());
        for (name, value) in parameters {
            sent.insert(name.to_lowercase().into_boxed_str(), value);
        }
        let mut sent: Vec<(Box<str>, Box<str>)> = sent.into_iter().collect();
        sent.sort();
        let database = Arc::clone(&self.picture().database);
        let catalog = database.catalog.as_ref().map_or_else(Weak::new, Arc::downgrade);
        let server_user = self.user.server_user.as_ref().unwrap_or(&self.user.name);
        let key = (self.database.clone(), server_user.clone(), sent);
        if let Some(accepted) = self.shared.accepted(&key, &catalog) {
            return Ok(accepted);
        }
        let nothing = Defaults::default();
        let defaults = database.catalog.as_ref().map_or(&nothing, |catalog| &catalog.defaults);
        self.shared.begin_with(&self.database, defaults);
        let set = defaults.set_for(server_user);
        let is_as_configured = set.is_empty() && key.2.is_empty();
        let mut all: BTreeMap<Box<str>, Box<str>> = defaults.base.iter().cloned().collect();
        all.extend(set.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))));
        all.extend(key.2.iter().cloned());
        let all: Vec<(Box<str>, Box<str>)> = all.into_iter().collect();
        let mut map: Map = all.iter().map(|(name, value)| (name.clone(), name::setting_value(name, value))).collect();
        for (name, value) in &all {
            if name.starts_with(OWN_PREFIX) {
                self.check_own(name, value)?;
                map.insert(name.clone(), value.clone());
            }
        }
        let (mut reported, remarks) = match telling::difference(&Map::default(), &map) {
            Some(sql) if !is_as_configured => self.try_settings(&sql).await?,
            Some(_) | None => (Vec::new(), Vec::new()),
        };
        let is_default = |name: &str| set.contains_key(name) || defaults.base.iter().any(|(it, _)| **it == *name);
        self.forget_defaults(&mut map, &reported, is_default);
        for (name, value) in &set {
            let is_kept = all.iter().any(|(it, sent)| **it == **name && **sent == **value);
            if is_kept && !reported.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                reported.push(((*name).into(), (*value).into()));
            }
        }
        let (settings, reported, remarks) = (Arc::new(map), Arc::new(reported), remarks.into());
        let accepted = Accepted { settings, reported, remarks, catalog };
        self.shared.accept(key, accepted.clone());
        Ok(accepted)
    }

    fn check_own(&self, name: &str, value: &str) -> Result<(), End> {
        let checked = match name {
            "shardway.shard" => shard_by_name(self.map(), value).map(drop),
            "shardway.key" => shard_by_key(self.map(), value).map(drop),
            "shardway.role" => check_role(value),
            "shardway.position" => check_position(self.map(), value),
            "shardway.new_tables" => self.check_place(value),
            _ => {
                return Err(End::Fault(Fault::Startup {
                    sqlstate: "42704".into(),
                    message: format!("unrecognized configuration parameter \"{name}\""),
                }));
            }
        };
        checked.map_err(|refusal| {
            End::Fault(Fault::Startup { sqlstate: refusal.sqlstate.into(), message: refusal.message })
        })
    }

    /// A server tries the settings; returns what it reports and remarks.
    async fn try_settings(&mut self, sql: &str) -> Result<Tried, End> {
        let target = self.target(Destination::Any, Access::Write);
        let target = target.map_err(|refusal| End::Fault(Fault::Broken(refusal.message)))?;
        let index = self.hold(target).await.map_err(|fault| End::Fault(Fault::AtLogin(Box::new(fault))))?;
        self.pipeline.clear();
        self.prepare(index);
        self.ask(index, Owed::DeafQuery, sql);
        let outcome = self.converse(index, None).await?;
        if !matches!(outcome, Outcome::Settled) {
            return Err(match outcome {
                Outcome::ServerLost { cause, .. } => {
                    let fault = self.lose(index, cause);
                    End::Fault(Fault::AtLogin(Box::new(fault)))
                }
                Outcome::Settled | Outcome::CopyIn | Outcome::ClientGone => End::Gone,
            });
        }
        self.held[index].lease.is_tainted = true;
        let reported = std::mem::take(&mut self.pipeline.parameters);
        let remarks = std::mem::take(&mut self.pipeline.remarks);
        if let Some(body) = self.pipeline.deaf_failure.take() {
            let field = |code| view::error_field(&body, code).map(String::from_utf8_lossy);
            let fault = Fault::Startup {
                sqlstate: field(b'C').unwrap_or_default().into(),
                message: field(b'M').unwrap_or_default().into_owned(),
            };
            self.release();
            return Err(End::Fault(fault));
        }
        self.release();
        Ok((reported, remarks))
    }

    /// A parameter that a server reports and did not report now has its default value already: nothing to set. Those that
    /// which `stays` are set all the same: the defaults of other connections may be older or newer.
    fn forget_defaults(&self, map: &mut Map, reported: &[(Box<str>, Box<str>)], stays: impl Fn(&str) -> bool) {
        let greeting = &self.picture().database.greeting;
        map.retain(|name, _| {
            let is_reporting = greeting.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
            let has_changed = reported.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
            !is_reporting || has_changed || stays(name)
        });
    }
}
