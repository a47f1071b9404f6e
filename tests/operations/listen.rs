//! LISTEN through transaction pooling: one connection listens for all clients of a database.

use std::thread;

use super::*;
use crate::support::wire::Frame;

/// Channel and payload of the notifications among these messages.
fn notifications(frames: &[Frame]) -> Vec<(String, String)> {
    let heard = frames.iter().filter(|frame| frame.tag == b'A');
    let words = |frame: &Frame| {
        let body = String::from_utf8_lossy(&frame.body[4..]).into_owned();
        let mut words = body.split('\0').map(str::to_owned);
        (words.next().unwrap(), words.next().unwrap())
    };
    heard.map(words).collect()
}

fn payloads(frames: &[Frame]) -> Vec<String> {
    notifications(frames).into_iter().map(|(_, payload)| payload).collect()
}

/// The payload of the next one.
fn next(wire: &mut Wire) -> String {
    payloads(&wire.until(b"A").unwrap()).pop().unwrap()
}

/// A proxy for a role of its own.
fn proxy_for(stage: &Stage, role: &str, database: &str) -> Proxy {
    stage.role(role);
    let more = format!("[[users]]\nname = \"{role}\"\npassword = \"secret\"\n\n[monitor]\nuser = \"postgres\"\n");
    stage.proxy(role, &Settings { database, more: &more, ..Settings::default() })
}

/// Ends the connection that listens for this role.
fn kill_listener(port: u16, role: &str) {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = '{role}' AND query LIKE 'LISTEN%'"
    );
    assert_eq!(admin(port).value(&sql), "1");
}

#[test]
fn a_channel_with_too_long_a_name_is_the_one_that_postgres_makes_of_it() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "long_ears", "pool_size = 2\npin = \"error\"");
    let name = "Long_\"\"".repeat(14);
    let plain = "Long_".repeat(14);
    let told = |port: u16| {
        let mut wire = enter(port, "long_ears", &[]).unwrap();
        let tell = |frame: &Frame| match frame.tag {
            b'N' => format!("N {}", wire::describe_error(&frame.body)),
            tag => char::from(tag).to_string(),
        };
        [
            format!("LISTEN \"{name}\""),
            format!("/* \"{name}\" */ LISTEN {plain}"),
            format!("UNLISTEN {plain}"),
            "LISTEN short".into(),
        ]
        .map(|sql| wire.simple(&sql).unwrap().iter().map(tell).collect::<Vec<_>>())
    };
    assert_eq!(told(proxy.port), told(stage.world.shards[0].port()));
    let (mut hearer, mut speaker) = (enter(proxy.port, "long_ears", &[]).unwrap(), login(&proxy));
    hearer.send(&wire::query(&format!("LISTEN {plain}"))).unwrap();
    hearer.until_ready().unwrap();
    speaker.rows(&format!("NOTIFY {}, 'heard'", &plain[..63]));
    assert_eq!(next(&mut hearer), "heard");
}

#[test]
fn many_listen_by_one_connection_and_all_hear_all_in_order() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "hearers", "pool_size = 2\npin = \"error\"");
    let port = stage.world.shards[0].port();
    let mut hearers: Vec<Wire> = (0..30).map(|_| enter(proxy.port, "hearers", &[]).unwrap()).collect();
    for wire in &mut hearers {
        wire.rows("LISTEN hearers_news");
    }
    hearers[0].rows("LISTEN \"Other \"\"News\"\"\"");
    // The connections of the pool and the one that listens.
    assert!(connections(port, "hearers") <= 3);
    assert_eq!(metric(&proxy, "shardway_listener_connections", &["shard=\"a\""]), 1.0);
    assert_eq!(metric(&proxy, "shardway_listening", &["shard=\"a\""]), 31.0);
    let mut speaker = enter(proxy.port, "hearers", &[]).unwrap();
    let said: Vec<String> = (0..50).map(|number| format!("number {number}")).collect();
    for word in &said {
        speaker.rows(&format!("NOTIFY hearers_news, '{word}'"));
    }
    speaker.rows("SELECT pg_notify('Other \"News\"', 'else')");
    for wire in &mut hearers {
        let heard: Vec<String> = said.iter().map(|_| next(wire)).collect();
        assert_eq!(heard, said);
    }
    assert_eq!(notifications(&hearers[0].until(b"A").unwrap()), [("Other \"News\"".to_owned(), "else".to_owned())]);
    assert_eq!(metric(&proxy, "shardway_notifications_total", &[]), 51.0);
    assert_eq!(metric(&proxy, "shardway_notifications_delivered_total", &[]), 1501.0);
    assert_eq!(metric(&proxy, "shardway_pins_total", &[]), 0.0);
    // Those that have gone, or do not want to, are not counted; the others still hear.
    hearers.truncate(2);
    hearers[1].rows("UNLISTEN *");
    until("they have gone", || metric(&proxy, "shardway_listening", &[]) == 2.0);
    speaker.rows("NOTIFY hearers_news, 'last'");
    assert_eq!(next(&mut hearers[0]), "last");
    assert_eq!(payloads(&hearers[1].simple("SELECT 1").unwrap()), [] as [&str; 0]);
    drop(hearers);
    until("nobody listens", || metric(&proxy, "shardway_listening", &[]) == 0.0);
    until("it closes", || metric(&proxy, "shardway_listener_connections", &[]) == 0.0);
    let mut late = enter(proxy.port, "hearers", &[]).unwrap();
    late.rows("LISTEN hearers_news");
    speaker.rows("NOTIFY hearers_news, 'late'");
    assert_eq!(next(&mut late), "late");
}

