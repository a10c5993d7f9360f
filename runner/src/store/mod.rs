//! Where a run's files go: a local folder, always first, and from there to object stores.
//!
//! That every place can be written is proven before any load, by writing the run's `config.yaml` there. It knows files
//! and their digests, not what stands in them.

mod bucket;
mod gcs;
mod local;
mod object;
mod s3;

use std::io::Write;
use std::path::{Path, PathBuf};

use benchmark_schemas::config::Storage;
use benchmark_schemas::report::ManifestFile;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use bucket::Bucket;
use gcs::GcsBucket;

pub use bucket::StoreEnvironment;
pub use local::LocalStore;
pub use object::ObjectFolder;

/// Name of the file that proves that a place can be written.
pub const CONFIG_FILE: &str = "config.yaml";
/// Name of the file that says what is there; without it not all may be.
const MANIFEST_FILE: &str = "manifest.json";

/// Why a place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A local file or folder cannot be written.
    #[error("{}: {fault} (choose another storage.local_storage.path, or make it writable: `--user 0` in Docker, securityContext.runAsUser or fsGroup in Kubernetes)", path.display())]
    Local {
        /// The file or folder.
        path: PathBuf,
        /// The system's message.
        fault: String,
    },
    /// An object store does not take an object.
    #[error("{target}: {fault} ({remedy})")]
    Object {
        /// URL of the object or of its folder.
        target: String,
        /// What the store answered, or why there is no answer.
        fault: String,
        /// What to do.
        remedy: String,
    },
}

/// `folder`, or the first of `folder-2`, `folder-3`, … that holds no run's results: files of two runs in one folder
/// would read like those of one.
fn free_folder(folder: &str, prefix: &str) -> PathBuf {
    let holds_results = |folder: &Path| folder.join(format!("{prefix}{CONFIG_FILE}")).exists();
    let asked = PathBuf::from(folder);
    if !holds_results(&asked) {
        return asked;
    }
    let trimmed = folder.trim_end_matches('/');
    let numbered = (2u64..).map(|number| PathBuf::from(format!("{trimmed}-{number}")));
    let free = numbered.into_iter().find(|folder| !holds_results(folder)).unwrap_or_else(|| asked.clone());
    tracing::warn!("{} holds results already; these go to {}", asked.display(), free.display());
    free
}

/// The folders in object stores that `storage` names, in upstream's order.
fn object_folders(
    storage: &Storage,
    environment: &StoreEnvironment,
) -> Result<Vec<ObjectFolder>, StoreError> {
    let gcs = storage.google_cloud_storage.as_ref().map(|gcs| {
        let bucket = Bucket::Gcs(GcsBucket::new(gcs, environment));
        ObjectFolder::new(bucket, &gcs.path, gcs.report_file_prefix.clone())
    });
    let s3 = storage.simple_storage_service.as_ref().map(|s3| ObjectFolder::s3(s3, environment));
    gcs.into_iter().chain(s3).collect()
}

/// The local part of a proof; gone before it holds, it is withdrawn.
struct Proof<'a> {
    local: &'a mut LocalStore,
    holds: bool,
}

impl Drop for Proof<'_> {
    fn drop(&mut self) {
        if !self.holds {
            self.local.withdraw();
        }
    }
}

/// Copies what has changed of `local` to `place`.
async fn upload_to(place: &mut ObjectFolder, local: &LocalStore) -> Result<(), StoreError> {
    for file in local.files() {
        let stem = file.name.strip_prefix(local.prefix()).unwrap_or(&file.name);
        if let Some(url) = place.upload(stem, &local.folder().join(&file.name), &file.sha256).await? {
            tracing::info!("Uploaded {url}");
        }
    }
    Ok(())
}

/// All places of a run's files.
#[derive(Debug)]
pub struct Stores {
    local: LocalStore,
    /// Deleted at the end: the configuration asks for no files.
    scratch: bool,
    /// The local folder holds the results of the run's earlier part.
    resumed: bool,
    objects: Vec<ObjectFolder>,
}

impl Stores {
    /// The places that `storage` names; without one (`storage: null`) a scratch folder under `scratch`, for the spool.
    ///
    /// # Errors
    ///
    /// If the local folder cannot be made or an object store's settings are unusable. Nothing is contacted yet.
    pub fn open(
        storage: Option<&Storage>,
        environment: &StoreEnvironment,
        scratch: &Path,
    ) -> Result<Self, StoreError> {
        let Some(storage) = storage else {
            let local = LocalStore::open(scratch.to_owned(), String::new())?;
            return Ok(Self { local, scratch: true, resumed: false, objects: Vec::new() });
        };
        let settings = &storage.local_storage;
        let folder = if settings.path.is_empty() { "." } else { &settings.path };
        let objects = object_folders(storage, environment)?;
        let prefix = settings.report_file_prefix.clone().unwrap_or_default();
        let local = LocalStore::open(free_folder(folder, &prefix), prefix)?;
        Ok(Self { local, scratch: false, resumed: false, objects })
    }

