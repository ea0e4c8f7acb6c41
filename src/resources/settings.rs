//! Resources as a pipeline names them: `[resources.NAME]` with a `kind`, and the settings of that kind.

use schemars::Schema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{Operation, ResourceError};
use super::fixed::Fixed;
use super::manager::Manager;
use super::pool::PoolSettings;
use super::secret::{self, Disclosure, Secrets};
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

    /// The secrets of settings of it are known to `secrets` from now on, also those that no variable has filled. The settings
    /// need not fit, nor be complete.
    fn note_secrets(self, settings: &Value, secrets: &Secrets) {
        match self {
            Self::Database => database::note_secrets(settings, secrets),
            Self::Http => http::note_secrets(settings, secrets),
            Self::Llm => llm::note_secrets(settings, secrets),
            Self::Storage => storage::note_secrets(settings, secrets),
            Self::Filesystem | Self::Static => {}
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

    /// Those of its settings that hold addresses and names: what a `${NAME}` in them stands for is no secret. Dots reach into
    /// tables, and what is below one that is named is named too.
    #[must_use]
    pub const fn plain(self) -> &'static [&'static str] {
        match self {
            Self::Database => {
                &["backend", "host", "port", "database", "user", "path", "connect_timeout", "statement_timeout", "tls"]
            }
            Self::Filesystem => &["base_path", "temp_dir"],
            Self::Http => &[
                "timeout",
                "connect_timeout",
                "health.method",
                "health.expect",
                "allow_hosts",
                "ca_file",
                "auth.kind",
                "auth.header",
            ],
            Self::Llm => &["provider", "model", "timeout"],
            // Neither address may hold a user, a password or a query.
            Self::Storage => &[
                "provider",
                "bucket",
                "region",
                "endpoint",
                "access_key",
                "account",
                "service_account",
                "folder",
                "prefix",
                "public_url",
                "timeout",
                "part_size",
            ],
            Self::Static => &[],
        }
    }

    /// The headers whose values are no secrets, in small letters.
    #[must_use]
    pub const fn plain_headers(self) -> &'static [&'static str] {
        match self {
            Self::Http => http::PLAIN_HEADERS,
            _ => &[],
        }
    }

    /// Those of its settings that are URLs: scheme, host and port are no secret.
    #[must_use]
    pub const fn addresses(self) -> &'static [&'static str] {
        match self {
            Self::Database => &["url", "connection", "connection_string"],
            Self::Http => &["base_url", "proxy"],
            Self::Llm => &["base_url"],
            Self::Filesystem | Self::Storage | Self::Static => &[],
        }
    }

    /// What a `${NAME}` in the setting at `keys` fills in, where the settings are `settings`.
    #[must_use]
    pub fn disclosure(self, keys: &[&str], settings: &Value) -> Disclosure {
        let path = keys.join(".");
        let is_in = |names: &[&str]| {
            let leads_to =
                |name: &&str| path.strip_prefix(*name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            names.iter().any(leads_to)
        };
        let text = keys.iter().try_fold(settings, |value, key| value.get(key)).and_then(Value::as_str);
        match (self, keys) {
            (Self::Http, ["headers", name]) if http::is_plain_header(name) => Disclosure::Plain,
            // A user without a password is often a key.
            (Self::Http, ["auth", "user"]) if settings.pointer("/auth/password").is_some_and(|word| word != "") => {
                Disclosure::Plain
            }
            // What follows is a path.
            (Self::Database, ["url" | "connection" | "connection_string"])
                if text.is_some_and(|text| text.starts_with("sqlite:")) =>
            {
                Disclosure::Plain
            }
            _ if is_in(self.plain()) => Disclosure::Plain,
            _ if is_in(self.addresses()) => Disclosure::Address,
            _ => Disclosure::Secret,
        }
    }

    /// The pool that it has where the pipeline says nothing: handles that cost nothing are not kept ready.
    #[must_use]
    pub fn pool(self) -> PoolSettings {
        let least = PoolSettings { min_size: 0, ..PoolSettings::default() };
        match self {
            Self::Database => PoolSettings::default(),
            // Nobody else is spared by a wait: no task waits for data or for a folder.
            Self::Filesystem | Self::Static => PoolSettings { max_size: FREE_HANDLES, ..least },
            Self::Http | Self::Llm | Self::Storage => least,
        }
    }
}