/// Before the answer to a statement stands what others had committed before it was sent.
/// PostgreSQL tells a session of what was committed before it reads the statement that stops it.
#[test]
fn who_stops_listening_has_heard_what_was_committed_before() {
    let stage = &*STAGE;
    let proxy = stage.proxy("stoppers", &Settings::default());
    let (mut listener, mut notifier) = (login(&proxy), login(&proxy));
    for turn in 0..20 {
        listener.rows("LISTEN stoppers_news");
        notifier.rows(&format!("NOTIFY stoppers_news, '{turn}'"));
        let stop = ["UNLISTEN *", "UNLISTEN stoppers_news", "DISCARD ALL"][turn % 3];
        let frames = listener.simple(stop).unwrap();
        let heard = frames.iter().filter(|frame| frame.tag == b'A').count();
        assert_eq!(heard, 1, "{turn}: {stop}");
        notifier.rows("NOTIFY stoppers_news, 'unheard'");
        assert!(listener.simple("SELECT 1").unwrap().iter().all(|frame| frame.tag != b'A'));
    }
}

#[test]
fn what_was_committed_before_a_statement_is_heard_with_its_answer() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "causes", "pool_size = 2");
    let mut wire = enter(proxy.port, "causes", &[]).unwrap();
    wire.rows("LISTEN causes_news");
    let mut direct = admin(stage.world.shards[0].port());
    for number in 0..100 {
        direct.rows(&format!("NOTIFY causes_news, '{number}'"));
        let frames = match number % 3 {
            0 => wire.simple("SELECT 1").unwrap(),
            1 => wire.simple(&format!("SELECT id FROM events WHERE client_id = {}", stage.clients[1])).unwrap(),
            _ => {
                wire.send(
                    &[wire::parse("", "SELECT 1", &[]), wire::bind("", "", &[], 0), wire::execute("", 0), wire::sync()]
                        .concat(),
                )
                .unwrap();
                wire.until_ready().unwrap()
            }
        };
        assert_eq!(payloads(&frames), [number.to_string()], "{:?}", wire::transcript(&frames));
    }
    // In a transaction nothing is heard, behind it everything.
    wire.rows("BEGIN");
    direct.rows("NOTIFY causes_news, 'meanwhile'");
    assert_eq!(payloads(&wire.simple("SELECT 1").unwrap()), [] as [&str; 0]);
    direct.rows("NOTIFY causes_news, 'and more'");
    assert_eq!(payloads(&wire.simple("SELECT count(*) FROM events").unwrap()), [] as [&str; 0]);
    assert_eq!(payloads(&wire.simple("ROLLBACK").unwrap()), ["meanwhile", "and more"]);
    // Its own carry its own number, which is the one that it was told at login.
    let frames = wire.simple("NOTIFY causes_news, 'own'").unwrap();
    let own = frames.iter().find(|frame| frame.tag == b'A').unwrap();
    assert_eq!(own.body[..4], wire.key[..4]);
}

