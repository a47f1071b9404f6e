//! The pool with a clock of its own: who is lent what, and when.

use super::*;
use crate::logic::topology::PoolMode;

fn settings(size: u32) -> PoolSettings {
    PoolSettings {
        mode: PoolMode::Transaction,
        size,
        min: 0,
        reserve: 0,
        reserve_timeout: Duration::from_secs(5),
        lifetime: Duration::from_secs(3600),
        idle_timeout: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(5),
        wait_timeout: Duration::from_secs(5),
        waiters_max: 100,
        prepared_statements_max: 100,
        login_retry: Duration::from_secs(1),
        wait_notify: Duration::ZERO,
        database_max: 0,
        user_max: 0,
    }
}

/// A pool whose connections are numbers, with a clock.
struct World {
    pool: Pool<u32, char>,
    now: Instant,
    effects: Vec<Effect<u32, char>>,
}

impl World {
    fn new(settings: PoolSettings) -> Self {
        Self { pool: Pool::new(settings), now: Instant::now(), effects: Vec::new() }
    }

    fn ask(&mut self, who: char) -> Asked {
        self.pool.ask(("app", false), who, self.now, &mut self.effects)
    }

    fn ask_holding(&mut self, who: char) -> Asked {
        self.pool.ask(("app", true), who, self.now, &mut self.effects)
    }

    fn opened(&mut self, connection: u32) {
        let expiry = Expiry(self.now + Duration::from_secs(3600));
        self.pool.opened(connection, expiry, self.now, &mut self.effects);
    }

    fn give_back(&mut self, connection: u32) {
        let expiry = Expiry(self.now + Duration::from_secs(3600));
        self.pool.give_back(connection, expiry, self.now, &mut self.effects);
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.pool.tick(self.now, &mut self.effects);
    }

    fn said(&mut self) -> String {
        let words = self.effects.drain(..).map(|effect| match effect {
            Effect::Lend(who, connection) => format!("lend {connection} to {who}"),
            Effect::Open => "open".into(),
            Effect::Close(connection) => format!("close {connection}"),
            Effect::Fail(who, why) => format!("fail {who}: {why}"),
        });
        words.collect::<Vec<_>>().join(", ")
    }
}

#[test]
fn waiters_are_served_in_turn_and_the_limit_holds() {
    let mut world = World::new(settings(1));
    world.ask('a');
    world.ask('b');
    world.ask('c');
    assert_eq!(world.said(), "open");
    world.opened(1);
    assert_eq!(world.said(), "lend 1 to a");
    assert!(world.pool.take().is_none(), "nobody overtakes the queue");
    world.give_back(1);
    assert_eq!(world.said(), "lend 1 to b");
    world.give_back(1);
    world.give_back(1);
    assert_eq!(world.said(), "lend 1 to c");
    assert_eq!(world.pool.take(), Some(1));
}

#[test]
fn who_gives_up_is_not_served() {
    let mut world = World::new(settings(1));
    let Asked::Waits(ticket) = world.ask('a') else { panic!("it waits") };
    world.ask('b');
    world.pool.give_up(ticket);
    world.opened(1);
    assert_eq!(world.said(), "open, lend 1 to b");
}

#[test]
fn a_lost_connection_is_replaced_for_those_who_wait() {
    let mut world = World::new(settings(1));
    world.ask('a');
    world.opened(1);
    world.ask('b');
    world.said();
    world.pool.lost(world.now, &mut world.effects);
    assert_eq!(world.said(), "open");
}

#[test]
fn a_server_that_refuses_fails_everyone_at_once_and_is_tried_again_later() {
    let mut world = World::new(settings(2));
    world.ask('a');
    world.pool.failed(Why::Unreachable("no route".into()), world.now, &mut world.effects);
    assert_eq!(world.said(), "open, fail a: no route");
    assert!(matches!(world.ask('b'), Asked::Refused(Why::Unreachable(why)) if why == "no route"));
    world.now += Duration::from_secs(1);
    assert!(matches!(world.ask('c'), Asked::Waits(_)));
    assert_eq!(world.said(), "open");
}

#[test]
fn who_waits_for_a_server_that_starts_goes_on_waiting() {
    let mut world = World::new(settings(2));
    world.ask('a');
    let starting = Why::Refused { sqlstate: STARTING.into(), message: "the database system is starting up".into() };
    world.pool.failed(starting, world.now, &mut world.effects);
    assert!(matches!(world.ask('b'), Asked::Waits(_)));
    assert_eq!(world.said(), "open", "and nobody asks the server again at once");
    world.pass(1);
    assert_eq!(world.said(), "open, open");
    world.opened(1);
    assert_eq!(world.said(), "lend 1 to a");
}

#[test]
fn a_server_that_refuses_is_left_alone_while_others_use_what_is_open() {
    let mut world = World::new(settings(2));
    world.ask('a');
    world.opened(1);
    world.ask('b');
    world.pool.failed(Why::Unreachable("full".into()), world.now, &mut world.effects);
    world.said();
    world.ask('c');
    assert_eq!(world.said(), "");
    world.give_back(1);
    assert_eq!(world.said(), "lend 1 to b");
    world.pass(1);
    assert_eq!(world.said(), "open");
}

