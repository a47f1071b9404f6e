//! Owns the current [`Topology`] and replaces it whole. Readers never wait: a load is one atomic step.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, Cache, Guard};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::logic::catalog::Catalog;
use crate::logic::shards::ShardId;
use crate::logic::topology::{Database, Health, Lag, Role, Server, Shard, Topology, Wildcard};
use crate::logic::wal::Sample;
use crate::logic::written::Need;
use crate::proxy::metrics::Metrics;

/// What may change. Each is small, and says nothing of what it leaves alone.
#[derive(Debug, Clone)]
pub enum Change {
    /// A server's health or lag. Ignored when the server as it was monitored is no longer part of the picture
    Server {
        /// Database it serves
        database: Box<str>,
        /// The server as it was monitored: name, role and address must still be the same
        server: Arc<Server>,
        /// As decided by `logic::health`
        health: Health,
        /// As decided by `logic::lag`
        lag: Option<Lag>,
        /// Where it stands in the WAL
        trail: Arc<[Sample]>,
        /// What its host's name stands for
        places: Arc<[IpAddr]>,
        /// It has said that it follows another one: where roles are found, it is no primary, however well it is
        follows: bool,
    },
    /// The primary of a shard that finds its roles
    Primary {
        /// Database it serves
        database: Box<str>,
        /// The shard
        shard: ShardId,
        /// The server's name; `None`: nobody takes writes, or too many do
        server: Option<Box<str>>,
    },
    /// The schema of a database was read
    Catalog {
        /// Which
        database: Box<str>,
        /// The new one
        catalog: Arc<Catalog>,
    },
    /// The settings that clients are told at login were read
    Greeting {
        /// Of which database
        database: Box<str>,
        /// Name and value
        greeting: Arc<Vec<(Box<str>, Box<str>)>>,
    },
    /// A database that the map does not name. Ignored when another map has come meanwhile
    Found {
        /// With its schema
        database: Arc<Database>,
        /// What it was made of
        like: Arc<Wildcard>,
    },
    /// Nobody uses it any more, or it is gone
    Forgotten {
        /// One that was found
        database: Box<str>,
    },
    /// A new map. What is known of servers and databases that stay is kept
    Whole(Topology),
}

/// Publishes, and shows what it publishes in the metrics. Cheap to clone; all clones publish the same picture.
#[derive(Clone)]
pub struct Publisher {
    current: Arc<ArcSwap<Topology>>,
    metrics: Arc<Metrics>,
    /// Writers take turns; readers never see it.
    epoch: Arc<Mutex<watch::Sender<u64>>>,
}

/// Reads. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Reader {
    current: Arc<ArcSwap<Topology>>,
    epoch: watch::Receiver<u64>,
}

impl Publisher {
    /// Starts with this picture, as its first epoch.
    pub fn new(mut topology: Topology, metrics: Arc<Metrics>) -> Self {
        topology.epoch = 1;
        topology.map_epoch = 1;
        metrics.show(&topology);
        Self {
            metrics,
            current: Arc::new(ArcSwap::from_pointee(topology)),
            epoch: Arc::new(Mutex::new(watch::Sender::new(1))),
        }
    }

    /// A reader of all that will be published.
    pub fn reader(&self) -> Reader {
        Reader { current: self.current.clone(), epoch: self.epoch.lock().subscribe() }
    }

    /// Publishes a change; gives the new picture, or `None` when it changes nothing.
    pub fn publish(&self, change: Change) -> Option<Arc<Topology>> {
        let writer = self.epoch.lock();
        let before = self.current.load_full();
        let mut after = apply(&before, change)?;
        after.epoch = before.epoch + 1;
        let after = Arc::new(after);
        self.current.store(after.clone());
        self.metrics.show(&after);
        writer.send_replace(after.epoch);
        Some(after)
    }
}

impl Reader {
    /// The current picture, for a moment: hold it across no `.await`.
    pub fn load(&self) -> Guard<Arc<Topology>> {
        self.current.load()
    }

    /// The cell itself, for the data plane.
    pub fn cell(&self) -> Arc<ArcSwap<Topology>> {
        self.current.clone()
    }

    /// The current picture, to keep.
    pub fn load_full(&self) -> Arc<Topology> {
        self.current.load_full()
    }

    /// A reader for one owner that looks often: below a nanosecond while nothing changes.
    pub fn cached(&self) -> Cache<Arc<ArcSwap<Topology>>, Arc<Topology>> {
        Cache::new(self.current.clone())
    }

