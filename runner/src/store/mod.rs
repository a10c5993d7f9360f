//! Where a run's files go: a local folder, always first, and from there to object stores.
//!
//! That every place can be written is proven before any load, by writing the run's `config.yaml` there. It knows files
//! and their digests, not what stands in them.

mod local;
mod object;

use std::io::Write;
use std::path::{Path, PathBuf};

use benchmark_schemas::config::Storage;
use benchmark_schemas::report::ManifestFile;

pub use local::LocalStore;
pub use object::{ObjectFolder, S3Environment};

/// Name of the file that proves that a place can be written.
pub const CONFIG_FILE: &str = "config.yaml";

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

/// All places of a run's files.
#[derive(Debug)]
pub struct Stores {
    local: LocalStore,
    /// Deleted at the end: the configuration asks for no files.
    scratch: bool,
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
        environment: &S3Environment,
        scratch: &Path,
    ) -> Result<Self, StoreError> {
        let Some(storage) = storage else {
            let local = LocalStore::open(scratch.to_owned(), String::new())?;
            return Ok(Self { local, scratch: true, objects: Vec::new() });
        };
        let settings = &storage.local_storage;
        let folder = if settings.path.is_empty() { "." } else { &settings.path };
        let objects = storage.simple_storage_service.as_ref().map(|s3| ObjectFolder::s3(s3, environment));
        let objects = objects.transpose()?.into_iter().collect();
        let prefix = settings.report_file_prefix.clone().unwrap_or_default();
        let local = LocalStore::open(free_folder(folder, &prefix), prefix)?;
        Ok(Self { local, scratch: false, objects })
    }

    /// The local folder of a run that has ended, to write its reports again.
    ///
    /// # Errors
    ///
    /// If it cannot be used.
    pub fn existing(folder: &Path, prefix: &str) -> Result<Self, StoreError> {
        let local = LocalStore::open(folder.to_owned(), prefix.to_owned())?;
        Ok(Self { local, scratch: false, objects: Vec::new() })
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
        let mut proof = Proof { local: &mut self.local, holds: false };
        proof.local.write(CONFIG_FILE, &mut |file| file.write_all(config))?;
        for place in &mut self.objects {
            place.prove(CONFIG_FILE, config).await?;
        }
        proof.holds = true;
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

    /// Copies all files to every object store, in the order in which they were written.
    ///
    /// # Errors
    ///
    /// One for each store that did not take them all; the local files stay.
    pub async fn upload(&self) -> Vec<StoreError> {
        let mut errors = Vec::new();
        for place in &self.objects {
            for file in self.local.files() {
                let stem = file.name.strip_prefix(self.local.prefix()).unwrap_or(&file.name);
                match place.upload(stem, &self.folder().join(&file.name)).await {
                    Ok(url) => tracing::info!("Uploaded {url}"),
                    Err(error) => {
                        errors.push(error);
                        break;
                    }
                }
            }
        }
        errors
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
