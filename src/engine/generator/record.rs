//! What the items of the last run came from: tells that a run goes on with others.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Generator;
use crate::resilience::store::write_whole;

/// The file's name, in the pipeline's folder of the state.
const FILE: &str = "generate.json";
const VERSION: u32 = 1;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    version: u32,
    seed: u64,
    /// The weight of each spec, by its name.
    specs: BTreeMap<String, u64>,
}

impl Generator {
    /// Notes in `folder` what the items come from. What changed since the last run, for a person.
    #[must_use]
    pub fn change_since_last_run(&self, folder: &Path) -> Option<String> {
        let specs = self.generate.specs.iter().map(|spec| (spec.name.clone(), spec.weight)).collect();
        let now = Record { version: VERSION, seed: self.seed, specs };
        let path = folder.join(FILE);
        let read = std::fs::read(&path).ok().and_then(|json| serde_json::from_slice::<Record>(&json).ok());
        let before = read.filter(|record| record.version == VERSION);
        if before.as_ref() == Some(&now) {
            return None;
        }
        // Where it cannot be written, the next run tells less.
        let _ = serde_json::to_vec(&now).map(|json| write_whole(&path, &json, false));
        let before = before?;
        let what = if before.seed == now.seed {
            "the specs or their shares are others than in the last run".to_owned()
        } else {
            format!("the seed is {}, and was {} in the last run", now.seed, before.seed)
        };
        Some(format!("{what}: items whose values that changes are made again"))
    }
}