#[test]
fn nothing_is_missed_that_is_committed_after_listen_was_confirmed() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "missers", "pool_size = 3");
    let port = stage.world.shards[0].port();
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let proxy_port = proxy.port;
            thread::spawn(move || {
                let mut direct = admin(port);
                let mut wire = enter(proxy_port, "missers", &[]).unwrap();
                for round in 0..60 {
                    // All of them come to and leave the same channels.
                    let channel = format!("channel_{}", (worker + round) % 3);
                    let payload = format!("{worker} {round}");
                    match round % 2 {
                        0 => drop(wire.rows(&format!("LISTEN {channel}"))),
                        _ => {
                            wire.rows(&format!("BEGIN; LISTEN {channel}"));
                            wire.rows("COMMIT");
                        }
                    }
                    direct.rows(&format!("NOTIFY {channel}, '{payload}'"));
                    let frames = wire.simple("SELECT 1").unwrap();
                    assert!(payloads(&frames).contains(&payload), "{:?}", wire::transcript(&frames));
                    wire.rows("UNLISTEN *");
                    direct.rows(&format!("NOTIFY {channel}, '{payload} again'"));
                    assert!(payloads(&wire.simple("SELECT 1").unwrap()).is_empty());
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn who_listened_by_a_lost_connection_is_sent_away_and_nobody_else() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "losers", "pool_size = 2");
    let port = stage.world.shards[0].port();
    let mut idle = enter(proxy.port, "losers", &[]).unwrap();
    let mut open = enter(proxy.port, "losers", &[]).unwrap();
    let mut other = enter(proxy.port, "losers", &[]).unwrap();
    idle.rows("LISTEN losers_news");
    open.rows("LISTEN losers_news");
    open.rows("BEGIN");
    kill_listener(port, "losers");
    for wire in [&mut idle, &mut open] {
        let end = whole_error(&wire.until_closed().unwrap());
        assert!(end.contains("SFATAL") && end.contains("C08006"), "{end}");
        assert!(end.contains("Mnotifications of shard \"a\" may have been missed"), "{end}");
        assert!(end.contains("Dthe connection that listens was lost: terminating connection"), "{end}");
    }
    assert_eq!(other.value("SELECT 1"), "1");
    assert_eq!(metric(&proxy, "shardway_listeners_lost_total", &[]), 1.0);
    other.rows("LISTEN losers_news");
    admin(port).rows("NOTIFY losers_news, 'again'");
    assert_eq!(next(&mut other), "again");
    // One that asks for it where it cannot be had goes on without.
    admin(port).rows("ALTER ROLE losers CONNECTION LIMIT 0");
    kill_listener(port, "losers");
    drop(other.until_closed());
    let mut late = enter(proxy.port, "losers", &[]).unwrap();
    let (state, message) = failure(&mut late, "LISTEN losers_news");
    assert_eq!(state, "53300", "{message}");
    late.rows("BEGIN; LISTEN losers_news");
    assert_eq!(failure(&mut late, "COMMIT").0, "53300");
    assert_eq!(late.simple("SELECT 1").unwrap().last().unwrap().body, b"I", "its transaction is over");
    admin(port).rows("ALTER ROLE losers CONNECTION LIMIT -1");
    until("the pool asks again", || late.simple("LISTEN losers_news").unwrap().iter().all(|frame| frame.tag != b'E'));
}

#[test]
fn channels_of_a_shard_are_heard_where_the_session_names_it() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "choosers", "pool_size = 2");
    let mut wire = enter(proxy.port, "choosers", &[]).unwrap();
    wire.rows("LISTEN choosers_news");
    wire.rows("/* shardway shard=b */ LISTEN choosers_news");
    admin(stage.world.shards[1].port()).rows("NOTIFY choosers_news, 'of b'");
    assert_eq!(payloads(&wire.simple("SELECT 1").unwrap()), ["of b"]);
    wire.rows("SET shardway.shard = 'b'");
    assert_eq!(payloads(&wire.simple("NOTIFY choosers_news, 'own, of b'").unwrap()), ["own, of b"]);
    wire.rows("UNLISTEN choosers_news");
    wire.rows("RESET shardway.shard");
    admin(stage.world.shards[1].port()).rows("NOTIFY choosers_news, 'not heard'");
    assert_eq!(payloads(&wire.simple("NOTIFY choosers_news, 'of a'").unwrap()), ["of a"]);
}

#[test]
fn a_session_that_listens_knows_itself_what_it_listens_on() {
    let stage = &*STAGE;
    let proxy = proxy_for(stage, "askers", "pool_size = 2");
    let mut wire = enter(proxy.port, "askers", &[]).unwrap();
    let ask = "SELECT count(*) FROM pg_listening_channels()";
    assert_eq!(wire.value(ask), "0");
    wire.rows("LISTEN askers_news");
    assert_eq!(wire.value(ask), "1");
    assert_eq!(wire.value("SELECT pg_listening_channels()"), "askers_news");
    let (state, message) = failure(&mut wire, "SELECT upper(pg_listening_channels())");
    assert_eq!(state, "0A000", "{message}");
    assert!(message.contains("pg_listening_channels() is not supported while the session listens"), "{message}");
    wire.rows("DISCARD ALL");
    assert_eq!(wire.value(ask), "0");
}
