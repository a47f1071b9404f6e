//! Steers. The control plane at the side of the data plane: publishes the topology, watches health and lag, reads
//! schemas, serves metrics. Sessions read what it publishes and never wait for it.

pub mod publisher;
mod link;
mod timelines;
mod council;
mod lookup;
mod monitor;
mod catalog;
mod finder;
mod recovery;
mod deadlocks;
pub mod export;
mod readiness;
mod scrape;
mod status;
mod http;
mod steer;

pub use catalog::{CatalogSettings, Refreshed, Refresher};
pub use link::{Link, LinkFault, MonitorSettings};
pub use lookup::Users;
pub use publisher::Reader;
pub use readiness::Required;
pub use steer::{Control, ControlHandle, ControlSettings};
