//! The settings of object storage.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::key::Key;
use super::object::LinkMethod;
use crate::resilience::quantity::{self, Period};

/// Who keeps the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StorageProvider {
    /// Amazon S3, and what speaks its protocol: MinIO, Cloudflare R2, Backblaze B2, ...
    S3,
    /// Supabase, through its S3 endpoint.
    Supabase,
    /// Azure Blob Storage.
    Azure,
    /// Google Cloud Storage.
    Gcs,
    /// A folder.
    Local,
}

/// The settings of object storage. They hold secrets, and are not shown.
#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who keeps the objects.
    pub provider: StorageProvider,
    /// The bucket; the container of Azure. `local` has none.
    #[serde(default)]
    pub bucket: Option<String>,
    /// The region of `s3` and `supabase`: us-east-1 where nothing is said.
    #[serde(default)]
    pub region: Option<String>,
    /// The address of the service: that of Amazon, Azure or Google where nothing is said. Supabase needs one:
    /// `https://PROJECT.supabase.co/storage/v1/s3`.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The access key id of `s3` and `supabase`.
    #[serde(default)]
    pub access_key: Option<String>,
    /// The secret access key of `s3` and `supabase`. Write it as `${NAME}`.
    #[serde(default)]
    pub secret_key: Option<String>,
    /// The session token that goes with temporary keys of `s3`.
    #[serde(default)]
    pub session_token: Option<String>,
    /// The storage account of `azure`.
    #[serde(default)]
    pub account: Option<String>,
    /// The key of the account of `azure`, in base64. Write it as `${NAME}`.
    #[serde(default)]
    pub account_key: Option<String>,
    /// The shared access signature of `azure`, in place of the key. With it no links can be signed.
    #[serde(default)]
    pub sas: Option<String>,
    /// The JSON file with the key of the service account of `gcs`.
    #[serde(default)]
    pub service_account: Option<PathBuf>,
    /// The folder of `local`; it is made where it is missing.
    #[serde(default)]
    pub folder: Option<PathBuf>,
    /// What the keys of all objects begin with, such as `user_uploads/anna`: nothing outside is read or written.
    #[serde(default)]
    pub prefix: Option<String>,
    /// Where anybody can fetch the objects, without the key: what `url` of a step begins with. For a bucket that is
    /// public, or a web server in front of it.
    #[serde(default)]
    pub public_url: Option<String>,
    /// Allows an `endpoint` that begins with `http://`. Everything that is sent can then be read on the way: only for a
    /// server on this machine or in a network of your own.
    #[serde(default)]
    pub allow_http: bool,
    /// Whether the bucket stands in the path of an address of `s3` (true) or in its host name (false). True where an
    /// `endpoint` is given.
    #[serde(default)]
    pub path_style: Option<bool>,
    /// The longest that one request may go on without an answer, and that an answer may stop. A part of `part_size` is
    /// sent within it. 2 minutes where nothing is said.
    #[serde(default)]
    pub timeout: Option<Period>,
    /// A larger file is sent in parts of this size, four at a time, which are held in memory; what is given up half-way is
    /// taken away again.
    /// 5 MiB to 1 GiB; 8 MiB where nothing is said.
    #[serde(default)]
    pub part_size: Option<String>,
    /// The health check writes a small object and deletes it. For keys that may write and not list.
    #[serde(default)]
    pub check_writes: bool,
}

/// The smallest part that S3 takes, but for the last: Amazon S3 user guide, multipart upload limits.
const SMALLEST_PART: u64 = 5 << 20;
/// A part is held in memory.
const LARGEST_PART: u64 = 1 << 30;
const PART: u64 = 8 << 20;

impl Settings {
    /// The size of a part in bytes.
    pub(super) fn part_bytes(&self) -> Result<u64, String> {
        let Some(text) = &self.part_size else { return Ok(PART) };
        let bytes = quantity::size(text).map_err(|why| format!("`part_size`: {why}"))?;
        if (SMALLEST_PART..=LARGEST_PART).contains(&bytes) {
            return Ok(bytes);
        }
        Err(format!("`part_size` is {text}; it must be between 5MiB and 1GiB"))
    }