/// The handles of a resource that costs nothing: more than a machine runs tasks at the same time.
const FREE_HANDLES: u32 = 1024;

/// The settings of a resource of data.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Static {
    /// The data: any table. `{resources.NAME.key}` stands for a part of it wherever a step takes placeholders; dots reach into
    /// tables, and numbers from 0 into lists. What holds a `${NAME}` of the environment is a secret, and cannot be read so.
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

impl ResourceSpec {
    /// The settings with every `${NAME}` filled from `variable`. What is no address and no name is a secret from then on, and so
    /// is every secret that stands in the settings as it is, whatever else is wrong with them.
    ///
    /// # Errors
    /// The first variable that is not set.
    pub fn filled(
        &self,
        variable: &dyn Fn(&str) -> Option<String>,
        secrets: &Secrets,
    ) -> Result<Value, secret::UnsetVariable> {
        let disclosure = |keys: &[&str]| self.kind.disclosure(keys, &self.settings);
        let filled = secret::fill(&self.settings, variable, &disclosure, secrets);
        self.kind.note_secrets(&filled.settings, secrets);
        filled.unset.map_or(Ok(filled.settings), Err)
    }
}

/// Makes the resource known to `manager`. Every `${NAME}` is filled from `variable`. What it stands for is a secret from then
/// on, but for addresses and names ([`ResourceKind::disclosure`]).
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
    let settings = spec.filled(variable, secrets).map_err(|unset| {
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
    use serde_json::json;

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

    #[test]
    fn what_is_told_openly_is_among_the_settings() {
        for kind in ResourceKind::ALL {
            let schema = kind.schema();
            let properties = schema.pointer("/properties").and_then(Value::as_object);
            let alias = |name: &str| {
                properties.into_iter().flat_map(|all| all.values()).any(|property| {
                    property
                        .pointer("/x-aliases")
                        .and_then(Value::as_array)
                        .is_some_and(|all| all.iter().any(|one| one == name))
                })
            };
            for name in kind.plain().iter().chain(kind.addresses()) {
                let top = name.split('.').next().unwrap_or_default();
                let is_there = properties.is_some_and(|all| all.contains_key(top)) || alias(name);
                assert!(is_there, "{}: {name}", kind.word());
            }
        }
    }

    #[test]
    fn secrets_that_stand_in_the_settings_are_known_whatever_else_is_wrong() {
        let told = |kind: ResourceKind, settings: Value, text: &str| {
            let spec = ResourceSpec { name: "r".to_owned(), kind, pool: kind.pool(), settings };
            let variable = |name: &str| match name {
                "HOOK" => Some("https://me:gorilla@h/services/T0AB/x1Y2z3W4".to_owned()),
                "DSN" => Some("postgres://me:gorilla@h/songs".to_owned()),
                _ => None,
            };
            let secrets = Secrets::default();
            let filled = spec.filled(&variable, &secrets);
            (secrets.redact(text).into_owned(), filled.is_err())
        };
        let hidden = "[redacted]".to_owned();
        let (database, http) = (ResourceKind::Database, ResourceKind::Http);
        for name in ["url", "connection", "connection_string"] {
            let settings = json!({ "backend": "postgresql", name: "${DSN}", "timeout": "${LOST}" });
            assert_eq!(told(database, settings, "gorilla"), (hidden.clone(), true), "{name}");
        }
        for (kind, settings) in [
            (database, json!({ "password": "gorilla" })),
            (database, json!({ "url": "mysql://me:gorilla@h/songs" })),
            (http, json!({ "base_url": "${HOOK}" })),
            (http, json!({ "headers": { "X-Key": "gorilla", "X-Other": 3 } })),
            (http, json!({ "auth": { "kind": "bearer", "token": "gorilla" } })),
            (http, json!({ "proxy": "http://me:gorilla@p" })),
            (ResourceKind::Llm, json!({ "api_key": " gorilla " })),
            (ResourceKind::Llm, json!({ "base_url": "http://me:gorilla@h/v1" })),
            (ResourceKind::Storage, json!({ "secret_key": "gorilla" })),
            (ResourceKind::Storage, json!({ "sas": "sv=1&sig=gorilla" })),
        ] {
            assert_eq!(told(kind, settings.clone(), "gorilla"), (hidden.clone(), false), "{settings}");
        }
        let unset = json!({ "auth": { "kind": "basic", "user": "miller", "password": "${LOST}" } });
        assert_eq!(told(http, unset, "miller"), ("miller".to_owned(), true));
        assert_eq!(
            told(http, json!({ "base_url": "${HOOK}" }), "/services/T0AB/x1Y2z3W4"),
            (format!("/{hidden}"), false)
        );
    }

    #[test]
    fn addresses_and_names_are_plain_and_all_else_is_secret() {
        let told = |kind: ResourceKind, settings: Value| {
            let secrets = Secrets::default();
            let variable = |name: &str| Some(format!("value-{name}"));
            let disclosure = |keys: &[&str]| kind.disclosure(keys, &settings);
            secret::fill(&settings, &variable, &disclosure, &secrets);
            secrets.redact("value-A value-B value-C value-D").into_owned()
        };
        let hidden = "[redacted]";
        let all = "value-A value-B value-C value-D".to_owned();
        let (database, http) = (ResourceKind::Database, ResourceKind::Http);
        let parts = json!({ "host": "${A}", "user": "${B}", "database": "${C}", "password": "${D}" });
        assert_eq!(told(database, parts), all.replace("value-D", hidden));
        assert_eq!(told(database, json!({ "url": "sqlite:${A}/x.db" })), all);
        let url = json!({ "connection_string": "mysql://${A}:${B}@${C}/${D}" });
        assert_eq!(told(database, url), format!("{hidden} {hidden} value-C {hidden}"));
        let base = json!({ "base_url": "http://${A}:80/${B}", "headers": { "X-Key": "${C}", "User-Agent": "${D}" } });
        assert_eq!(told(http, base), format!("value-A {hidden} {hidden} value-D"));
        let health = json!({ "health": { "path": "${A}", "method": "${B}" }, "headers": { "Referer": "${C}", "Origin": "${D}" } });
        assert_eq!(told(http, health), format!("{hidden} value-B {hidden} {hidden}"));
        let basic = |password: &str| json!({ "auth": { "kind": "basic", "user": "${A}", "password": password } });
        assert_eq!(told(http, basic("${B}")), all.replace("value-B", hidden));
        assert_eq!(told(http, basic("")), all.replace("value-A", hidden));
        assert_eq!(
            told(http, json!({ "allow_hosts": ["${A}"], "signing_secret": "${B}" })),
            all.replace("value-B", hidden)
        );
        let storage = json!({ "endpoint": "${A}", "prefix": "${B}", "access_key": "${C}", "secret_key": "${D}" });
        assert_eq!(told(ResourceKind::Storage, storage), all.replace("value-D", hidden));
        assert_eq!(told(ResourceKind::Filesystem, json!({ "base_path": "${A}/${B}" })), all);
        assert_eq!(told(ResourceKind::Static, json!({ "data": { "host": "${A}" } })), all.replace("value-A", hidden));
        let model = json!({ "model": "${A}", "api_key": "${B}", "base_url": "${C}" });
        assert_eq!(told(ResourceKind::Llm, model), format!("value-A {hidden} {hidden} value-D"));
    }
}
