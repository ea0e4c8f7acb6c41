//! One owner's hold of object storage.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::key::Key;
use super::local::Local;
use super::object::{Link, LinkMethod, Listed, Object, Put, PutOptions};
use super::remote::Remote;
use crate::resilience::{Fault, FaultClass};

/// Where the objects are.
pub(super) enum Place {
    Remote(Remote),
    Local(Local),
}

/// Object storage: a bucket, or a folder. All keys lie below the prefix of its settings.
///
/// Faults: no such bucket, no access, wrong keys and an address that cannot be reached are the service's
/// ([`Dependency`](FaultClass)); 429, 5xx, timeouts and lost connections pass ([`Transient`](FaultClass)); a key that
/// leads out, and an object that is not there, are the [`Input`](FaultClass)'s.
#[derive(Clone)]
pub struct Storage {
    pub(super) place: Arc<Place>,
    pub(super) public_url: Option<Url>,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").finish_non_exhaustive()
    }
}

impl Storage {
    /// Puts the file `from` there as the object `key`. A large file is sent in parts; where the future is dropped or
    /// fails, they are taken away again. An object is there whole or not at all.
    ///
    /// # Errors
    /// Those of the service and of the disk; an input fault `exists` where that is asked for.
    pub async fn put(&self, key: &Key, from: &Path, options: &PutOptions) -> Result<Put, Fault> {
        match &*self.place {
            Place::Remote(remote) => remote.put(key, from, options).await,
            Place::Local(local) => local.put(key, from, options).await,
        }
    }

    /// Writes the object `key` into the file `to`. A connection that is lost on the way is taken up where it broke, if
    /// the object is still the same. The length is verified, and the checksum where we put the object.
    ///
    /// # Errors
    /// An input fault `no-object`; those of the service and of the disk.
    pub async fn get(&self, key: &Key, to: &Path) -> Result<Object, Fault> {
        match &*self.place {
            Place::Remote(remote) => remote.get(key, to).await,
            Place::Local(local) => local.get(key, to).await,
        }
    }

    /// What is known of the object `key`; nothing where there is none.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn head(&self, key: &Key) -> Result<Option<Object>, Fault> {
        match &*self.place {
            Place::Remote(remote) => remote.look(key).await,
            Place::Local(local) => local.look(key).await,
        }
    }

    /// Deletes the object `key`. Where there is none, nothing happens.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn delete(&self, key: &Key) -> Result<(), Fault> {
        match &*self.place {
            Place::Remote(remote) => remote.delete(key).await,
            Place::Local(local) => local.delete(key).await,
        }
    }

    /// The objects below `below`, or below the prefix: at most `limit`.
    ///
    /// # Errors
    /// Those of the service.
    pub async fn list(&self, below: Option<&Key>, limit: usize) -> Result<Vec<Listed>, Fault> {
        match &*self.place {
            Place::Remote(remote) => remote.list(below, limit).await,
            Place::Local(local) => local.list(below, limit).await,
        }
    }

    /// A link to the object `key` that needs no key of the storage, for as long as it `lasts`. Whether there is an object
    /// is not looked at. A folder has none of its own: it gives its `public_url`, which does not end.
    ///
    /// # Errors
    /// A dependency fault `cannot-sign`; those of the service.
    pub async fn sign(&self, method: LinkMethod, key: &Key, lasts: Duration) -> Result<Link, Fault> {
        match &*self.place {
            Place::Remote(remote) => remote.sign(method, key, lasts).await,
            Place::Local(_) if self.public_url.is_some() && method == LinkMethod::Get => {
                Ok(Link { url: self.url(key)?, expires: None })
            }
            Place::Local(_) => {
                let message = format!("cannot sign a link to '{key}': a folder signs nothing");
                Err(Fault::new(FaultClass::Dependency, "cannot-sign", message)
                    .with_hint("set `public_url` to where a web server shows the folder; its links have no end"))
            }
        }
    }

    /// Where the object `key` is, without a secret: below `public_url` where that is set, and else at the service, for
    /// those who have the key.
    ///
    /// # Errors
    /// An input fault `path`: key and prefix together are too long.
    pub fn url(&self, key: &Key) -> Result<Url, Fault> {
        let (base, prefix) = match (&*self.place, &self.public_url) {
            (Place::Remote(remote), Some(public)) => (public, remote.full(key)?),
            (Place::Remote(remote), None) => (&remote.address, remote.full(key)?),
            (Place::Local(local), Some(public)) => (public, local.full(key)?),
            (Place::Local(local), None) => return local.url(key),
        };
        let mut url = base.clone();
        if let Ok(mut parts) = url.path_segments_mut() {
            parts.pop_if_empty().extend(prefix.as_str().split('/'));
        }
        // Some read a plus as a space.
        let path = url.path().replace('+', "%2B");
        url.set_path(&path);
        Ok(url)
    }
}
