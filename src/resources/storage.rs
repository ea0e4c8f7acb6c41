//! Resources that are object storage: S3 and what speaks its protocol, Supabase, Azure, Google, or a folder.
//!
//! An object that is put carries one word of metadata, `mediamill`: the hash of its content and of what goes with it. By it
//! a second put of the same is known, and sends nothing; and a get verifies what came.
//!
//! A process that is killed while it sends a large file leaves parts behind that cost money and show in no list. A rule of
//! the bucket's life cycle (`AbortIncompleteMultipartUpload`) clears them away.

mod blame;
mod cloud;
mod content_type;
mod handle;
mod key;
mod local;
mod object;
mod refusal;
mod remote;
mod settings;
mod upload;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Map, Value, json};

pub use handle::Storage;
pub use key::Key;
pub use object::{IfExists, LONGEST_LINK, Link, LinkMethod, Listed, Object, Put, PutOptions, SHORTEST_LINK};
pub(super) use settings::check;
pub use settings::{Settings, StorageProvider};

use self::blame::Blame;
use self::handle::Place;
use self::local::Local;
use self::refusal::NewOnly;
use self::remote::{Figures, Remote};
use self::upload::UnderWay;
use super::filesystem::{Beneath, off_thread};
use super::health::HealthReport;
use super::provider::Provider;
use super::secret::Secrets;
use crate::resilience::{Fault, FaultClass};

/// The secrets of settings in which every `${NAME}` is filled, as far as it could be. They need not fit.
pub(super) fn note_secrets(settings: &Value, secrets: &Secrets) {
    let text = |name: &str| settings.get(name).and_then(Value::as_str);
    ["secret_key", "session_token", "account_key", "sas"]
        .into_iter()
        .filter_map(text)
        .for_each(|secret| secrets.add(secret));
    // The one part of a shared access signature that is secret, whatever the others are mixed with.
    let sas = text("sas").unwrap_or_default();
    for (name, value) in url::form_urlencoded::parse(sas.trim_start_matches('?').as_bytes()) {
        if name == "sig" {
            secrets.add(&value);
        }
    }
    // An address with more than a host and a path is refused, and may hold one.
    let addresses = ["endpoint", "public_url"].into_iter().filter_map(text);
    addresses.filter(|url| url.contains(['@', '?'])).for_each(|url| secrets.add(url));
}

/// The provider.
pub(super) fn open(settings: Settings, secrets: &Secrets) -> Result<Storages, Fault> {
    let misfit = |why: String| Fault::new(FaultClass::Dependency, "settings", secrets.redact(&why).into_owned());
    check(&settings).map_err(misfit)?;
    let public_url = settings.public_url().map_err(misfit)?;
    let prefix = settings.prefix().map_err(misfit)?;
    let place = match settings.provider {
        StorageProvider::Local => Place::Local(Local { folder: settings.folder.clone().unwrap_or_default(), prefix }),
        _ => {
            let new_only = NewOnly::default();
            let (cloud, address) = cloud::connect(&settings, secrets, &new_only)?;
            let blame = Blame {
                bucket: settings.bucket.clone().unwrap_or_default(),
                host: address.host_str().unwrap_or_default().to_owned(),
                secrets: secrets.clone(),
            };
            Place::Remote(Remote {
                cloud,
                address,
                prefix,
                part: settings.part_bytes().map_err(misfit)?,
                signs: settings.sas.is_none(),
                blame,
                new_only,
                figures: Figures::default(),
                under_way: UnderWay::default(),
            })
        }
    };
    let storage = Storage { place: Arc::new(place), public_url };
    Ok(Storages { storage, check_writes: settings.check_writes })
}

/// Hands out one storage. Its handles share the connections and cost nothing.
#[derive(Debug)]
pub struct Storages {
    storage: Storage,
    check_writes: bool,
}

impl Storages {
    /// Puts a small object and deletes it.
    async fn probe(&self) -> Result<(), Fault> {
        let made = off_thread(|| {
            let failed = |error| Fault::from_io("cannot make a temporary file", &error);
            let file = tempfile::NamedTempFile::new().map_err(failed)?;
            // Another content each time: the same would not be sent.
            std::fs::write(file.path(), jiff::Timestamp::now().to_string()).map_err(failed)?;
            Ok(file)
        });
        let file = made.await?;
        let key = Key::parse(format!(".mediamill-probe-{}", std::process::id()))?;
        self.storage.put(&key, file.path(), &PutOptions::default()).await?;
        self.storage.delete(&key).await
    }
}

impl Provider for Storages {
    type Handle = Storage;

    async fn create(&self) -> Result<Storage, Fault> {
        Ok(self.storage.clone())
    }

    /// Waits until no part of an upload that was given up is left.
    async fn close(&self, _handle: Storage) {
        if let Place::Remote(remote) = &*self.storage.place {
            remote.under_way.wait().await;
        }
    }

    async fn check(&self) -> Result<HealthReport, Fault> {
        let where_it_is = match &*self.storage.place {
            Place::Remote(remote) => format!("the bucket '{}' at {}", remote.blame.bucket, remote.blame.host),
            Place::Local(local) => {
                let folder = local.folder.clone();
                off_thread(move || Beneath::open(&folder)?.probe()).await?;
                return Ok(HealthReport::healthy(format!("{} can be written", local.folder.display())));
            }
        };
        let listed = self.storage.list(None, 1).await;
        match listed {
            // Names that others gave and that we would not are no trouble of the service.
            Err(fault) if fault.cause != "path" && !(fault.cause == "access" && self.check_writes) => {
                return Err(match fault.cause.as_str() {
                    "access" => fault.with_hint(
                        "the key may not list the bucket: allow it, or set `check_writes` to true where it only writes",
                    ),
                    _ => fault,
                });
            }
            _ => {}
        }
        if self.check_writes {
            self.probe().await?;
            return Ok(HealthReport::healthy(format!("{where_it_is} can be written")));
        }
        Ok(HealthReport::healthy(format!("{where_it_is} can be listed")))
    }

    fn figures(&self) -> Map<String, Value> {
        let mut told = Map::new();
        if let Place::Remote(remote) = &*self.storage.place {
            let count = |figure: &std::sync::atomic::AtomicU64| json!(figure.load(Ordering::Relaxed));
            told.insert("bytes_sent".into(), count(&remote.figures.sent));
            told.insert("bytes_fetched".into(), count(&remote.figures.fetched));
            told.insert("downloads_resumed".into(), count(&remote.figures.resumed));
        }
        told
    }
}
