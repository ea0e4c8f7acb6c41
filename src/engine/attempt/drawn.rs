//! What an attempt was given of the pools.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;

use super::Attempt;
use crate::resilience::checkpoint::Artifact;
use crate::resilience::os_text::OsText;
use crate::resilience::{Fault, FaultClass};

/// The assets of an attempt, by the names of their pools.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// An empty path where a pool has none.
    pub(super) paths: IndexMap<String, PathBuf>,
    /// As they are now.
    pub(super) files: IndexMap<String, Artifact>,
}

impl Attempt<'_> {
    /// Looks at the assets that were drawn. One that cannot be read is to blame itself, whatever the step wants of it.
    pub(super) fn look_at_drawn(&self) -> Result<Drawn, Fault> {
        let mut drawn = Drawn::default();
        let pools = &self.workshop.context.pools;
        for pool in self.step.pools.iter().filter_map(|place| pools.get(*place)) {
            drawn.paths.insert(pool.spec.name.clone(), PathBuf::new());
        }
        for draw in &self.task.draws {
            let Some(pool) = pools.get(draw.pool as usize) else { continue };
            let Some(asset) = pool.assets.get(draw.asset as usize) else { continue };
            let file = pool.content(draw.asset).map_err(|error| {
                let fault = Fault::from_io("it cannot be read", &error);
                match fault.class {
                    FaultClass::Input => Fault::asset(&asset.path, fault.cause, fault.message),
                    _ => fault,
                }
            })?;
            drawn.paths.insert(pool.spec.name.clone(), asset.path.clone());
            drawn.files.insert(pool.spec.name.clone(), file);
        }
        Ok(drawn)
    }

    /// The fault with the path of the file that it blames as an asset, where that was not drawn: nobody else knows it.
    pub(super) fn naming(&self, fault: Fault) -> Fault {
        let paths = &self.drawn.paths;
        let is_drawn = |asset: &OsText| {
            paths.iter().any(|(pool, path)| path == asset.as_path() || asset.as_path() == Path::new(pool))
        };
        match &fault.asset {
            Some(asset) if fault.class == FaultClass::Asset && !is_drawn(asset) => {
                let message = format!("{}: {}", asset.as_path().display(), fault.message);
                Fault { message, ..fault }
            }
            _ => fault,
        }
    }
}
