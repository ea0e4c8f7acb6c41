//! Resources that are folders: files below one folder that nothing leads out of.

mod beneath;
mod blocking;
mod folder;

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

pub use beneath::{Beneath, Entry, Relative};
pub use blocking::off_thread;
pub use folder::Folder;

use super::health::HealthReport;
use super::provider::Provider;
use crate::resilience::{Fault, FaultClass};

/// The settings of a folder.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The folder. All paths lie below it; it is made where it is missing. A relative one begins where mediamill was
    /// started.
    pub base_path: PathBuf,
    /// Where temporary files are made: `base_path` where nothing is said.
    #[serde(default)]
    pub temp_dir: Option<PathBuf>,
    /// Removes the temporary files of a lease when it ends.
    #[serde(default = "auto_cleanup")]
    pub auto_cleanup: bool,
}

const fn auto_cleanup() -> bool {
    true
}

/// What is wrong with the settings, before any `${NAME}` is filled.
pub(super) fn check(settings: &Settings) -> Result<(), String> {
    let empty = |path: &PathBuf| path.as_os_str().is_empty();
    if empty(&settings.base_path) {
        return Err("`base_path` is empty: it names a folder".to_owned());
    }
    if settings.temp_dir.as_ref().is_some_and(empty) {
        return Err("`temp_dir` is empty: leave it out, or name a folder".to_owned());
    }
    Ok(())
}

/// The provider.
pub(super) fn open(settings: Settings) -> Result<Folders, Fault> {
    check(&settings).map_err(|why| Fault::new(FaultClass::Dependency, "settings", why))?;
    Ok(Folders { settings })
}

/// Hands out a folder. Its handles cost nothing but two descriptors.
#[derive(Debug)]
pub struct Folders {
    settings: Settings,
}

impl Folders {
    /// The folder, and where its temporary files are made.
    async fn folders(&self) -> Result<(Beneath, Beneath), Fault> {
        let Settings { base_path, temp_dir, .. } = self.settings.clone();
        off_thread(move || {
            let base = Beneath::open(&base_path)?;
            let temp = match temp_dir {
                Some(temp_dir) => Beneath::open(&temp_dir)?,
                None => Beneath::open(&base_path)?,
            };
            Ok((base, temp))
        })
        .await
    }
}

impl Provider for Folders {
    type Handle = Folder;

    async fn create(&self) -> Result<Folder, Fault> {
        let (base, temp) = self.folders().await?;
        Ok(Folder::new(base, temp, self.settings.auto_cleanup))
    }

    /// A folder that was replaced since then is opened anew.
    async fn validate(&self, handle: &Folder) -> bool {
        handle.is_still_there().await
    }

    /// One with temporary files ends with its lease, and they with it.
    fn is_reusable(&self, handle: &Folder) -> bool {
        !handle.has_temporary_files()
    }

    async fn check(&self) -> Result<HealthReport, Fault> {
        let (base, temp) = self.folders().await?;
        off_thread(move || {
            base.probe()?;
            temp.probe()?;
            let free = base.free_bytes().map_or(String::new(), |free| format!(", {} MB free", free / 1_000_000));
            Ok(HealthReport::healthy(format!("{} can be written{free}", base.path().display())))
        })
        .await
    }
}
