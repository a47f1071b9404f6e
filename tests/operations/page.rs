//! The status page in a real browser without a screen.

use std::path::Path;
use std::process::Stdio;

use super::*;
use crate::support::work::Work;

/// Where browsers are that can do this; `make tools` installs one.
const BROWSERS: [&str; 4] = [
    "/usr/bin/chromium",
    "/usr/bin/google-chrome",
    "/usr/bin/chromium-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// The page as it stands after some seconds of its own time, and what the browser had to complain about.
fn shown(port: u16, width: u32) -> (String, String) {
    let browser = BROWSERS.iter().find(|path| Path::new(path).exists());
    let browser = browser.expect("no browser is installed: `make tools` does it");
    let profile = std::env::temp_dir().join(format!("shardway-browser-{}-{width}", std::process::id()));
    let mut command = Command::new(browser);
    command
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=9000", "--dump-dom"])
        .args([format!("--user-data-dir={}", profile.display()), format!("--window-size={width},900")])
        .arg(format!("http://127.0.0.1:{port}/"));
    let output = command.stdin(Stdio::null()).output().unwrap();
    fs::remove_dir_all(&profile).unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    (String::from_utf8_lossy(&output.stdout).into_owned(), said)
}

#[test]
fn the_status_page_lives_in_a_browser() {
    let stage = &*STAGE;
    let proxy = stage.proxy("browser", &Settings::default());
    let mut wire = login(&proxy);
    assert_eq!(failure(&mut wire, "SELECT ctid FROM events").0, "0A000");
    let hot = format!("data-key=\"bigints key {}\"", stage.clients[0]);
    std::thread::scope(|scope| {
        let work = Work::default();
        let (progress, mut wire) = (work.progress(), login(&proxy));
        scope.spawn(move || {
            while progress.goes_on() {
                wire.rows(&format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0]));
            }
        });
        let is_hot = || {
            !serde_json::from_str::<serde_json::Value>(&get(proxy.metrics_port, "/status.json").1).unwrap()["databases"]
                [0]["hot"]
                .as_array()
                .unwrap()
                .is_empty()
        };
        until("a key is hot", is_hot);
        until("the pool shows", || metric(&proxy, "shardway_server_connections_max", &["app/a/primary"]) > 0.0);
        for width in [390, 1280] {
            let (page, said) = shown(proxy.metrics_port, width);
            let complaints: Vec<&str> = said.lines().filter(|line| line.contains("CONSOLE")).collect();
            assert!(complaints.is_empty(), "{}", complaints.join("\n"));
            for part in [
                r#"role="status">Ready<"#,
                "<h2>Database app</h2>",
                "<span>app/a/primary</span>",
                r#"<span class="mark good">Up</span>"#,
                "at most 10</span>",
                r#"<tr data-key="key">"#,
                hot.as_str(),
                "<span>100 %</span>",
                r#"role="alert" hidden"#,
                r#"class="line" d="M"#,
                "every 2 seconds.",
            ] {
                assert!(page.contains(part), "{part}\nis not in\n{page}");
            }
        }
    });
}
