//! A folder in an object store: S3 and what speaks its protocol.

use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use benchmark_schemas::config::{AddressingStyle, SimpleStorageService};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, BackoffConfig, ClientOptions, Error, ObjectStore, ObjectStoreExt as _, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, RetryConfig, WriteMultipart,
};

use super::StoreError;

mod fetch;

/// Time that the proof that a store can be written may take.
const PROOF: Duration = Duration::from_secs(30);
/// Files above this size go up in parts of it, bytes.
const PART_BYTES: usize = 16 << 20;
/// Parts that are on their way at once.
const PARTS_AT_ONCE: usize = 4;
/// Region where neither configuration nor environment names one, as AWS's own tools take it.
const DEFAULT_REGION: &str = "us-east-1";

/// The environment's `AWS_*` variables.
pub type S3Environment = Vec<(String, String)>;

/// A folder in an object store.
#[derive(Debug)]
pub struct ObjectFolder {
    store: Arc<dyn ObjectStore>,
    /// `s3://bucket`.
    bucket_url: String,
    /// Where the store is, for messages: endpoint and region.
    whereabouts: String,
    endpoint: Option<String>,
    path: String,
    prefix: String,
}

impl ObjectFolder {
    /// The folder that `settings` name, with credentials and defaults from `environment`. Contacts nobody.
    ///
    /// # Errors
    ///
    /// If the settings are unusable.
    pub fn s3(settings: &SimpleStorageService, environment: &S3Environment) -> Result<Self, StoreError> {
        let bucket = &settings.bucket_name;
        let of_environment = |name: &str| {
            environment
                .iter()
                .find(|(key, value)| key == name && !value.is_empty())
                .map(|(_, value)| value.clone())
        };
        let endpoint = settings.endpoint_url.clone();
        let endpoint = endpoint.or_else(|| of_environment("AWS_ENDPOINT_URL_S3"));
        let endpoint = endpoint.or_else(|| of_environment("AWS_ENDPOINT_URL"));
        let region = settings.region_name.clone().or_else(|| of_environment("AWS_REGION"));
        let region = region.or_else(|| of_environment("AWS_DEFAULT_REGION"));
        let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        let mut builder = AmazonS3Builder::new();
        // The endpoint is given below, so that the configuration's comes before the environment's.
        for (key, value) in environment.iter().filter(|(key, _)| !key.starts_with("AWS_ENDPOINT")) {
            if let Ok(key) = key.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                builder = builder.with_config(key, value);
            }
        }
        let in_host = match settings.addressing_style {
            Some(AddressingStyle::Virtual) => true,
            Some(AddressingStyle::Path) => false,
            // A name with dots does not match AWS's certificates.
            Some(AddressingStyle::Auto) | None => endpoint.is_none() && !bucket.contains('.'),
        };
        builder = builder
            .with_bucket_name(bucket)
            .with_region(&region)
            .with_virtual_hosted_style_request(in_host)
            .with_client_options(client_options(endpoint.as_deref()))
            .with_retry(patience());
        if let Some(endpoint) = &endpoint {
            builder =
                builder.with_endpoint(if in_host { hosted(endpoint, bucket) } else { endpoint.clone() });
        }
        let whereabouts = match &endpoint {
            Some(endpoint) => format!("at {endpoint}"),
            None => format!("in region {region}"),
        };
        let bucket_url = format!("s3://{bucket}");
        let store = builder.build().map_err(|error| StoreError::Object {
            target: format!("{bucket_url} {whereabouts}"),
            fault: chain(&error),
            remedy: "check storage.simple_storage_service and the AWS_* variables".to_owned(),
        })?;
        let prefix = settings.report_file_prefix.clone().unwrap_or_default();
        Ok(Self::new(Arc::new(store), (bucket_url, whereabouts, endpoint), &settings.path, prefix))
    }

    fn new(
        store: Arc<dyn ObjectStore>,
        (bucket_url, whereabouts, endpoint): (String, String, Option<String>),
        path: &str,
        prefix: String,
    ) -> Self {
        let path = path.trim_matches('/').to_owned();
        Self { store, bucket_url, whereabouts, endpoint, path, prefix }
    }

    /// Writes `name` with `content`, to prove that the store can be written.
    ///
    /// If the folder has one of that name, it holds another run's results: the next free one of `path-2`, `path-3`, …
    /// is taken, with a warning.
    ///
    /// # Errors
    ///
    /// Why the store cannot be written, after 30 s at most.
    pub async fn prove(&mut self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        let proof = async {
            let asked = self.path.clone();
            let mut number = 1;
            while !self.create(name, content).await? {
                number += 1;
                self.path = format!("{asked}-{number}");
            }
            if number > 1 {
                let (bucket, url) = (&self.bucket_url, self.url());
                tracing::warn!("{bucket}/{asked} holds results already; these go to {url}");
            }
            Ok(())
        };
        match tokio::time::timeout(PROOF, proof).await {
            Ok(outcome) => outcome.map_err(|error| self.refusal(&error)),
            Err(_) => Err(StoreError::Object {
                target: format!("{} {}", self.bucket_url, self.whereabouts),
                fault: format!("no answer within {} s", PROOF.as_secs()),
                remedy: "check storage.simple_storage_service.endpoint_url, the network and the credentials' source"
                    .to_owned(),
            }),
        }
    }

    /// Copies `file` to object `name`; gives its URL.
    ///
    /// # Errors
    ///
    /// Why the store did not take it, after retries.
    pub async fn upload(&self, name: &str, file: &FilePath) -> Result<String, StoreError> {
        self.put(name, file).await.map_err(|error| self.refusal(&error))?;
        Ok(format!("{}/{}", self.bucket_url, self.key(name)))
    }

    /// URL of the folder.
    pub fn url(&self) -> String {
        format!("{}/{}", self.bucket_url, self.path)
    }

    /// The command that copies `folder` here by hand.
    pub fn copy_command(&self, folder: &FilePath) -> String {
        let endpoint = self.endpoint.as_ref().map(|url| format!(" --endpoint-url {url}")).unwrap_or_default();
        format!(
            "aws s3 cp --recursive --exclude 'spool/*' '{}' '{}/'{endpoint}",
            folder.display(),
            self.url()
        )
    }

    fn key(&self, name: &str) -> Path {
        Path::from(format!("{}/{}{name}", self.path, self.prefix))
    }

    /// Writes an object unless it exists; false if it does.
    ///
    /// Asks the store to decide, so that two runs that start together do not both find the place free. A store that
    /// cannot is asked first and written to then; who may not ask is not told, and may write all the same.
    async fn create(&self, name: &str, content: &[u8]) -> Result<bool, Error> {
        let creating = PutOptions { mode: PutMode::Create, ..options(name) };
        match self.store.put_opts(&self.key(name), PutPayload::from(content.to_vec()), creating).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(false),
            Err(Error::NotImplemented { .. } | Error::NotSupported { .. }) => {
                if self.store.head(&self.key(name)).await.is_ok() {
                    return Ok(false);
                }
                let payload = PutPayload::from(content.to_vec());
                self.store.put_opts(&self.key(name), payload, options(name)).await.map(|_| true)
            }
            Err(error) => Err(error),
        }
    }

    async fn put(&self, name: &str, file: &FilePath) -> Result<(), Error> {
        let key = self.key(name);
        let unreadable = |error: io::Error| Error::Generic { store: "local file", source: Box::new(error) };
        let mut file = fs_err::File::open(file).map_err(unreadable)?;
        let mut part = vec![0; PART_BYTES];
        let mut length = fill(&mut file, &mut part).map_err(unreadable)?;
        if length < PART_BYTES {
            part.truncate(length);
            return self.store.put_opts(&key, PutPayload::from(part), options(name)).await.map(drop);
        }
        let options = PutMultipartOptions { attributes: attributes(name), ..PutMultipartOptions::default() };
        let upload = self.store.put_multipart_opts(&key, options).await?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        while length > 0 {
            upload.wait_for_capacity(PARTS_AT_ONCE).await?;
            upload.write(&part[..length]);
            length = fill(&mut file, &mut part).map_err(unreadable)?;
        }
        upload.finish().await.map(drop)
    }

    /// A store's refusal in the user's terms.
    fn refusal(&self, error: &Error) -> StoreError {
        let remedy = match error {
            Error::NotFound { .. } => {
                "create the bucket, or correct storage.simple_storage_service.bucket_name"
            }
            Error::PermissionDenied { .. } => {
                "allow s3:PutObject on the bucket to the credentials that are used"
            }
            Error::Unauthenticated { .. } => {
                "give credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, web identity or pod identity"
            }
            _ => {
                "check storage.simple_storage_service.endpoint_url and region_name, the network and the credentials"
            }
        };
        StoreError::Object {
            target: format!("{} {}", self.url(), self.whereabouts),
            fault: chain(error),
            remedy: remedy.to_owned(),
        }
    }
}

