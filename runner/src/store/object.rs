//! A folder in an object store: proof that it can be written, and uploads. It knows how stores fail and what can be done
//! about it; how one is reached its bucket knows.

use std::collections::HashMap;
use std::io;
use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use benchmark_schemas::config::SimpleStorageService;
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions,
    PutPayload, WriteMultipart,
};

use super::StoreError;
use super::bucket::{Bucket, StoreEnvironment};
use super::s3::S3Bucket;

mod fetch;

/// Time that the proof that a store can be written may take.
const PROOF: Duration = Duration::from_secs(30);
/// Files above this size go up in parts of it, bytes.
const PART_BYTES: usize = 16 << 20;
/// Parts that are on their way at once.
const PARTS_AT_ONCE: usize = 4;
/// Attempts of the proof at a connection that breaks: the store's client does not repeat what must happen only once.
const PROOFS: u32 = 3;

/// A folder in an object store.
#[derive(Debug)]
pub struct ObjectFolder {
    bucket: Bucket,
    store: Arc<dyn ObjectStore>,
    path: String,
    prefix: String,
    /// Digests of the files that are there by their names.
    uploaded: HashMap<String, String>,
}

impl ObjectFolder {
    /// The folder `path` of `bucket`; `prefix` goes before every file's name. Contacts nobody.
    ///
    /// # Errors
    ///
    /// If the bucket's settings are unusable.
    pub(super) fn new(bucket: Bucket, path: &str, prefix: Option<String>) -> Result<Self, StoreError> {
        let store = bucket.connect().map_err(|error| StoreError::Object {
            target: format!("{} {}", bucket.url(), bucket.whereabouts()),
            fault: chain(&error),
            remedy: format!("check {} and the variables of its credentials", bucket.section()),
        })?;
        let path = path.trim_matches('/').to_owned();
        let prefix = prefix.unwrap_or_default();
        Ok(Self { bucket, store, path, prefix, uploaded: HashMap::new() })
    }

    /// The folder in S3 that `settings` name. Contacts nobody.
    ///
    /// # Errors
    ///
    /// If the settings are unusable.
    pub fn s3(settings: &SimpleStorageService, environment: &StoreEnvironment) -> Result<Self, StoreError> {
        let bucket = Bucket::S3(S3Bucket::new(settings, environment));
        Self::new(bucket, &settings.path, settings.report_file_prefix.clone())
    }

