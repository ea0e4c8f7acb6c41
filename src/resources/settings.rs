//! Resources as a pipeline names them: `[resources.NAME]` with a `kind`, and the settings of that kind.

use schemars::Schema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{Operation, ResourceError};
use super::fixed::Fixed;
use super::manager::Manager;
use super::pool::PoolSettings;
use super::secret::{self, Secrets};
use super::{database, filesystem, http, llm, storage};
use crate::resilience::{Fault, FaultClass};

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A database: PostgreSQL, MySQL, SQLite, or one in memory.
    Database,
    /// A folder that nothing leads out of.
    Filesystem,
    /// A service that speaks HTTP.
    Http,
    /// A language model behind an HTTP service.
    Llm,
    /// Objects in buckets: S3, Azure, GCS, or a folder.
    Storage,
    /// Data that stands in the pipeline.
    Static,
}

impl ResourceKind {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Database, Self::Filesystem, Self::Http, Self::Llm, Self::Storage, Self::Static];

    /// The kind as files and screens write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Filesystem => "filesystem",
            Self::Http => "http",
            Self::Llm => "llm",
            Self::Storage => "storage",
            Self::Static => "static",
        }
    }

    /// The JSON schema of its settings.
    #[must_use]
    pub fn schema(self) -> Schema {
        match self {
            Self::Database => schemars::schema_for!(database::Settings),
            Self::Filesystem => schemars::schema_for!(filesystem::Settings),
            Self::Http => schemars::schema_for!(http::Settings),
            Self::Llm => schemars::schema_for!(llm::Settings),
            Self::Storage => schemars::schema_for!(storage::Settings),
            Self::Static => schemars::schema_for!(Static),
        }
    }

    /// What is wrong with settings of it, before any `${NAME}` is filled.
    ///
    /// # Errors
    /// What is wrong: a fragment.
    pub fn check(self, settings: &Value) -> Result<(), String> {
        match self {
            Self::Database => database::check(&read(settings)?),
            Self::Filesystem => filesystem::check(&read(settings)?),
            Self::Http => http::check(&read(settings)?),
            Self::Llm => llm::check(&read(settings)?),
            Self::Storage => storage::check(&read(settings)?),
            Self::Static => read::<Static>(settings).map(drop),
        }
    }

    /// Those of its settings that make no other result: who asks, how often, and how long is waited.
    #[must_use]
    pub const fn policy(self) -> &'static [&'static str] {
        match self {
            Self::Database => &["user", "password", "connect_timeout", "statement_timeout", "tls"],
            Self::Filesystem => &["temp_dir", "auto_cleanup"],
            Self::Http => &[
                "auth",
                "signing_secret",
                "timeout",
                "connect_timeout",
                "rate",
                "max_response",
                "ca_file",
                "proxy",
                "health",
            ],
            Self::Llm => &["api_key", "requests_per_minute", "tokens_per_minute", "timeout", "budget_tokens"],
            Self::Storage => &[
                "access_key",
                "secret_key",
                "session_token",
                "account_key",
                "sas",
                "service_account",
                "timeout",
                "part_size",
                "check_writes",
            ],
            Self::Static => &[],
        }
    }

    /// The pool that it has where the pipeline says nothing: handles that cost nothing are not kept ready.
    #[must_use]
    pub fn pool(self) -> PoolSettings {
        match self {
            Self::Database => PoolSettings::default(),
            _ => PoolSettings { min_size: 0, ..PoolSettings::default() },
        }
    }
}

/// The settings of a resource of data.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Static {
    /// The data: any table.
    pub data: serde_json::Map<String, Value>,
}

/// A resource that a pipeline names.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceSpec {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
    /// How many handles it has.
    pub pool: PoolSettings,
    /// The settings of its kind, with `${NAME}` as it is written.
    pub settings: Value,
}

/// Makes the resource known to `manager`. Every `${NAME}` is filled from `variable`, and is a secret from then on.
///
/// # Errors
/// That a variable is not set, or that a setting does not fit.
pub fn register(
    manager: &Manager,
    spec: &ResourceSpec,
    variable: &dyn Fn(&str) -> Option<String>,
    secrets: &Secrets,
) -> Result<(), ResourceError> {
    let wrong = |fault: Fault| ResourceError::new(&spec.name, Operation::Register, fault);
    let settings = secret::fill(&spec.settings, variable, secrets).map_err(|unset| {
        let hint = format!("set it before the run: export {}=...", unset.0);
        wrong(Fault::new(FaultClass::Dependency, "variable", unset.to_string()).with_hint(hint))
    })?;
    // What a value of the environment does to a setting must not show the value.
    let misfit = |why: String| wrong(Fault::new(FaultClass::Dependency, "settings", secrets.redact(&why)));
    let (name, pool) = (spec.name.as_str(), spec.pool);
    match spec.kind {
        ResourceKind::Database => {
            let provider = database::open(read(&settings).map_err(misfit)?, secrets).map_err(wrong)?;
            manager.register(name, provider, pool)
        }
        ResourceKind::Filesystem => {
            let provider = filesystem::open(read(&settings).map_err(misfit)?).map_err(wrong)?;
            manager.register(name, provider, pool)
        }
        ResourceKind::Http => {
            let provider = http::open(read(&settings).map_err(misfit)?, secrets).map_err(wrong)?;
            manager.register(name, provider, pool)
        }
        ResourceKind::Llm => {
            let provider = llm::open(read(&settings).map_err(misfit)?, secrets).map_err(wrong)?;
            manager.register(name, provider, pool)
        }
        ResourceKind::Storage => {
            let provider = storage::open(read(&settings).map_err(misfit)?, secrets).map_err(wrong)?;
            manager.register(name, provider, pool)
        }
        ResourceKind::Static => {
            let settings: Static = read(&settings).map_err(misfit)?;
            manager.register(name, Fixed::new(Value::Object(settings.data)), pool)
        }
    }
}

fn read<T: DeserializeOwned>(settings: &Value) -> Result<T, String> {
    T::deserialize(settings).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_other_result_is_among_the_settings() {
        for kind in ResourceKind::ALL {
            let schema = kind.schema();
            for name in kind.policy() {
                assert!(schema.pointer(&format!("/properties/{name}")).is_some(), "{}: {name}", kind.word());
            }
        }
    }
}
