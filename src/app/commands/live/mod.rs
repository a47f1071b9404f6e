//! Compares the settings with the servers: `shardway check --live`.
//!
//! Asks, then decides: `facts` reads what a server says of itself, `judge` compares it with the map.

use std::time::Duration;

use crate::config::{DatabaseSettings, Settings, Severity};
use crate::control::{Link, MonitorSettings};
use crate::logic::topology::{Role, Server};

use facts::ServerFacts;

mod definitions;
mod differences;
mod facts;
mod judge;

/// Something an operator should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad
    pub severity: Severity,
    /// A server, or a database
    pub subject: String,
    /// What about it
    pub message: String,
}

/// A server that does not answer within this is not reachable.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks all servers, and judges what they say.
pub async fn compare(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for database in &settings.databases {
        findings.extend(compare_database(database, &settings.monitor).await);
    }
    findings
}

async fn compare_database(database: &DatabaseSettings, login: &MonitorSettings) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut primaries: Vec<Option<ServerFacts>> = Vec::new();
    for shard in &database.shards {
        let mut known = Vec::new();
        for server in std::iter::once(&shard.primary).chain(&shard.replicas) {
            let facts = ask(server, shard.finds_roles, database, login, &mut findings).await;
            known.extend(facts.map(|facts| (&**server, facts)));
        }
        findings.extend(judge::replicas(&known));
        let takes_writes = |(_, facts): &(&Server, ServerFacts)| shard.finds_roles && !facts.is_recovering;
        let is_listed = |(server, _): &(&Server, ServerFacts)| server.role == Role::Primary;
        let primary = known.iter().position(takes_writes).or_else(|| known.iter().position(is_listed));
        primaries.push(primary.map(|place| known.swap_remove(place).1));
    }
    findings.extend(judge::shards(database, &primaries));
    findings
}

/// Asks one server; what is wrong with it alone is noted at once.
async fn ask(
    server: &Server,
    finds_role: bool,
    database: &DatabaseSettings,
    login: &MonitorSettings,
    findings: &mut Vec<Finding>,
) -> Option<ServerFacts> {
    let tables: Vec<_> = database.map.tables.keys().collect();
    let answer = match Link::new(&server.address, login, PATIENCE) {
        Ok(link) => link.ask(PATIENCE, async |client| facts::read(client, &tables).await).await,
        Err(fault) => Err(fault),
    };
    match answer {
        Ok(facts) => {
            findings.extend(judge::server(server, (finds_role, database.shards.len()), &facts));
            Some(facts)
        }
        Err(fault) => {
            let message = format!("cannot be asked: {fault}");
            findings.push(Finding { severity: Severity::Error, subject: server.name.to_string(), message });
            None
        }
    }
}