#[test]
fn the_reserve_opens_for_those_who_waited_long() {
    let mut world = World::new(PoolSettings { reserve: 1, ..settings(1) });
    world.ask('a');
    world.opened(1);
    world.ask('b');
    world.said();
    world.pass(4);
    assert_eq!(world.said(), "");
    world.pass(1);
    assert_eq!(world.said(), "open");
    world.opened(2);
    assert_eq!(world.said(), "lend 2 to b");
}

#[test]
fn old_and_unused_connections_go_and_the_minimum_stays() {
    let mut world = World::new(PoolSettings { min: 1, ..settings(3) });
    world.pass(0);
    assert_eq!(world.said(), "open");
    world.opened(1);
    world.ask('a');
    world.said();
    world.ask('b');
    world.opened(2);
    world.give_back(1);
    world.give_back(2);
    world.said();
    world.pass(60);
    assert_eq!(world.said(), "close 1");
    world.pass(3600);
    assert_eq!(world.said(), "close 2, open");
}

#[test]
fn what_is_out_of_date_is_closed_and_the_rest_stays() {
    let mut world = World::new(settings(3));
    for who in ['a', 'b', 'c'] {
        world.ask(who);
    }
    (1..=3).for_each(|connection| world.opened(connection));
    world.give_back(1);
    world.give_back(2);
    world.said();
    world.pool.retire(|connection| connection % 2 == 1, &mut world.effects);
    assert_eq!(world.said(), "close 1");
    // One that is lent comes back with its time over.
    world.pool.give_back(3, Expiry(world.now), world.now, &mut world.effects);
    assert_eq!(world.said(), "close 3");
    assert_eq!(world.pool.take(), Some(2));
}

#[test]
fn a_paused_pool_lends_nothing_and_serves_who_waited_when_it_goes_on() {
    let mut world = World::new(settings(2));
    world.ask('a');
    world.opened(1);
    world.ask('b');
    world.opened(2);
    world.give_back(2);
    world.said();
    world.pool.pause(world.now, &mut world.effects);
    assert_eq!(world.said(), "close 2");
    assert!(world.pool.take().is_none());
    world.ask('c');
    world.give_back(1);
    world.pass(1);
    assert_eq!(world.said(), "close 1", "and none is opened");
    assert!(world.pool.is_empty());
    world.pool.resume(world.now, &mut world.effects);
    assert_eq!(world.said(), "open");
    world.opened(3);
    assert_eq!(world.said(), "lend 3 to c");
}

#[test]
fn a_paused_pool_serves_who_holds_other_servers() {
    let mut world = World::new(PoolSettings { waiters_max: 2, ..settings(2) });
    world.ask('a');
    world.opened(1);
    world.ask('b');
    world.opened(2);
    world.ask('c');
    world.ask_holding('d');
    world.said();
    world.pool.pause(world.now, &mut world.effects);
    world.give_back(1);
    assert_eq!(world.said(), "lend 1 to d", "it waited before the pause");
    world.give_back(1);
    assert_eq!(world.said(), "close 1", "the others wait");
    world.ask('e');
    assert!(matches!(world.ask('f'), Asked::Full));
    assert!(matches!(world.ask_holding('g'), Asked::Waits(_)), "the pause may be waiting for it");
    assert_eq!(world.said(), "open");
    world.opened(3);
    world.give_back(3);
    world.give_back(2);
    assert_eq!(world.said(), "lend 3 to g, close 3, close 2");
    assert!(world.pool.is_empty());
}

#[test]
fn the_queue_has_a_size() {
    let mut world = World::new(PoolSettings { waiters_max: 1, ..settings(1) });
    world.ask('a');
    assert!(matches!(world.ask('b'), Asked::Full));
}

#[test]
fn who_holds_servers_comes_first_and_does_not_wait_for_others_who_do() {
    let mut world = World::new(settings(2));
    for (who, connection) in [('a', 1), ('b', 2)] {
        world.ask_holding(who);
        world.opened(connection);
    }
    world.ask('c');
    for who in ['d', 'e', 'f'] {
        world.ask_holding(who);
    }
    world.effects.clear();
    world.give_back(1);
    assert!(matches!(world.effects[..], [Effect::Lend('d', 1)]));
    world.effects.clear();
    // They may wait for each other: as many again at most are opened for them.
    world.pass(1);
    assert_eq!(world.effects.iter().filter(|effect| matches!(effect, Effect::Open)).count(), 2);
    world.effects.clear();
    world.opened(3);
    world.opened(4);
    assert!(matches!(world.effects[..], [Effect::Lend('e', 3), Effect::Lend('f', 4)]));
    world.effects.clear();
    // Those above the size close as they come back, and who holds nothing has waited for the others.
    world.give_back(3);
    world.give_back(4);
    assert!(matches!(world.effects[..], [Effect::Close(3), Effect::Close(4)]));
    world.effects.clear();
    world.give_back(2);
    assert!(matches!(world.effects[..], [Effect::Lend('c', 2)]));
}