    /// Writes `name` with `content`, to prove that the store can be written.
    ///
    /// If the folder has one of that name, it holds another run's results: the next free one of `path-2`, `path-3`, …
    /// is taken, with a warning. A bucket that is in another region than asked for is looked for there.
    ///
    /// # Errors
    ///
    /// Why the store cannot be written, after 30 s at most.
    pub async fn prove(&mut self, name: &str, content: &[u8]) -> Result<(), StoreError> {
        match tokio::time::timeout(PROOF, self.take_free_folder(name, content)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                let mut refusal = self.refusal(&error);
                if let (StoreError::Object { fault, .. }, false) =
                    (&mut refusal, matches!(error, Error::NotFound { .. }))
                {
                    *fault = format!("{fault}; credentials: {}", self.bucket.credential_sources());
                }
                Err(refusal)
            }
            Err(_) => Err(StoreError::Object {
                target: format!("{} {}", self.bucket.url(), self.bucket.whereabouts()),
                fault: format!(
                    "no answer within {} s; credentials: {}",
                    PROOF.as_secs(),
                    self.bucket.credential_sources()
                ),
                remedy: format!("check {}, the network and the credentials' source", self.bucket.section()),
            }),
        }
    }

    async fn take_free_folder(&mut self, name: &str, content: &[u8]) -> Result<(), Error> {
        let asked = self.path.clone();
        let mut number = 1;
        let mut relocated = false;
        loop {
            match self.create_patiently(name, content).await {
                Ok(true) => break,
                Ok(false) => {
                    number += 1;
                    self.path = format!("{asked}-{number}");
                }
                Err(error) if relocated => return Err(error),
                Err(error) => {
                    relocated = self.bucket.relocate().await;
                    if !relocated {
                        return Err(error);
                    }
                    tracing::warn!(
                        "{} is {}; it is used there",
                        self.bucket.url(),
                        self.bucket.whereabouts()
                    );
                    self.store = self.bucket.connect()?;
                }
            }
        }
        if number > 1 {
            let (bucket, url) = (self.bucket.url(), self.url());
            tracing::warn!("{bucket}/{asked} holds results already; these go to {url}");
        }
        Ok(())
    }

    /// Writes an object unless it exists; false if it does. Tries again if the connection breaks.
    async fn create_patiently(&self, name: &str, content: &[u8]) -> Result<bool, Error> {
        let mut attempt = 1;
        loop {
            match self.create(name, content).await {
                Err(error) if attempt < PROOFS && is_broken_connection(&error) => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    /// Copies `file`, whose digest is `digest`, to object `name`, in place of what is there; gives its URL, or `None` if
    /// the same is there already.
    ///
    /// # Errors
    ///
    /// Why the store did not take it, after retries.
    pub async fn upload(
        &mut self,
        name: &str,
        file: &FilePath,
        digest: &str,
    ) -> Result<Option<String>, StoreError> {
        if self.uploaded.get(name).is_some_and(|known| known == digest) {
            return Ok(None);
        }
        // What is under way may have replaced it by the time it fails.
        self.uploaded.remove(name);
        let mut outcome = self.put(name, file).await;
        if outcome.as_ref().is_err_and(has_expired) {
            // Another client asks for other credentials.
            outcome = match self.bucket.connect() {
                Ok(store) => {
                    self.store = store;
                    self.put(name, file).await
                }
                Err(error) => Err(error),
            };
        }
        outcome.map_err(|error| self.refusal(&error))?;
        self.uploaded.insert(name.to_owned(), digest.to_owned());
        Ok(Some(format!("{}/{}", self.bucket.url(), self.key(name))))
    }

    /// An upload that was broken off because there was no time left.
    pub(super) fn out_of_time(&self) -> StoreError {
        StoreError::Object {
            target: self.url(),
            fault: "the time left before the end was not enough for the upload".to_owned(),
            remedy: "give it more: benchmark.terminationGracePeriodSeconds and benchmark.job.deadlineSeconds in the chart"
                .to_owned(),
        }
    }

    /// URL of the folder.
    pub fn url(&self) -> String {
        format!("{}/{}", self.bucket.url(), self.path)
    }

    /// The command that copies `folder` here by hand.
    pub fn copy_command(&self, folder: &FilePath) -> String {
        let (from, to) = (folder.display(), self.url());
        match &self.bucket {
            Bucket::S3(bucket) => bucket.copy_command(&from, &to),
            Bucket::Gcs(bucket) => bucket.copy_command(&from, &to),
            #[cfg(test)]
            Bucket::Memory(_) => String::new(),
        }
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
        let section = self.bucket.section();
        let remedy = match error {
            _ if has_expired(error) => "the credentials have expired: give others".to_owned(),
            Error::NotFound { .. } => format!("create the bucket, or correct {section}.bucket_name"),
            Error::PermissionDenied { .. } => {
                format!("allow {} on the bucket to the credentials that are used", self.bucket.right())
            }
            Error::Unauthenticated { .. } => "give credentials, or others".to_owned(),
            _ => format!("check {section}, the network and the credentials"),
        };
        StoreError::Object {
            target: format!("{} {}", self.url(), self.bucket.whereabouts()),
            fault: chain(error),
            remedy,
        }
    }
}

/// True if the store's answer is that the credentials were good once.
fn has_expired(error: &Error) -> bool {
    let text = chain(error);
    matches!(error, Error::Unauthenticated { .. })
        || text.contains("ExpiredToken")
        || text.contains("TokenRefreshRequired")
}

/// True if there was no answer because the connection broke.
fn is_broken_connection(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<object_store::client::HttpError>() {
            return error.kind() == object_store::client::HttpErrorKind::Interrupted;
        }
        cause = error.source();
    }
    false
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
        let bucket = Bucket::Memory(Arc::clone(store));
        ObjectFolder::new(bucket, path, Some("p-".to_owned())).expect("a store")
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
        let mut place = folder(&store, "r");
        let local = tempfile::tempdir().expect("a folder");
        for (name, size) in [("small.json", 10), ("large.json", PART_BYTES + 10)] {
            let file = local.path().join(name);
            let content: Vec<u8> =
                (0..size).map(|i| b'a' + u8::try_from(i % 26).expect("below 26")).collect();
            fs_err::write(&file, &content).expect("written");
            let url = place.upload(name, &file, "digest").await.expect("uploaded");
            assert_eq!(url, Some(format!("memory://b/r/p-{name}")));
            let stored = store.get(&Path::from(format!("r/p-{name}"))).await.expect("there");
            assert!(stored.bytes().await.expect("read") == content, "{name}");
        }
    }

    #[tokio::test]
    async fn what_has_not_changed_does_not_go_up_again() {
        let store = Arc::new(InMemory::new());
        let mut place = folder(&store, "r");
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (digest, goes) in [("a", true), ("a", false), ("b", true), ("a", true)] {
            let url = place.upload("x.json", file.path(), digest).await.expect("uploaded");
            assert_eq!(url.is_some(), goes, "{digest}");
        }
    }
}
