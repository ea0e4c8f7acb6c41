//! The provider of a database.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Mutex;

use super::connect::Place;
use super::connection::Trouble;
use super::fault::{self, Doing};
use super::handle::{Database, Seat};
use super::settings::Settings;
use crate::resilience::{Fault, FaultClass};
use crate::resources::health::HealthReport;
use crate::resources::provider::Provider;
use crate::resources::secret::Secrets;

/// Makes connections to one database.
pub struct DatabaseProvider {
    place: Arc<Place>,
    secrets: Secrets,
    /// The one connection of a database in memory, once it is made: the database goes with it.
    memory: Mutex<Option<Arc<Seat>>>,
}

impl DatabaseProvider {
    /// Connections as the settings say. Their passwords are `secrets` from then on.
    ///
    /// # Errors
    /// That the settings do not fit.
    pub fn new(settings: &Settings, secrets: &Secrets) -> Result<Self, Fault> {
        let place = Arc::new(Place::new(settings, secrets)?);
        Ok(Self { place, secrets: secrets.clone(), memory: Mutex::default() })
    }

    async fn seat(&self) -> Result<Arc<Seat>, Fault> {
        if !self.place.is_memory() {
            return self.place.connect().await.map(|connection| Arc::new(Seat::new(connection, false)));
        }
        let mut memory = self.memory.lock().await;
        if let Some(seat) = &*memory {
            return Ok(Arc::clone(seat));
        }
        let seat = Arc::new(Seat::new(self.place.connect().await?, true));
        Ok(Arc::clone(memory.insert(seat)))
    }

    fn clear(&self, fault: Fault) -> Fault {
        Fault { message: self.secrets.redact(&fault.message).into_owned(), ..fault }
    }

    async fn look(&self) -> Result<HealthReport, Fault> {
        // To look at a file must not make it.
        if let Some(file) = self.place.file()
            && let Some(folder) = file.parent()
            && !tokio::fs::try_exists(file).await.unwrap_or_default()
        {
            let is_there =
                folder.as_os_str().is_empty() || tokio::fs::metadata(folder).await.is_ok_and(|folder| folder.is_dir());
            let report = if is_there {
                HealthReport::healthy("the file is made when it is first used")
            } else {
                let message = format!("there is no folder {}", folder.display());
                return Err(Fault::new(FaultClass::Dependency, "open", message)
                    .with_hint("make the folder, or check the path in its settings"));
            };
            return Ok(report);
        }
        if self.place.is_memory() {
            return Ok(HealthReport::healthy("in memory"));
        }
        let mut connection = self.place.connect().await?;
        let began = Instant::now();
        let told = |trouble| match trouble {
            Trouble::Driver(error) => fault::of(&error, &self.place.shown, Doing::Connecting),
            Trouble::Fault(fault) => fault,
            Trouble::Late => fault::late(self.place.statement_timeout),
        };
        let version = connection.version().await.map_err(told)?;
        let took = began.elapsed();
        // What cannot be said goodbye to is gone all the same.
        let _ = connection.close().await;
        let report = HealthReport::healthy(format!("answers in {:.1} ms", took.as_secs_f64() * 1000.0));
        Ok(HealthReport { version: Some(version), ..report })
    }
}

impl Provider for DatabaseProvider {
    type Handle = Database;

    async fn create(&self) -> Result<Database, Fault> {
        let seat = self.seat().await.map_err(|fault| self.clear(fault))?;
        Ok(Database::new(seat, Arc::clone(&self.place), self.secrets.clone()))
    }

    async fn validate(&self, handle: &Database) -> bool {
        handle.ping().await.is_ok()
    }

    fn is_reusable(&self, handle: &Database) -> bool {
        handle.is_clean()
    }

    async fn close(&self, handle: Database) {
        handle.close().await;
    }

    async fn check(&self) -> Result<HealthReport, Fault> {
        self.look().await.map_err(|fault| self.clear(fault))
    }
}
