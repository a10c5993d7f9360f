//! The hub's cache on disk, as Python's `huggingface_hub` lays it out:
//! `models--OWNER--NAME/{refs/REVISION, blobs/ETAG, snapshots/COMMIT/FILE → ../../blobs/ETAG}`.
//!
//! Files come to their names by renaming, so several programs may fill one cache, on several machines too.

use std::fs::{File, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::HubFile;
use super::repo::Repo;
use crate::hex;

/// The folders of a cache.
#[derive(Debug)]
pub(super) struct Cache {
    roots: Vec<PathBuf>,
}

/// A revision (`main`) and the commit that it stands for now.
type Revision<'a> = (&'a str, &'a str);

impl Cache {
    /// A cache in `roots`, looked into in this order.
    pub(super) fn new(roots: Vec<PathBuf>) -> Self {
        Self { roots }
    }

    fn folders(&self, repo: &Repo) -> impl Iterator<Item = PathBuf> + use<'_> {
        let folder = repo.folder();
        self.roots.iter().map(move |root| root.join(&folder))
    }

    /// Where the file of the revision lies, as it was when it was last asked for.
    pub(super) fn find(&self, repo: &Repo, revision: &str, file: &str) -> Option<PathBuf> {
        self.folders(repo).find_map(|folder| {
            let commit = std::fs::read_to_string(folder.join("refs").join(revision)).ok()?;
            let commit = commit.trim();
            is_name(commit)
                .then(|| folder.join("snapshots").join(commit).join(file))
                .filter(|path| path.is_file())
        })
    }

    /// Where the file lies if its content is there already; the revision is noted to be at the commit now.
    pub(super) fn with_blob(
        &self,
        repo: &Repo,
        revision: Revision<'_>,
        file: &str,
        etag: &str,
    ) -> Option<PathBuf> {
        if !is_name(etag) || !is_name(revision.1) || !is_path(file) {
            return None;
        }
        self.folders(repo).find_map(|folder| {
            let blob = folder.join("blobs").join(etag);
            if !blob.is_file() {
                return None;
            }
            // A cache that cannot be written still serves.
            Some(link(&folder, revision, file, etag).unwrap_or(blob))
        })
    }

    /// Writes a file with its `ETag` into the first folder that lets it.
    ///
    /// # Errors
    ///
    /// Why none of them does.
    pub(super) fn store(
        &self,
        repo: &Repo,
        revision: Revision<'_>,
        file: &str,
        (etag, bytes): (Option<&str>, &[u8]),
    ) -> Result<PathBuf, String> {
        let commit = if is_name(revision.1) { revision.1 } else { revision.0 };
        // A hub that gives no usable name still gets a blob of its own for each content.
        let etag = etag
            .filter(|etag| is_name(etag))
            .map_or_else(|| hex::encode(&Sha256::digest(bytes)), str::to_owned);
        let mut faults = Vec::new();
        for (folder, root) in self.folders(repo).zip(&self.roots) {
            let written = write(&folder.join("blobs"), &etag, bytes)
                .and_then(|()| link(&folder, (revision.0, commit), file, &etag));
            match written {
                Ok(path) => return Ok(path),
                Err(error) => faults.push(format!("{}: {}", root.display(), error.kind())),
            }
        }
        Err(listed(&faults))
    }

    /// A place for a file that is to come, in the first folder that can be written.
    ///
    /// # Errors
    ///
    /// Why none of them can.
    pub(super) fn incoming(&self, repo: &Repo) -> Result<Incoming, String> {
        let mut faults = Vec::new();
        for (folder, root) in self.folders(repo).zip(&self.roots) {
            match in_passing(&folder.join("blobs"), "data") {
                Ok(file) => return Ok(Incoming { folder, file }),
                Err(error) => faults.push(format!("{}: {}", root.display(), error.kind())),
            }
        }
        Err(listed(&faults))
    }

    /// Names of all files of the revision that are here, in order.
    pub(super) fn files(&self, repo: &Repo, revision: &str) -> Vec<String> {
        let mut found = Vec::new();
        for folder in self.folders(repo) {
            let Ok(commit) = std::fs::read_to_string(folder.join("refs").join(revision)) else { continue };
            if is_name(commit.trim()) {
                walk(&folder.join("snapshots").join(commit.trim()), "", &mut found);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// A file on its way into the cache.
#[derive(Debug)]
pub(super) struct Incoming {
    folder: PathBuf,
    file: NamedTempFile,
}

impl Incoming {
    /// Where to write it.
    pub(super) fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Gives it its names: it has come whole.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written any more.
    pub(super) fn keep(
        self,
        revision: Revision<'_>,
        file: &str,
        etag: Option<&str>,
    ) -> std::io::Result<PathBuf> {
        if !is_path(file) {
            return Err(ErrorKind::InvalidFilename.into());
        }
        let commit = if is_name(revision.1) { revision.1 } else { revision.0 };
        // Without a usable name each copy has its own.
        let passing = self.file.path().file_name().map(|name| name.to_string_lossy().into_owned());
        let own = passing.unwrap_or_default().trim_end_matches(INCOMPLETE).to_owned();
        let etag = etag.filter(|etag| is_name(etag)).map_or(own, str::to_owned);
        self.file.persist(self.folder.join("blobs").join(&etag))?;
        link(&self.folder, (revision.0, commit), file, &etag)
    }
}

fn listed(faults: &[String]) -> String {
    if faults.is_empty() { "none is named".to_owned() } else { faults.join(", ") }
}

/// Adds the names of all files below `folder`, each behind `prefix`.
fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = entry.path();
        if path.is_dir() {
            walk(&path, &format!("{prefix}{name}/"), found);
        } else if path.is_file() {
            found.push(format!("{prefix}{name}"));
        }
    }
}

/// What is in the file at `path`; `None` if it cannot be read.
pub(super) fn read(path: PathBuf) -> Option<HubFile> {
    let bytes = std::fs::read(&path).ok()?;
    Some(HubFile { bytes, origin: path })
}

/// True for what is safe as the name of a file.
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text.len() <= 128 && text.chars().all(plain) && !text.starts_with('.')
}

/// True for what is safe as the path of a file below a folder.
pub(super) fn is_path(text: &str) -> bool {
    text.len() <= 1024
        && text.split('/').all(|step| !matches!(step, "" | "." | "..") && !step.contains(['\\', '\0']))
}

/// Begins the name of a file on its way to `name`. The rest is random: programs in containers, which share a cache by a
/// volume, often have the same process number.
fn passing(name: &str) -> String {
    format!("{name}.")
}

/// What such a name ends with.
const INCOMPLETE: &str = ".incomplete";

/// Writes `bytes` as `name` into `folder`, which is made if need be: whole or not at all.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = in_passing(folder, name)?;
    file.write_all(bytes)?;
    file.persist(folder.join(name))?;
    Ok(())
}

