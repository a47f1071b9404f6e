//! A `pgbouncer.ini` in our words. What has no counterpart stays as a comment, by name and with the reason, so that nothing is
//! lost unseen.

mod ini;
mod general;
mod databases;
mod hba;
mod logins;

use std::fmt::Write as _;

use ini::Ini;
use logins::Listed;

pub use ini::Read;

/// The sections that `[pgbouncer]` fills, in the order in which they are written.
const SECTIONS: [&str; 4] = ["listen", "pool", "limits", "log"];

/// The settings file, and a line for each thing that could not be carried over. `read` gives the files that it names.
pub fn import(text: &str, read: Read<'_>) -> (String, Vec<String>) {
    let mut ini = Ini::parse(text, read);
    let mut left = std::mem::take(&mut ini.left);
    let mut toml =
        "# Made of a pgbouncer.ini by `shardway import`; look it through with `shardway check`.\n".to_owned();
    let listed = Listed::read(&ini, read, &mut left);
    let settings = general::settings(&ini, &mut left);
    for section in SECTIONS {
        let lines: Vec<&str> =
            settings.iter().filter(|(of, _)| *of == section).map(|(_, line)| line.as_str()).collect();
        if !lines.is_empty() {
            write!(toml, "\n[{section}]\n{}", lines.concat()).ok();
        }
        if section == "listen" {
            toml += &logins::tls(&ini);
            toml += &logins::peers(&ini, &mut left);
        }
    }
    toml += &logins::auth(&ini, &listed, read, &mut left);
    toml += &logins::members(&ini, &listed, &mut left);
    toml += &databases::databases(&ini, &listed.passwords(), &mut left);
    if !left.is_empty() {
        toml += "\n# Not carried over:\n";
        left.iter().for_each(|line| toml += &format!("#   {line}\n"));
    }
    (toml, left)
}
