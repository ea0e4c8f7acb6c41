//! What is put, and what is known of what lies there.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use object_store::{Attribute, Attributes};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::content_type;
use super::key::Key;
use crate::resilience::hash::hash_bytes;

/// What to do where an object of this key is there already, and is not the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfExists {
    /// It is replaced. One that we put before, with the same content, type and metadata, is left as it is.
    #[default]
    Overwrite,
    /// It is left as it is, whatever it holds.
    Skip,
    /// An input fault `exists`, unless it is what we put before. The service is told to refuse what comes in between, and a
    /// folder does. Azure and Google cannot be told it of a file that is sent in parts: there it is looked for just before
    /// the parts become an object, and what comes in that moment is replaced.
    Fail,
}

/// What goes with the content of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// The media type; by the ending of the key where nothing is said.
    pub content_type: Option<String>,
    /// How long others may keep it: RFC 9111, section 5.2, such as `public, max-age=3600`.
    pub cache_control: Option<String>,
    /// The user's own words, by name: ASCII, as headers are.
    pub metadata: BTreeMap<String, String>,
    /// What to do where it is there already.
    pub if_exists: IfExists,
}

/// The metadata by which an object that we put is known: the hash of its content (BLAKE3, 128 bits), and that of what goes
/// with it.
const MARK: &str = "mediamill";

impl PutOptions {
    /// The type of an object of this key.
    pub(super) fn content_type_of(&self, key: &Key) -> Option<String> {
        self.content_type.clone().or_else(|| content_type::of_name(key.as_str()).map(str::to_owned))
    }

    /// The mark of an object with a content of this hash.
    pub(super) fn mark(&self, key: &Key, content: &str) -> String {
        let about = json!([self.content_type_of(key), self.cache_control, self.metadata]).to_string();
        format!("{content}-{}", hash_bytes(about.as_bytes()))
    }

    pub(super) fn attributes(&self, key: &Key, mark: String) -> Attributes {
        let mut attributes = Attributes::new();
        if let Some(content_type) = self.content_type_of(key) {
            attributes.insert(Attribute::ContentType, content_type.into());
        }
        if let Some(cache_control) = &self.cache_control {
            attributes.insert(Attribute::CacheControl, cache_control.clone().into());
        }
        for (name, value) in &self.metadata {
            attributes.insert(Attribute::Metadata(name.to_lowercase().into()), value.clone().into());
        }
        attributes.insert(Attribute::Metadata(MARK.into()), mark.into());
        attributes
    }
}

/// What is known of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// Bytes.
    pub size: u64,
    /// The service's word for this version of it; a folder has none.
    pub etag: Option<String>,
    /// The media type; a folder keeps none.
    pub content_type: Option<String>,
    /// How long others may keep it.
    pub cache_control: Option<String>,
    /// The user's own words, by name.
    pub metadata: BTreeMap<String, String>,
    /// The mark, where we put it.
    pub(super) mark: Option<String>,
}

impl Object {
    pub(super) fn of(meta: &object_store::ObjectMeta, attributes: &Attributes) -> Self {
        let mut object = Self { size: meta.size, etag: meta.e_tag.clone(), ..Self::default() };
        for (attribute, value) in attributes {
            let value = value.as_ref().to_owned();
            match attribute {
                Attribute::ContentType => object.content_type = Some(value),
                Attribute::CacheControl => object.cache_control = Some(value),
                Attribute::Metadata(name) if name == MARK => object.mark = Some(value),
                Attribute::Metadata(name) => {
                    object.metadata.insert(name.clone().into_owned(), value);
                }
                _ => {}
            }
        }
        object
    }

    /// The hash of the content, where we put it.
    pub(super) fn content_hash(&self) -> Option<&str> {
        Some(self.mark.as_deref()?.split_once('-')?.0)
    }
}

/// What came of a put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// Bytes of the object.
    pub size: u64,
    /// The service's word for this version of it; a folder has none.
    pub etag: Option<String>,
    /// It was there already, and nothing was sent.
    pub skipped: bool,
}

/// An object of a list.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Its key below the prefix of the storage, as the service tells it.
    pub key: String,
    /// Bytes.
    pub size: u64,
}

/// What a signed link allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkMethod {
    /// To fetch the object.
    #[default]
    Get,
    /// To write it.
    Put,
}

/// A link that works without a key, for as long as it lasts: who has it may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Link {
    /// The address. It holds the signature.
    pub url: Url,
    /// When it ends; nothing where it does not, as that of a folder behind a web server.
    pub expires: Option<Timestamp>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// The shortest life of a link that a step signs.
pub const SHORTEST_LINK: Duration = Duration::from_secs(3600);
/// The longest that Amazon S3 and Google sign a link for: Signature Version 4, query parameters.
pub const LONGEST_LINK: Duration = Duration::from_secs(7 * 86_400);
