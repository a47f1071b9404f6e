//! Sorted rows of several shards: how much the proxy holds of them, and who waits for whom.

use super::*;

/// A million rows of a hundred bytes, a third of them from each shard.
const TIMES: usize = 55_600;
const MANY_ROWS: usize = TIMES * 18;
/// What the rows may add to what a proxy holds: in a debug build that is mostly its own program.
const MEMORY_MAX_KIB: i64 = 16 << 10;

/// The most that a proxy has ever held.
fn peak_kib(proxy: &Proxy) -> i64 {
    let status = fs::read_to_string(format!("/proc/{}/status", proxy.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Shards that wait for somebody to take their rows.
fn blocked(stage: &Stage) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite' AND query LIKE '%repeat%'";
    stage.world.shards.iter().map(|server| admin(server.port()).value(sql).parse::<usize>().unwrap()).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn a_million_sorted_rows_stream_through_little_memory_however_slow_the_client_is() {
    let stage = &*STAGE;
    let proxy = stage.proxy("merge-memory", &Settings::default());
    let mut wire = login(&proxy);
    wire.set_patience(Duration::from_secs(120));
    let [a, b, c] = stage.clients[..] else { panic!("a client of each shard") };
    let many = format!(
        "SELECT g, e.client_id, repeat('x', 80) FROM events e, generate_series(1, {TIMES}) g \
         WHERE e.client_id IN ({a}, {b}, {c}) ORDER BY g DESC, e.client_id, e.id"
    );
    // A statement of the same kind brings in what it is made of.
    wire.rows("SELECT id FROM events ORDER BY id LIMIT 1");
    let before = peak_kib(&proxy);
    wire.send(&wire::query(&many)).unwrap();
    // Nobody reads yet: the shards sort, then wait, and the proxy holds only what it has read ahead.
    let deadline = Instant::now() + Duration::from_secs(120);
    while blocked(stage) < SHARDS.len() {
        assert!(Instant::now() < deadline, "{} shards wait", blocked(stage));
        std::thread::sleep(Duration::from_millis(100));
    }
    let (mut rows, mut last) = (0, i64::MAX);
    loop {
        let frame = wire.recv().unwrap();
        match frame.tag {
            b'D' => {
                let digits = i32::from_be_bytes(frame.body[2..6].try_into().unwrap()) as usize;
                let number: i64 = std::str::from_utf8(&frame.body[6..6 + digits]).unwrap().parse().unwrap();
                assert!(number <= last, "{number} comes after {last}");
                last = number;
                rows += 1;
            }
            b'Z' => break,
            b'E' => panic!("{}", wire::describe_error(&frame.body)),
            _ => (),
        }
    }
    assert_eq!((rows, last), (MANY_ROWS, 1));
    let more = peak_kib(&proxy) - before;
    eprintln!("{MANY_ROWS} merged rows: at most {more} KiB on top of {before}");
    assert!(more < MEMORY_MAX_KIB, "{more} KiB");
}

#[test]
fn a_column_that_is_new_behind_our_back_does_not_fail_a_sorted_star() {
    let stage = &*STAGE;
    let proxy = stage.proxy("merge-schema", &Settings::default());
    let mut wire = login(&proxy);
    let every = |sql: &str| stage.world.shards.iter().for_each(|server| drop(admin(server.port()).rows(sql)));
    let columns = |wire: &mut Wire| {
        let rows = wire.rows("SELECT * FROM smaller ORDER BY client_id LIMIT 3");
        rows.iter().map(Vec::len).collect::<Vec<_>>()
    };
    assert_eq!(columns(&mut wire), [2, 2, 2]);
    every("ALTER TABLE smaller ADD COLUMN new text");
    // The proxy has not heard of it yet, or just now.
    let found = columns(&mut wire);
    assert!(found == [2, 2, 2] || found == [3, 3, 3], "{found:?}");
    every("ALTER TABLE smaller DROP COLUMN new");
}
