//! What is counted for one server. Its pool and its monitor hold this.

use std::time::Duration;

use metrics::{Counter, Gauge};

use super::{names, registry::Registry};
use crate::logic::topology::{Health, Lag, Role};

/// How the pools of one server stand together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standing {
    /// Connections lent to a session
    pub active: u32,
    /// Connections not in use
    pub idle: u32,
    /// Connections being opened
    pub opening: u32,
    /// Connections that they may open; `None`: there is no pool
    pub connections_max: Option<u32>,
    /// Clients in their queues
    pub waiting: u32,
    /// How long the first of them has waited
    pub wait_max: Duration,
    /// What came of opening connections since the last look
    pub connects: Connects,
}

/// What came of opening connections.
#[derive(Debug, Clone, Copy, Default)]
pub struct Connects {
    /// They were opened
    pub ok: u64,
    /// They could not be opened
    pub failed: u64,
}

/// Handles of one server.
pub struct ServerMetrics {
    active: Gauge,
    idle: Gauge,
    opening: Gauge,
    connections_max: Gauge,
    waiting: Gauge,
    wait_max_seconds: Gauge,
    connects_ok: Counter,
    connects_failed: Counter,
    up: Gauge,
    /// By role
    roles: [Gauge; 2],
    lag_bytes: Gauge,
    lag_seconds: Gauge,
}

impl ServerMetrics {
    pub(super) fn new(registry: &Registry, server: &str) -> Self {
        let labels = &[("server", server)];
        let connections = |state| registry.gauge(names::SERVERS, &[labels[0], ("state", state)]);
        let connects = |result| registry.counter(names::SERVER_CONNECTS, &[labels[0], ("result", result)]);
        let metrics = Self {
            active: connections("active"),
            idle: connections("idle"),
            opening: connections("opening"),
            connections_max: registry.gauge(names::SERVER_CONNECTIONS_MAX, labels),
            waiting: registry.gauge(names::WAITING_CLIENTS, labels),
            wait_max_seconds: registry.gauge(names::POOL_WAIT_MAX, labels),
            connects_ok: connects("ok"),
            connects_failed: connects("failed"),
            up: registry.gauge(names::SERVER_UP, labels),
            roles: [Role::Primary, Role::Replica]
                .map(|role| registry.gauge(names::SERVER_ROLE, &[labels[0], ("role", role.label())])),
            lag_bytes: registry.gauge(names::LAG_BYTES, labels),
            lag_seconds: registry.gauge(names::LAG_SECONDS, labels),
        };
        metrics.show(None, Health::Unknown, None);
        // A server of this name may have been retired before.
        metrics.stand(&Standing::default());
        metrics
    }

    /// Shows what the topology says of it.
    pub fn show(&self, role: Option<Role>, health: Health, lag: Option<Lag>) {
        for (gauge, of) in self.roles.iter().zip([Role::Primary, Role::Replica]) {
            gauge.set(if role == Some(of) { 1.0 } else { f64::NAN });
        }
        self.up.set(match health {
            Health::Unknown => f64::NAN,
            Health::Up | Health::Suspect => 1.0,
            Health::Down => 0.0,
        });
        self.lag_bytes.set(lag.map_or(f64::NAN, |it| it.bytes as f64));
        self.lag_seconds.set(lag.map_or(f64::NAN, |it| it.time.as_secs_f64()));
    }

    /// Shows how its pools stand.
    pub(super) fn stand(&self, standing: &Standing) {
        for (gauge, count) in [
            (&self.active, standing.active),
            (&self.idle, standing.idle),
            (&self.opening, standing.opening),
            (&self.waiting, standing.waiting),
        ] {
            gauge.set(f64::from(count));
        }
        self.connections_max.set(standing.connections_max.map_or(f64::NAN, f64::from));
        self.wait_max_seconds.set(standing.wait_max.as_secs_f64());
        self.connects_ok.increment(standing.connects.ok);
        self.connects_failed.increment(standing.connects.failed);
    }

    /// It is no longer part of the map: its series end.
    pub(super) fn retire(&self) {
        self.show(None, Health::Unknown, None);
        let pools = [&self.active, &self.idle, &self.opening, &self.connections_max];
        for gauge in pools.into_iter().chain([&self.waiting, &self.wait_max_seconds]) {
            gauge.set(f64::NAN);
        }
    }
}