    /// Waits for a picture of which `holds` is true. Ends only then, or never: bound it.
    pub async fn until(&self, holds: impl Fn(&Topology) -> bool) -> Arc<Topology> {
        let mut epoch = self.epoch.clone();
        loop {
            epoch.borrow_and_update();
            let topology = self.load_full();
            if holds(&topology) {
                return topology;
            }
            if epoch.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

fn apply(before: &Topology, change: Change) -> Option<Topology> {
    match change {
        Change::Server { database, server, health, lag, trail, places, follows } => {
            with_database(before, &database, |it| {
                let (place, finds_roles) = member(it, &server)?;
                let is_stand_in = finds_roles && follows && place.role == Role::Primary;
                let health = if is_stand_in { Health::Down } else { health };
                if (place.health, place.lag, &place.trail, &place.places) == (health, lag, &trail, &places) {
                    return None;
                }
                *place = Arc::new(Server { health, lag, trail, places, ..Server::clone(place) });
                it.shards.iter_mut().for_each(Shard::settle);
                Some(())
            })
        }
        Change::Primary { database, shard, server } => with_database(before, &database, |it| {
            let shard = it.shards.get_mut(usize::from(shard.0)).filter(|shard| shard.finds_roles)?;
            match server {
                Some(name) if name == shard.primary.name => None,
                Some(name) => {
                    let place = shard.replicas.iter().position(|replica| replica.name == name)?;
                    shard.appoint(place);
                    Some(())
                }
                None if shard.primary.health == Health::Down => None,
                None => {
                    shard.primary = Arc::new(Server { health: Health::Down, ..Server::clone(&shard.primary) });
                    Some(())
                }
            }
        }),
        Change::Catalog { database, catalog } => with_database(before, &database, |it| {
            let is_new = it.catalog.as_ref().is_none_or(|old| old.version != catalog.version);
            is_new.then(|| {
                let is_change = it.catalog.replace(catalog).is_some();
                if is_change {
                    // Replicas that have not replayed it would answer by the one of before.
                    let now = Instant::now();
                    it.shards.iter_mut().for_each(|shard| shard.schema = Some(Need::Before(now)));
                }
            })
        }),
        Change::Greeting { database, greeting } => {
            with_database(before, &database, |it| (it.greeting != greeting).then(|| it.greeting = greeting))
        }
        Change::Found { database, like } => {
            let is_current = before.wildcard.as_ref().is_some_and(|wildcard| Arc::ptr_eq(wildcard, &like));
            let is_new = is_current && !before.databases.contains_key(&database.name);
            is_new.then(|| with(before, |databases| drop(databases.insert(database.name.clone(), database))))
        }
        Change::Forgotten { database } => {
            let is_found = before.databases.get(&database).is_some_and(|database| database.is_found);
            is_found.then(|| with(before, |databases| drop(databases.remove(&database))))
        }
        Change::Whole(topology) => Some(inherit(before, topology)),
    }
}

fn with(before: &Topology, edit: impl FnOnce(&mut HashMap<Box<str>, Arc<Database>>)) -> Topology {
    let mut after = before.clone();
    edit(&mut after.databases);
    after
}

/// A copy of the picture in which `edit` has changed one database, if it did.
fn with_database(before: &Topology, name: &str, edit: impl FnOnce(&mut Database) -> Option<()>) -> Option<Topology> {
    let mut database = Database::clone(before.databases.get(name)?);
    edit(&mut database)?;
    Some(with(before, |databases| drop(databases.insert(name.into(), Arc::new(database)))))
}

/// A server, and whether its shard finds its roles.
fn member<'a>(database: &'a mut Database, server: &Server) -> Option<(&'a mut Arc<Server>, bool)> {
    let is_same = |it: &&mut Arc<Server>| it.name == server.name && it.address == server.address;
    let of = |shard: &'a mut Shard| {
        let finds_roles = shard.finds_roles;
        Some((members_mut(shard).find(is_same)?, finds_roles))
    };
    database.shards.iter_mut().find_map(of)
}

fn is_same_server(one: &Server, other: &Server) -> bool {
    one.role == other.role && one.address == other.address
}

/// The servers of a shard, its primary first.
pub fn members(shard: &Shard) -> impl Iterator<Item = &Arc<Server>> {
    std::iter::once(&shard.primary).chain(&shard.replicas)
}

fn members_mut(shard: &mut Shard) -> impl Iterator<Item = &mut Arc<Server>> {
    std::iter::once(&mut shard.primary).chain(&mut shard.replicas)
}

/// The new map with what the old picture knew of servers, schemas and greetings that stay.
fn inherit(before: &Topology, mut after: Topology) -> Topology {
    after.map_epoch = before.map_epoch + 1;
    keep_found(before, &mut after);
    for (name, database) in &mut after.databases {
        if let Some(old) = before.databases.get(name) {
            inherit_database(old, Arc::make_mut(database));
        }
    }
    after
}

/// Databases that were found stay, as the new map's wildcard has them, while they are where they were.
fn keep_found(before: &Topology, after: &mut Topology) {
    let Some(wildcard) = after.wildcard.clone() else { return };
    for old in before.databases.values().filter(|old| old.is_found) {
        let new = wildcard.named(&old.name);
        if new.shards[0].primary.address == old.shards[0].primary.address {
            after.databases.entry(old.name.clone()).or_insert_with(|| Arc::new(new));
        }
    }
}

fn inherit_database(old: &Database, new: &mut Database) {
    let mut stays = false;
    for shard in &mut new.shards {
        appoint_again(old, shard);
        let before = old.shards.iter().find(|it| it.name == shard.name);
        shard.schema = before.and_then(|before| before.schema);
        for server in members_mut(shard) {
            let known = old.shards.iter().flat_map(members).find(|it| is_same_server(it, server));
            if let Some(known) = known {
                stays = true;
                let (health, lag, trail, places) = (known.health, known.lag, known.trail.clone(), known.places.clone());
                *server = Arc::new(Server { health, lag, trail, places, ..Server::clone(server) });
            }
        }
    }
    // The schema is the same on every shard: it holds while one server of the old picture is left. It is read again anyway.
    if stays {
        new.catalog = new.catalog.take().or_else(|| old.catalog.clone());
        if new.greeting.is_empty() {
            new.greeting = old.greeting.clone();
        }
    }
}

/// Who was found to be the primary is so still.
fn appoint_again(old: &Database, shard: &mut Shard) {
    let before = old.shards.iter().find(|it| it.finds_roles && shard.finds_roles && it.name == shard.name);
    let Some(primary) = before.map(|it| &it.primary) else { return };
    if let Some(place) = shard.replicas.iter().position(|it| it.address == primary.address) {
        shard.appoint(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::picture;
    use crate::logic::wal::Position;
    use crate::logic::written::Freshness;
    use std::time::Duration;

    const LAG: Option<Lag> = Some(Lag { bytes: 7, time: Duration::from_secs(1) });

    fn server(topology: &Topology, index: usize) -> Arc<Server> {
        topology.databases["app"].shards.iter().flat_map(members).nth(index).expect("the picture has it").clone()
    }

    fn down(topology: &Topology, index: usize) -> Change {
        seen(topology, index, Health::Down, false)
    }

    fn seen(topology: &Topology, index: usize, health: Health, follows: bool) -> Change {
        let (trail, places) = (Arc::default(), Arc::default());
        let server = server(topology, index);
        Change::Server { database: "app".into(), server, health, lag: LAG, trail, places, follows }
    }

    #[test]
    fn a_change_is_published_once_and_counts_one_epoch() {
        let publisher = Publisher::new(picture::of_ports("app", &[(1, &[2]), (3, &[])]), Metrics::new());
        let reader = publisher.reader();
        let first = reader.load_full();
        assert!(publisher.publish(down(&first, 1)).is_some());
        assert!(publisher.publish(down(&first, 1)).is_none(), "nothing new");
        let now = reader.load_full();
        assert_eq!((now.epoch, now.map_epoch), (2, 1));
        assert_eq!((server(&now, 1).health, server(&now, 1).lag), (Health::Down, LAG));
        assert_eq!(server(&first, 1).health, Health::Unknown, "the old picture is untouched");
        assert!(Arc::ptr_eq(&server(&first, 0), &server(&now, 0)), "the others are shared");
    }

    #[test]
    fn a_reload_keeps_what_is_known_of_servers_that_stay() {
        let publisher = Publisher::new(picture::of_ports("app", &[(1, &[2]), (3, &[])]), Metrics::new());
        let first = publisher.reader().load_full();
        for index in [0, 1] {
            publisher.publish(down(&first, index));
        }
        let catalog = Arc::new(Catalog { version: 9, ..Catalog::default() });
        publisher.publish(Change::Catalog { database: "app".into(), catalog });
        let now =
            publisher.publish(Change::Whole(picture::of_ports("app", &[(1, &[20]), (3, &[])]))).expect("a reload");
        assert_eq!((now.epoch, now.map_epoch), (5, 2));
        assert_eq!(server(&now, 0).health, Health::Down);
        assert_eq!((server(&now, 1).health, server(&now, 1).lag), (Health::Unknown, None), "another address");
        assert_eq!(now.databases["app"].catalog.as_ref().map(|it| it.version), Some(9));
    }

    #[test]
    fn who_reads_must_find_the_schema_that_is_known() {
        let publisher = Publisher::new(picture::of_ports("app", &[(1, &[2]), (3, &[])]), Metrics::new());
        let first = publisher.reader().load_full();
        let read = |version| {
            let catalog = Arc::new(Catalog { version, ..Catalog::default() });
            publisher.publish(Change::Catalog { database: "app".into(), catalog })
        };
        let looked = |lsn| {
            let sample = Sample { at: Instant::now(), position: Position { timeline: 1, lsn } };
            let (server, database) = (server(&first, 0), "app".into());
            let (trail, places) = (Arc::from([sample]), Arc::default());
            let follows = false;
            publisher.publish(Change::Server {
                database,
                server,
                health: Health::Up,
                lag: None,
                trail,
                places,
                follows,
            })
        };
        let needed = |topology: Option<Arc<Topology>>| topology.map(|it| it.databases["app"].shards[0].freshness());
        let at = |lsn| Some(Freshness::At(Position { timeline: 1, lsn }));
        assert_eq!(needed(read(1)), Some(Freshness::Any), "it has not changed yet");
        assert_eq!(needed(looked(100)), Some(Freshness::Any));
        assert_eq!(needed(read(2)), Some(Freshness::Newest), "nobody has looked since");
        assert_eq!(needed(looked(200)), at(200));
        assert_eq!(needed(looked(300)), at(200), "the first look behind it is enough");
        assert_eq!(needed(read(2)), None, "the same");
        let reloaded = publisher.publish(Change::Whole(picture::of_ports("app", &[(1, &[2, 4]), (3, &[])])));
        assert_eq!(needed(reloaded), at(200), "a new replica may lack it");
    }

    #[test]
    fn a_found_primary_is_published_once_and_survives_a_reload() {
        let found = || {
            let mut topology = picture::of_ports("app", &[(1, &[2, 3])]);
            let app = Arc::make_mut(topology.databases.get_mut("app").expect("it is there"));
            app.shards[0].finds_roles = true;
            topology
        };
        let publisher = Publisher::new(found(), Metrics::new());
        let primary = |server: Option<&str>| Change::Primary {
            database: "app".into(),
            shard: ShardId(0),
            server: server.map(Into::into),
        };
        assert!(publisher.publish(primary(Some("app/a/primary"))).is_none(), "the guess was right");
        let now = publisher.publish(primary(Some("app/a/replica-2"))).expect("another one");
        let port = |topology: &Topology, index| server(topology, index).address.port;
        assert_eq!([0, 1, 2].map(|index| port(&now, index)), [3, 2, 1]);
        assert_eq!([0, 2].map(|index| server(&now, index).role), [Role::Primary, Role::Replica]);
        assert_eq!(server(&now, 2).health, Health::Down, "until it has been looked at");
        assert!(publisher.publish(primary(Some("app/a/replica-2"))).is_none());
        let now = publisher.publish(Change::Whole(found())).expect("a reload");
        assert_eq!([0, 1, 2].map(|index| port(&now, index)), [3, 2, 1]);
        let now = publisher.publish(primary(None)).expect("nobody");
        assert!(now.databases["app"].shards[0].is_down());
        assert!(publisher.publish(primary(None)).is_none());
        let now = publisher.publish(seen(&now, 0, Health::Up, true)).expect("its lag is new");
        assert!(now.databases["app"].shards[0].is_down(), "it is well, and takes no writes");
        let now = publisher.publish(seen(&now, 0, Health::Up, false)).expect("it does again");
        assert!(!now.databases["app"].shards[0].is_down());
        let now = publisher.publish(seen(&now, 1, Health::Up, true)).expect("a replica");
        assert_eq!(server(&now, 1).health, Health::Up);
    }

    #[test]
    fn a_monitor_of_a_server_that_is_gone_says_nothing() {
        let publisher = Publisher::new(picture::of_ports("app", &[(1, &[2])]), Metrics::new());
        let first = publisher.reader().load_full();
        publisher.publish(Change::Whole(picture::of_ports("app", &[(1, &[20])])));
        assert!(publisher.publish(down(&first, 1)).is_none());
    }

    #[tokio::test]
    async fn readers_can_wait_for_a_picture() {
        let publisher = Publisher::new(picture::of_ports("app", &[(1, &[])]), Metrics::new());
        let reader = publisher.reader();
        let waiting = tokio::spawn(async move { reader.until(|it| it.epoch >= 2).await.epoch });
        publisher.publish(down(&publisher.reader().load_full(), 0));
        assert_eq!(waiting.await.expect("it does not panic"), 2);
    }
}