fn attributes(name: &str) -> Attributes {
    let media_type = match FilePath::new(name).extension().and_then(|extension| extension.to_str()) {
        Some("json") => "application/json",
        Some("html") => "text/html; charset=utf-8",
        _ => "application/yaml",
    };
    Attributes::from_iter([(Attribute::ContentType, media_type)])
}

fn options(name: &str) -> PutOptions {
    PutOptions { attributes: attributes(name), ..PutOptions::default() }
}

/// Reads until `buffer` is full or the file ends; gives the number of bytes.
fn fill(file: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}

/// How long a store that fails is asked again.
fn patience() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(200),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
        max_retries: 5,
        retry_timeout: Duration::from_mins(1),
    }
}

fn client_options(endpoint: Option<&str>) -> ClientOptions {
    ClientOptions::new()
        .with_connect_timeout(Duration::from_secs(10))
        .with_timeout(Duration::from_mins(2))
        .with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")))
}

/// `endpoint` with the bucket as the first part of its host name.
fn hosted(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{bucket}.{rest}"),
        None => endpoint.to_owned(),
    }
}

/// An error and its causes on one line, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    fn folder(store: &Arc<InMemory>, path: &str) -> ObjectFolder {
        let place = ("s3://b".to_owned(), "in memory".to_owned(), None);
        ObjectFolder::new(Arc::clone(store) as Arc<dyn ObjectStore>, place, path, "p-".to_owned())
    }

    async fn keys(store: &InMemory) -> Vec<String> {
        use futures_util::TryStreamExt as _;
        let mut keys: Vec<String> = store
            .list(None)
            .map_ok(|object| object.location.to_string())
            .try_collect()
            .await
            .expect("listed");
        keys.sort();
        keys
    }

    #[tokio::test]
    async fn an_occupied_folder_is_left_alone() {
        let store = Arc::new(InMemory::new());
        for _ in 0..3 {
            let mut place = folder(&store, "/run/results/");
            place.prove("config.yaml", b"a: 1\n").await.expect("proven");
        }
        let names =
            ["run/results-2/p-config.yaml", "run/results-3/p-config.yaml", "run/results/p-config.yaml"];
        assert_eq!(keys(&store).await, names);
    }

    #[tokio::test]
    async fn a_file_goes_up_whole_or_in_parts() {
        let store = Arc::new(InMemory::new());
        let place = folder(&store, "r");
        let local = tempfile::tempdir().expect("a folder");
        for (name, size) in [("small.json", 10), ("large.json", PART_BYTES + 10)] {
            let file = local.path().join(name);
            let content: Vec<u8> =
                (0..size).map(|i| b'a' + u8::try_from(i % 26).expect("below 26")).collect();
            fs_err::write(&file, &content).expect("written");
            let url = place.upload(name, &file).await.expect("uploaded");
            assert_eq!(url, format!("s3://b/r/p-{name}"));
            let stored = store.get(&Path::from(format!("r/p-{name}"))).await.expect("there");
            assert!(stored.bytes().await.expect("read") == content, "{name}");
        }
    }

    #[test]
    fn addresses_name_the_bucket_where_the_style_wants_it() {
        assert_eq!(hosted("https://minio.test:9000", "b"), "https://b.minio.test:9000");
    }
}