/// A file in `folder`, which is made if need be, on its way to `name`.
fn in_passing(folder: &Path, name: &str) -> std::io::Result<NamedTempFile> {
    std::fs::create_dir_all(folder)?;
    tempfile::Builder::new()
        .prefix(&passing(name))
        .suffix(INCOMPLETE)
        // As any new file's: whoever shares the cache may be another user.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
}

/// Makes the snapshot's file point at the blob and the revision at the commit; gives the file's path.
fn link(folder: &Path, (revision, commit): Revision<'_>, file: &str, etag: &str) -> std::io::Result<PathBuf> {
    let path = folder.join("snapshots").join(commit).join(file);
    let (within, name) = (path.parent().unwrap_or(folder), file.rsplit('/').next().unwrap_or(file));
    std::fs::create_dir_all(within)?;
    let up = "../".repeat(file.matches('/').count() + 2);
    let target = Path::new(&up).join("blobs").join(etag);
    if std::fs::read_link(&path).ok().as_deref() != Some(&target) {
        let blob = folder.join("blobs").join(etag);
        tempfile::Builder::new()
            .prefix(&passing(name))
            .suffix(INCOMPLETE)
            .make_in(within, |passing| match std::os::unix::fs::symlink(&target, passing) {
                // Another name is tried then.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
                // Some file systems have no links.
                Err(_) => std::fs::copy(&blob, passing).map(drop),
                Ok(()) => Ok(()),
            })?
            .persist(&path)?;
    }
    let refs = folder.join("refs");
    if std::fs::read_to_string(refs.join(revision)).ok().as_deref() != Some(commit) {
        write(&refs, revision, commit.as_bytes())?;
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "tokenizer.json";

    fn cache(folders: &[&Path]) -> Cache {
        Cache::new(folders.iter().map(|folder| folder.to_path_buf()).collect())
    }

    #[test]
    fn files_lie_where_the_hubs_own_client_looks() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(&[folder.path()]);
        assert_eq!(cache.find(&Repo::model("Qwen/Qwen3"), "main", FILE), None);
        let path = cache
            .store(&Repo::model("Qwen/Qwen3"), ("main", "c0ffee"), FILE, (Some("e1"), b"one"))
            .expect("stored");
        let model = folder.path().join("models--Qwen--Qwen3");
        assert_eq!(path, model.join("snapshots/c0ffee/tokenizer.json"));
        assert_eq!(fs_err::read_link(&path).expect("a link"), Path::new("../../blobs/e1"));
        assert_eq!(fs_err::read_to_string(model.join("refs/main")).expect("a ref"), "c0ffee");
        assert_eq!(cache.find(&Repo::model("Qwen/Qwen3"), "main", FILE), Some(path.clone()));
        assert_eq!(read(path).expect("read").bytes, b"one");
        assert_eq!(cache.find(&Repo::model("Qwen/Other"), "main", FILE), None);
    }

    #[test]
    fn the_same_content_of_a_later_commit_is_linked_and_other_content_replaces() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(&[folder.path()]);
        cache.store(&Repo::model("m"), ("main", "c1"), FILE, (Some("e1"), b"one")).expect("stored");
        assert_eq!(cache.with_blob(&Repo::model("m"), ("main", "c2"), FILE, "e2"), None);
        let path = cache.with_blob(&Repo::model("m"), ("main", "c2"), FILE, "e1").expect("known");
        assert!(path.ends_with("snapshots/c2/tokenizer.json"));
        assert_eq!(cache.find(&Repo::model("m"), "main", FILE), Some(path));
        cache.store(&Repo::model("m"), ("main", "c2"), FILE, (Some("e3"), b"three")).expect("stored");
        let found = cache.find(&Repo::model("m"), "main", FILE).and_then(read).expect("found");
        assert_eq!(found.bytes, b"three");
        let left: Vec<_> = fs_err::read_dir(folder.path().join("models--m/blobs")).expect("blobs").collect();
        assert_eq!(left.len(), 2, "nothing incomplete is left");
    }

    #[test]
    fn the_first_folder_that_can_be_written_is_and_all_are_read() {
        let folders = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        // A folder cannot be made below a file, whoever asks.
        let file = folders[0].path().join("file");
        fs_err::write(&file, "").expect("a file");
        let below = file.join("hub");
        let cache = cache(&[&below, folders[1].path()]);
        let path = cache.store(&Repo::model("m"), ("main", "c"), FILE, (None, b"x")).expect("stored");
        assert!(path.starts_with(folders[1].path()));
        assert_eq!(cache.find(&Repo::model("m"), "main", FILE), Some(path));
        let faults = Cache::new(vec![below.clone()])
            .store(&Repo::model("m"), ("main", "c"), FILE, (None, b"x"))
            .expect_err("faults");
        assert_eq!(faults, format!("{}: not a directory", below.display()));
    }

    #[test]
    fn programs_with_the_same_process_number_fill_one_cache_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let content = vec![b'x'; 1 << 20];
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let cache = cache(&[folder.path()]);
                    for commit in ["c1", "c2"] {
                        let stored =
                            cache.store(&Repo::model("m"), ("main", commit), FILE, (Some("e"), &content));
                        assert_eq!(read(stored.expect("stored")).expect("read").bytes, content);
                    }
                });
            }
        });
        let model = folder.path().join("models--m");
        for (folder, names) in [("blobs", vec!["e"]), ("refs", vec!["main"]), ("snapshots/c1", vec![FILE])] {
            let left = fs_err::read_dir(model.join(folder)).expect("a folder");
            let left: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
            assert_eq!(left, names, "nothing incomplete is left");
        }
        let mode = fs_err::metadata(model.join("blobs/e")).expect("a file").permissions().mode();
        let usual = folder.path().join("usual");
        fs_err::write(&usual, "").expect("a file");
        assert_eq!(mode, fs_err::metadata(usual).expect("a file").permissions().mode());
    }

    #[test]
    fn names_that_could_leave_the_cache_are_not_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = cache(&[folder.path()]);
        let path = cache
            .store(&Repo::model("m"), ("main", "../../up"), FILE, (Some("../../../etc"), b"x"))
            .expect("stored");
        assert!(path.ends_with("snapshots/main/tokenizer.json"), "{}", path.display());
        assert_eq!(cache.with_blob(&Repo::model("m"), ("main", "c"), FILE, "../refs/main"), None);
        fs_err::write(folder.path().join("models--m/refs/main"), "../../..").expect("a ref");
        assert_eq!(cache.find(&Repo::model("m"), "main", FILE), None);
    }
}