    /// Why no link can be signed that allows `method`, and what would help; nothing where it can.
    #[must_use]
    pub fn cannot_sign(&self, method: LinkMethod) -> Option<(&'static str, &'static str)> {
        if self.provider == StorageProvider::Local && (self.public_url.is_none() || method == LinkMethod::Put) {
            return Some((
                "no link can be signed: a folder signs nothing",
                "set `public_url` to where a web server shows the folder; its links have no end, and can fetch alone",
            ));
        }
        self.sas.is_some().then_some((
            "no link can be signed: a shared access signature signs nothing",
            "give the storage an `account_key` in place of `sas`",
        ))
    }

    /// That `endpoint` is Amazon's in another region than `region` says.
    fn elsewhere(&self) -> Result<(), String> {
        let endpoint = self.endpoint.as_deref().and_then(|endpoint| Url::parse(endpoint).ok());
        let host = endpoint.as_ref().and_then(Url::host_str).unwrap_or_default();
        let of_amazon = [".amazonaws.com", ".amazonaws.com.cn"].iter().find_map(|end| host.strip_suffix(end));
        // The bucket may stand before the rest, under a name that could be a region's.
        let bucket = format!("{}.", self.bucket.as_deref().unwrap_or_default());
        let of_service = of_amazon.map(|labels| labels.strip_prefix(&bucket).unwrap_or(labels));
        let Some(there) = of_service.and_then(|labels| labels.rsplit('.').find_map(region_in)) else { return Ok(()) };
        let region = self.region.as_deref().unwrap_or("us-east-1");
        if region.contains("${") || region == there {
            return Ok(());
        }
        let said = if self.region.is_some() { "" } else { ", where nothing is said" };
        Err(format!("`endpoint` is in the region {there}, and `region` is {region}{said}: no signature would be taken"))
    }

    pub(super) fn patience(&self) -> Duration {
        self.timeout.map_or(Duration::from_secs(120), |Period(timeout)| timeout)
    }

    /// The prefix, without slashes around it; nothing where there is none.
    pub(super) fn prefix(&self) -> Result<Option<Key>, String> {
        let Some(prefix) = self.prefix.as_deref().map(|prefix| prefix.strip_suffix('/').unwrap_or(prefix)) else {
            return Ok(None);
        };
        if prefix.is_empty() {
            return Ok(None);
        }
        Key::parse(prefix).map(Some).map_err(|fault| format!("`prefix`: {}", fault.message))
    }

    pub(super) fn endpoint(&self) -> Result<Option<Url>, String> {
        let Some(endpoint) = &self.endpoint else { return Ok(None) };
        let url = web_address("endpoint", endpoint)?;
        if url.scheme() == "http" && !self.allow_http {
            return Err("`endpoint` begins with http://: everything that is sent could be read on the way; \
                        set `allow_http` to true if it is a server of your own"
                .to_owned());
        }
        Ok(Some(url))
    }

    pub(super) fn public_url(&self) -> Result<Option<Url>, String> {
        self.public_url.as_deref().map(|url| web_address("public_url", url)).transpose()
    }
}

/// The region that a part of a host name of Amazon's tells: `eu-west-1`, or `s3-eu-west-1` as it was written once.
fn region_in(label: &str) -> Option<&str> {
    let region = label.strip_prefix("s3-").unwrap_or(label);
    let parts: Vec<&str> = region.split('-').collect();
    let [area, directions @ .., number] = parts.as_slice() else { return None };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_region = area.len() == 2
        && !directions.is_empty()
        && [area].into_iter().chain(directions).all(is_word)
        && number.len() == 1
        && number.bytes().all(|byte| byte.is_ascii_digit());
    is_region.then_some(region)
}

