//! The services that keep objects, made from the settings.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::multipart::MultipartStore;
use object_store::signer::Signer;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use url::Url;

use super::refusal::{NewOnly, WatchedConnector};
use super::settings::{Settings, StorageProvider};
use crate::resilience::{Fault, FaultClass};
use crate::resources::secret::Secrets;

/// A service that keeps objects, signs links to them, and takes them in parts.
pub(super) trait Cloud: ObjectStore + MultipartStore + PaginatedListStore + Signer {}

impl<T: ObjectStore + MultipartStore + PaginatedListStore + Signer> Cloud for T {}

/// The longest that connecting takes.
const CONNECT_PATIENCE: Duration = Duration::from_secs(10);
/// Where Google keeps its objects.
const GOOGLE: &str = "https://storage.googleapis.com";

/// The service of `settings`, and the address below which its objects lie for those who have the key. It is told of the
/// uploads in `new_only` where it is one of S3.
pub(super) fn connect(
    settings: &Settings,
    secrets: &Secrets,
    new_only: &NewOnly,
) -> Result<(Arc<dyn Cloud>, Url), Fault> {
    let settings_fault = |why: String| Fault::new(FaultClass::Dependency, "settings", why);
    let endpoint = settings.endpoint().map_err(settings_fault)?;
    let bucket = settings.bucket.clone().unwrap_or_default();
    // What the library says of settings may hold one.
    let built = |error: object_store::Error| {
        let why = secrets.redact(&error.to_string()).into_owned();
        settings_fault(format!("the settings of the storage do not fit: {why}"))
    };
    let (cloud, address): (Arc<dyn Cloud>, String) = match settings.provider {
        StorageProvider::S3 | StorageProvider::Supabase => {
            let region = settings.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
            let path_style = settings.path_style.unwrap_or(endpoint.is_some());
            let address = s3_address(endpoint, path_style, &bucket, &region).map_err(settings_fault)?;
            let mut builder = AmazonS3Builder::new()
                .with_bucket_name(bucket)
                .with_region(region)
                // The address is whole, with the bucket where it belongs.
                .with_endpoint(address.clone())
                .with_virtual_hosted_style_request(true)
                .with_access_key_id(settings.access_key.clone().unwrap_or_default())
                .with_secret_access_key(settings.secret_key.clone().unwrap_or_default())
                .with_client_options(client(settings))
                .with_retry(no_retry())
                .with_http_connector(WatchedConnector { new_only: new_only.clone() });
            if let Some(token) = &settings.session_token {
                builder = builder.with_token(token);
            }
            (Arc::new(builder.build().map_err(built)?), address)
        }
        StorageProvider::Azure => {
            let account = settings.account.clone().unwrap_or_default();
            let service =
                endpoint.map_or_else(|| format!("https://{account}.blob.core.windows.net"), |url| trimmed(&url));
            let mut builder = MicrosoftAzureBuilder::new()
                .with_account(account)
                .with_container_name(&bucket)
                .with_endpoint(service.clone())
                .with_allow_http(settings.allow_http)
                .with_client_options(client(settings))
                .with_retry(no_retry())
                .with_http_connector(WatchedConnector::default());
            if let Some(key) = &settings.account_key {
                builder = builder.with_access_key(key);
            }
            if let Some(sas) = &settings.sas {
                let pairs = url::form_urlencoded::parse(sas.trim_start_matches('?').as_bytes());
                builder = builder.with_sas_authorization(pairs.into_owned().collect::<Vec<_>>());
            }
            (Arc::new(builder.build().map_err(built)?), format!("{service}/{bucket}"))
        }
        StorageProvider::Gcs => {
            let file = settings.service_account.clone().unwrap_or_default();
            let key = std::fs::read_to_string(&file).map_err(|error| {
                settings_fault(format!("cannot read `service_account` {}: {error}", file.display()))
            })?;
            let service = endpoint.map_or_else(|| GOOGLE.to_owned(), |url| trimmed(&url));
            let builder = GoogleCloudStorageBuilder::new()
                .with_bucket_name(&bucket)
                .with_base_url(&service)
                .with_service_account_key(key)
                .with_client_options(client(settings))
                .with_retry(no_retry())
                .with_http_connector(WatchedConnector::default());
            // The error may quote the file.
            let unreadable =
                |_| settings_fault(format!("`service_account` {} is no key of a service account", file.display()));
            (Arc::new(builder.build().map_err(unreadable)?), format!("{service}/{bucket}"))
        }
        StorageProvider::Local => return Err(settings_fault("a folder is no service".to_owned())),
    };
    let address = Url::parse(&address).map_err(|error| settings_fault(format!("`endpoint` or `bucket`: {error}")))?;
    Ok((cloud, address))
}

/// The address of a bucket: in the path, or in the host name.
fn s3_address(endpoint: Option<Url>, path_style: bool, bucket: &str, region: &str) -> Result<String, String> {
    let Some(mut endpoint) = endpoint else {
        return Ok(match path_style {
            true => format!("https://s3.{region}.amazonaws.com/{bucket}"),
            false => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        });
    };
    if path_style {
        return Ok(format!("{}/{bucket}", trimmed(&endpoint)));
    }
    let host = format!("{bucket}.{}", endpoint.host_str().unwrap_or_default());
    endpoint.set_host(Some(&host)).map_err(|_| "`bucket` cannot stand in a host name: set `path_style`".to_owned())?;
    Ok(trimmed(&endpoint))
}

fn trimmed(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn client(settings: &Settings) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(settings.allow_http)
        .with_connect_timeout(CONNECT_PATIENCE)
        // Not for the whole of a request, which may be large: for each wait of it.
        .with_timeout_disabled()
        .with_read_timeout(settings.patience())
}

/// The engine retries: it knows the breaker, the deadline, and who waits.
fn no_retry() -> RetryConfig {
    RetryConfig { max_retries: 0, ..RetryConfig::default() }
}
