//! What sessions ask of those who watch servers and keep the map.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::mpsc;

use super::keeper::{self, Wanted};
use crate::control::{ControlHandle, Refresher};
use crate::logic::protocol::report::Fault;
use crate::logic::topology::{Spot, Topology};
use crate::proxy::placing::Placing;
use crate::proxy::shared::Steering;

/// The data plane asks the control plane, and whoever keeps the map.
pub struct Refresh(pub Refresher, pub ControlHandle, pub mpsc::Sender<Wanted>);

impl Steering for Refresh {
    fn schema_changed(&self, database: &str) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (refresher, database) = (self.0.clone(), database.to_owned());
        Box::pin(async move {
            let refreshed = refresher.poke(&database).await;
            tracing::debug!(%database, ?refreshed, "the schema was read after a change");
        })
    }

    fn find(&self, database: &str) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> {
        let (control, database) = (self.1.clone(), Box::from(database));
        Box::pin(async move { control.find(database).await })
    }

    fn forget(&self, database: &str) {
        self.1.forget(database);
    }

    fn leave_alone(&self, spot: Spot) {
        self.1.leave_alone(spot);
    }

    fn come_back(&self, spot: &Spot) {
        self.1.come_back(spot);
    }

    fn hasten(&self, server: &str) {
        self.1.hasten(server);
    }

    fn place(&self, placing: Placing) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> {
        let wanted = self.2.clone();
        Box::pin(async move { keeper::ask(&wanted, placing).await })
    }

    fn until(&self, holds: Box<dyn Fn(&Topology) -> bool + Send + Sync>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let reader = self.1.reader();
        Box::pin(async move { drop(reader.until(holds).await) })
    }
}