    /// The local folder of a run that has ended, to write its reports again.
    ///
    /// # Errors
    ///
    /// If it cannot be used.
    pub fn existing(folder: &Path, prefix: &str) -> Result<Self, StoreError> {
        let local = LocalStore::open(folder.to_owned(), prefix.to_owned())?;
        Ok(Self { local, scratch: false, resumed: true, objects: Vec::new() })
    }

    /// The places that `storage` names for a run that goes on in its local folder. What it stored elsewhere stays there; all
    /// its files go to places of their own.
    ///
    /// # Errors
    ///
    /// If the local folder cannot be used or an object store's settings are unusable. Nothing is contacted yet.
    pub fn resumed(storage: &Storage, environment: &StoreEnvironment) -> Result<Self, StoreError> {
        let settings = &storage.local_storage;
        let objects = object_folders(storage, environment)?;
        let prefix = settings.report_file_prefix.clone().unwrap_or_default();
        let local = LocalStore::open(PathBuf::from(&settings.path), prefix)?;
        Ok(Self { local, scratch: false, resumed: true, objects })
    }

    /// The local folder.
    pub fn folder(&self) -> &Path {
        self.local.folder()
    }

    /// Proves that every place can be written: the run's `config.yaml` lies there when this returns.
    ///
    /// If it returns an error, or is dropped before it returns, nothing of this is left in the local folder: the next
    /// run would take it for a run's results.
    ///
    /// # Errors
    ///
    /// The first place that cannot be written, with the remedy.
    pub async fn prove(&mut self, config: &[u8]) -> Result<(), StoreError> {
        let mut proof = Proof { local: &mut self.local, holds: self.resumed };
        proof.local.write(CONFIG_FILE, &mut |file| file.write_all(config))?;
        for place in &mut self.objects {
            place.prove(CONFIG_FILE, config).await?;
        }
        proof.holds = true;
        drop(proof);
        if self.resumed {
            // What it says holds no more; most often there is none.
            let _ =
                fs_err::remove_file(self.folder().join(format!("{}{MANIFEST_FILE}", self.local.prefix())));
        }
        Ok(())
    }

    /// Takes `folder` for the local files from now on: the one so far cannot be written. Those written there stay.
    ///
    /// # Errors
    ///
    /// If it cannot be made; nothing has changed then.
    pub fn move_to(&mut self, folder: &Path) -> Result<(), StoreError> {
        self.local = LocalStore::open(folder.to_owned(), self.local.prefix().to_owned())?;
        self.scratch = false;
        Ok(())
    }

    /// Writes the local file `name` with what `content` writes; whole or not at all.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(
        &mut self,
        name: &str,
        content: &mut dyn FnMut(&mut dyn Write) -> std::io::Result<()>,
    ) -> Result<PathBuf, StoreError> {
        self.local.write(name, content)
    }

    /// The files written so far, in order, with sizes and digests.
    pub fn files(&self) -> &[ManifestFile] {
        self.local.files()
    }

    /// Copies all files that have changed since the last time to every object store, in the order in which they were
    /// written; breaks off once it is `late`.
    ///
    /// # Errors
    ///
    /// One for each store that did not take them all; the local files stay.
    pub async fn upload(&mut self, late: &CancellationToken) -> Vec<StoreError> {
        let local = &self.local;
        let uploads = self.objects.iter_mut().map(|place| async move {
            let broken_off = tokio::select! {
                biased;
                outcome = upload_to(place, local) => return outcome.err(),
                () = late.cancelled() => place.out_of_time(),
            };
            Some(broken_off)
        });
        join_all(uploads).await.into_iter().flatten().collect()
    }

    /// Where the results lie when all went well, the farthest place first.
    pub fn places(&self) -> Vec<String> {
        let local = (!self.scratch).then(|| self.local_place());
        self.objects.iter().map(ObjectFolder::url).chain(local).collect()
    }

    /// The local folder by its absolute path, which says more in a log than a relative one.
    pub fn local_place(&self) -> String {
        let absolute = std::path::absolute(self.folder());
        absolute.as_deref().unwrap_or_else(|_| self.folder()).display().to_string()
    }

    /// Commands that copy the local files to the stores by hand.
    pub fn retry_commands(&self) -> Vec<String> {
        self.objects.iter().map(|place| place.copy_command(self.folder())).collect()
    }

    /// Deletes the scratch folder, if the configuration asks for no files.
    pub fn close(self) {
        if self.scratch {
            // Nobody asked for it, and the system's own clean-up of scratch space remains.
            let _ = fs_err::remove_dir_all(self.local.folder());
        }
    }
}
