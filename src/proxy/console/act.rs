//! Carries out a statement of the console.

use std::borrow::Cow;

use crate::logic::console::statement::{Act, Statement};
use crate::logic::console::table::Table;
use crate::logic::console::topics::Topic;
use crate::logic::console::{own, pgbouncer};
use crate::proxy::console::orders::{self, Wish};
use crate::proxy::console::{Console, NAMES, look, map};

/// Statements that SHOW PLANS shows: those that took most time.
const PLANS_SHOWN: usize = 500;
/// Keys and buckets that SHOW HOT KEYS shows of each keyspace.
const HOT_SHOWN: usize = 20;

/// Said beside an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Notice {
    pub message: &'static str,
    pub detail: Option<&'static str>,
}

/// What came of it.
pub(super) struct Outcome {
    pub table: Option<Table>,
    /// Said besides
    pub notice: Option<Notice>,
    pub tag: Cow<'static, str>,
}

impl Outcome {
    fn done(tag: impl Into<Cow<'static, str>>) -> Self {
        Self { table: None, notice: None, tag: tag.into() }
    }

    fn shown(table: Table) -> Self {
        Self { table: Some(table), notice: None, tag: "SHOW".into() }
    }
}

/// Why nothing came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub sqlstate: &'static str,
    pub message: String,
}

impl Failure {
    pub fn new(sqlstate: &'static str, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into() }
    }
}

/// The console's own names.
pub(super) fn is_console(name: &str) -> bool {
    NAMES.contains(&name)
}

impl Console {
    /// Carries it out, if this user may have it as the settings are now.
    pub(super) async fn carry_out(&self, statement: &Statement, user: &str) -> Result<Outcome, Failure> {
        let role = self.settings.load().members.role(user);
        if !role.is_some_and(|role| role.may(statement)) {
            let needed = if role.is_some() { "admin access needed" } else { "console access needed" };
            return Err(Failure::new("42501", needed));
        }
        match statement {
            Statement::Empty => Ok(Outcome::done("")),
            Statement::Show(Topic::Help) => {
                let notice = Notice { message: "Console usage", detail: Some(pgbouncer::HELP) };
                Ok(Outcome { table: None, notice: Some(notice), tag: "SHOW".into() })
            }
            Statement::Show(topic) => Ok(Outcome::shown(self.show(*topic))),
            Statement::Answer { table, tag } => {
                Ok(Outcome { table: Some(table.clone()), notice: None, tag: (*tag).into() })
            }
            Statement::Ignored("SET") => Ok(Outcome {
                table: None,
                notice: Some(Notice { message: "SET ignored", detail: None }),
                tag: "SET".into(),
            }),
            Statement::Ignored(tag) | Statement::Begin(tag) | Statement::End(tag) => Ok(Outcome::done(*tag)),
            Statement::Set { key, value } => {
                let wish = Wish::Set { key: key.clone(), value: value.clone() };
                let set = orders::ask(&self.orders, wish).await;
                set.map_err(|why| Failure::new("22023", format!("SET failed: {why}")))?;
                Ok(Outcome::done(format!("SET {key}={value}")))
            }
            Statement::Act(act) => {
                tracing::info!(command = act.tag(), ?act, "command of the console");
                self.act(act).await?;
                Ok(Outcome::done(act.tag()))
            }
        }
    }

    fn show(&self, topic: Topic) -> Table {
        match topic {
            Topic::Clients => pgbouncer::clients(&look::clients(self)),
            Topic::Servers => pgbouncer::servers(&look::servers(&self.shared)),
            Topic::Sockets | Topic::ActiveSockets => {
                pgbouncer::sockets(&look::clients(self), &look::servers(&self.shared))
            }
            Topic::Config => pgbouncer::config(&self.settings.load().shown),
            Topic::Databases => pgbouncer::databases(&look::databases(self)),
            Topic::DnsHosts => pgbouncer::empty(pgbouncer::DNS_HOSTS),
            Topic::DnsZones => pgbouncer::empty(pgbouncer::DNS_ZONES),
            Topic::Help => pgbouncer::empty(&[]),
            Topic::Lists => pgbouncer::lists(&look::lists(self)),
            Topic::Mem => pgbouncer::mem(&look::memory(self)),
            Topic::Peers => pgbouncer::empty(pgbouncer::PEERS),
            Topic::PeerPools => pgbouncer::empty(pgbouncer::PEER_POOLS),
            Topic::Pools => pgbouncer::pools(&look::pools(self)),
            Topic::State => pgbouncer::state(self.shared.pools.paused().all),
            Topic::Stats => pgbouncer::stats(&look::stats(self)),
            Topic::StatsAverages => pgbouncer::stats_averages(&look::stats(self)),
            Topic::StatsTotals => pgbouncer::stats_totals(&look::stats(self)),
            Topic::Totals => pgbouncer::totals(&look::stats(self)),
            Topic::Users => pgbouncer::users(&look::users(self)),
            Topic::Version => pgbouncer::version(),
            Topic::Shards => own::shards(&map::servers(&self.shared)),
            Topic::Lag => own::lag(&map::servers(&self.shared)),
            Topic::Map => own::map(&map::entries(&self.shared)),
            Topic::Keyspaces => own::keyspaces(&map::keyspaces(&self.shared)),
            Topic::Plans => own::plans(&self.shared.plan_uses(PLANS_SHOWN)),
            Topic::Refusals => own::refusals(&self.shared.refusals.lock().all()),
            Topic::Transactions => own::transactions(&look::transactions(&self.shared)),
            Topic::HotKeys => own::hot_keys(&self.shared.heat.top(&self.shared.topology.load(), HOT_SHOWN)),
        }
    }

    async fn order(&self, wish: Wish) -> Result<(), Failure> {
        orders::ask(&self.orders, wish).await.map_err(|why| Failure::new("F0000", why))
    }

    async fn act(&self, act: &Act) -> Result<(), Failure> {
        match act {
            Act::Reload => self.order(Wish::Reload).await,
            Act::Shutdown(how) => self.order(Wish::Shutdown(*how)).await,
            Act::KillClient(id) => self.kill_client(*id).await,
            Act::Disable(database) => {
                let name = self.database(database, "disable")?;
                self.shared.disabled.lock().insert(name);
                Ok(())
            }
            Act::Enable(database) => {
                let name = self.database(database, "enable")?;
                self.shared.disabled.lock().remove(&name);
                Ok(())
            }
            Act::Pause(database) => self.pause(database.as_deref()).await,
            Act::Resume(database) => self.resume(database.as_deref()),
            Act::Reconnect(database) => self.reconnect(database.as_deref()),
            Act::Kill(database) => self.kill(database).await,
            Act::WaitClose(database) => self.wait_close(database.as_deref()).await,
        }
    }

    /// A database of the map, of which something is wanted.
    pub(super) fn database(&self, name: &str, what: &str) -> Result<Box<str>, Failure> {
        if is_console(name) {
            return Err(Failure::new("55000", format!("cannot {what} admin db: {name}")));
        }
        let topology = self.shared.topology.load();
        let known = topology.databases.get_key_value(name).map(|(name, _)| name.clone());
        known.ok_or_else(|| Failure::new("3D000", format!("no such database: {name}")))
    }

    async fn kill_client(&self, id: u64) -> Result<(), Failure> {
        let slot = self.shared.cancels.all().into_iter().find(|slot| slot.card.id == id);
        match slot {
            Some(slot) => slot.dismiss(&self.shared.connector).await,
            None if self.dismiss_visitor(id) => (),
            None => return Err(Failure::new("22023", "client not found")),
        }
        Ok(())
    }
}