fn web_address(name: &str, text: &str) -> Result<Url, String> {
    // What is wrong with an address that holds a secret must not show it.
    let url = Url::parse(text).map_err(|error| format!("`{name}` is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(format!("`{name}` must begin with https://"));
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{name}` holds more than a host and a path"));
    }
    Ok(url)
}

/// What is wrong with the settings. Before `${NAME}` is filled, what holds one is not looked at.
pub(in crate::resources) fn check(settings: &Settings) -> Result<(), String> {
    use StorageProvider as P;
    let provider = settings.provider;
    let word = match provider {
        P::S3 => "s3",
        P::Supabase => "supabase",
        P::Azure => "azure",
        P::Gcs => "gcs",
        P::Local => "local",
    };
    let is_s3 = matches!(provider, P::S3 | P::Supabase);
    // The setting, whether it is given, whether it is needed, and whether it means something.
    let given = [
        ("bucket", settings.bucket.is_some(), provider != P::Local, provider != P::Local),
        ("region", settings.region.is_some(), false, is_s3),
        ("endpoint", settings.endpoint.is_some(), provider == P::Supabase, provider != P::Local),
        ("access_key", settings.access_key.is_some(), is_s3, is_s3),
        ("secret_key", settings.secret_key.is_some(), is_s3, is_s3),
        ("session_token", settings.session_token.is_some(), false, is_s3),
        ("account", settings.account.is_some(), provider == P::Azure, provider == P::Azure),
        ("account_key", settings.account_key.is_some(), false, provider == P::Azure),
        ("sas", settings.sas.is_some(), false, provider == P::Azure),
        ("service_account", settings.service_account.is_some(), provider == P::Gcs, provider == P::Gcs),
        ("folder", settings.folder.is_some(), provider == P::Local, provider == P::Local),
        ("allow_http", settings.allow_http, false, provider != P::Local),
        ("path_style", settings.path_style.is_some(), false, provider == P::S3),
        ("timeout", settings.timeout.is_some(), false, provider != P::Local),
        ("part_size", settings.part_size.is_some(), false, provider != P::Local),
    ];
    for (name, is_given, is_needed, has_meaning) in given {
        if is_needed && !is_given {
            return Err(match (provider, name) {
                (P::Supabase, "endpoint") => "the provider `supabase` needs an `endpoint`: \
                                              https://PROJECT.supabase.co/storage/v1/s3"
                    .to_owned(),
                _ => format!("the provider `{word}` needs `{name}`"),
            });
        }
        if is_given && !has_meaning {
            return Err(format!("`{name}` means nothing to the provider `{word}`"));
        }
    }
    if provider == P::Azure && settings.account_key.is_some() == settings.sas.is_some() {
        return Err("the provider `azure` needs `account_key` or `sas`: one of them".to_owned());
    }
    let is_filled = |text: &Option<String>| text.as_deref().is_none_or(|text| !text.contains("${"));
    if is_filled(&settings.endpoint) {
        settings.endpoint()?;
        if is_s3 {
            settings.elsewhere()?;
        }
    }
    if is_filled(&settings.public_url) {
        settings.public_url()?;
    }
    if is_filled(&settings.prefix) {
        settings.prefix()?;
    }
    if is_filled(&settings.part_size) {
        settings.part_bytes()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use serde_json::json;

    use super::*;

    #[test]
    fn an_endpoint_of_amazon_is_in_the_region_that_is_said() {
        let told = |endpoint: &str, region: Option<&str>| {
            let mut settings = json!({
                "provider": "s3", "bucket": "my-photos-1", "access_key": "a", "secret_key": "${S}", "endpoint": endpoint,
            });
            if let Some(region) = region {
                settings["region"] = region.into();
            }
            check(&serde_json::from_value(settings).unwrap()).err().unwrap_or_default()
        };
        for (endpoint, region, wanted) in [
            ("https://s3.eu-west-1.amazonaws.com", Some("eu-west-1"), ""),
            ("https://s3.eu-west-1.amazonaws.com", None, "region eu-west-1, and `region` is us-east-1, where nothing"),
            ("https://s3.eu-west-1.amazonaws.com", Some("eu-west-2"), "and `region` is eu-west-2:"),
            ("https://s3-us-west-2.amazonaws.com", Some("eu-west-2"), "region us-west-2"),
            ("https://s3.dualstack.us-gov-west-1.amazonaws.com", Some("eu-west-2"), "region us-gov-west-1"),
            ("https://s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1"), ""),
            ("https://s3.amazonaws.com", Some("eu-west-2"), ""),
            ("https://s3-accelerate.amazonaws.com", Some("eu-west-2"), ""),
            ("https://my-photos-1.s3-accelerate.amazonaws.com", Some("eu-west-2"), ""),
            ("https://my-photos-1.s3.eu-west-1.amazonaws.com", Some("eu-west-2"), "region eu-west-1"),
            ("https://s3.eu-west-1.amazonaws.com", Some("${REGION}"), ""),
            ("https://s3.${REGION}.amazonaws.com", Some("eu-west-2"), ""),
            ("https://s3.eu-west-1.example.org", Some("eu-west-2"), ""),
        ] {
            let found = told(endpoint, region);
            assert!(if wanted.is_empty() { found.is_empty() } else { found.contains(wanted) }, "{endpoint}: {found:?}");
        }
    }
}
