//! What is counted for one server. Its pool and its monitor hold this.

use metrics::{Counter, Gauge};

use super::{names, registry::Registry};
use crate::logic::topology::{Health, Lag, Role};

/// Handles of one server.
pub struct ServerMetrics {
    /// Connections lent to a session
    pub active: Gauge,
    /// Connections not in use
    pub idle: Gauge,
    /// Connections being opened
    pub opening: Gauge,
    /// Connections that its pools may open
    pub connections_max: Gauge,
    /// Clients in its queues
    pub waiting: Gauge,
    /// Seconds the first of them has waited
    pub wait_max_seconds: Gauge,
    /// Connections opened
    pub connects_ok: Counter,
    /// Connections that could not be opened
    pub connects_failed: Counter,
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
        metrics.connections_max.set(f64::NAN);
        // A server of this name may have been retired before.
        metrics.waiting.set(0.0);
        metrics.wait_max_seconds.set(0.0);
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

    /// It is no longer part of the map: its series end.
    pub(super) fn retire(&self) {
        self.show(None, Health::Unknown, None);
        for gauge in [&self.waiting, &self.wait_max_seconds, &self.connections_max] {
            gauge.set(f64::NAN);
        }
    }
}
