//! The local folder: files appear under their names whole or not at all.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use benchmark_schemas::report::ManifestFile;
use fs_err::File;
use sha2::{Digest, Sha256};

use super::StoreError;
use crate::hex;

/// A folder for the files of a run.
#[derive(Debug)]
pub struct LocalStore {
    folder: PathBuf,
    prefix: String,
    files: Vec<ManifestFile>,
    /// Folders that were made for it, the deepest first.
    made: Vec<PathBuf>,
}

impl LocalStore {
    /// The folder `folder`, made if need be; `prefix` goes before every file's name.
    ///
    /// # Errors
    ///
    /// If it cannot be made.
    pub fn open(folder: PathBuf, prefix: String) -> Result<Self, StoreError> {
        let is_absent = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made = folder.ancestors().take_while(is_absent).map(Path::to_owned).collect();
        fs_err::create_dir_all(&folder).map_err(|error| fault(&folder, &error))?;
        Ok(Self { folder, prefix, files: Vec::new(), made })
    }

    /// Deletes the files written so far, and the folders that were made for it if nothing else is in them.
    pub fn withdraw(&mut self) {
        for file in self.files.drain(..) {
            let _ = fs_err::remove_file(self.folder.join(file.name));
        }
        for folder in self.made.drain(..) {
            let _ = fs_err::remove_dir(folder);
        }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Text before every file's name.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The files written so far, in order; one that was written again stands where it was last written.
    pub fn files(&self) -> &[ManifestFile] {
        &self.files
    }

    /// Writes file `name` with what `content` writes.
    ///
    /// The content goes to a hidden name that does not end in `.json`, so that nobody who looks for reports finds half
    /// of one; then to the disk; then the name changes, and that goes to the disk too.
    ///
    /// # Errors
    ///
    /// If a step fails; the file is then as it was before.
    pub fn write(
        &mut self,
        name: &str,
        content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> Result<PathBuf, StoreError> {
        let name = format!("{}{name}", self.prefix);
        let path = self.folder.join(&name);
        let temporary = self.folder.join(format!(".{name}.partial"));
        let digest = write_through(&temporary, content)
            .and_then(|digest| fs_err::rename(&temporary, &path).map(|()| digest))
            .and_then(|digest| File::open(&self.folder)?.sync_all().map(|()| digest))
            .map_err(|error| {
                let _ = fs_err::remove_file(&temporary);
                fault(&path, &error)
            })?;
        self.files.retain(|file| file.name != name);
        self.files.push(ManifestFile { name, bytes: digest.bytes, sha256: digest.sha256 });
        Ok(path)
    }
}

fn fault(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Local { path: path.to_owned(), fault: error.to_string() }
}

struct Written {
    bytes: u64,
    sha256: String,
}

fn write_through(
    path: &Path,
    content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Written> {
    let mut file = Digesting { inner: BufWriter::new(File::create(path)?), digest: Sha256::new(), bytes: 0 };
    content(&mut file)?;
    file.flush()?;
    file.inner.get_ref().sync_all()?;
    let sha256 = hex::encode(&file.digest.finalize());
    Ok(Written { bytes: file.bytes, sha256 })
}

/// Digests what is written.
struct Digesting<W> {
    inner: W,
    digest: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digest.update(&bytes[..count]);
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_prefix_size_and_digest() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = LocalStore::open(folder.path().join("a/b"), "run1-".to_owned()).expect("opened");
        let path = store.write("x.json", &mut |file| file.write_all(b"abc")).expect("written");
        assert_eq!(path, folder.path().join("a/b/run1-x.json"));
        assert_eq!(fs_err::read_to_string(&path).expect("read"), "abc");
        let [file] = store.files() else { panic!("one file: {:?}", store.files()) };
        assert_eq!((file.name.as_str(), file.bytes), ("run1-x.json", 3));
        // The SHA-256 of "abc" in FIPS 180-4, appendix B.1.
        assert_eq!(file.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        store.write("x.json", &mut |file| file.write_all(b"abcd")).expect("written again");
        assert_eq!(store.files().len(), 1);
    }

    #[test]
    fn what_is_withdrawn_was_never_there() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("a/b");
        let mut store = LocalStore::open(folder.clone(), String::new()).expect("opened");
        store.write("x.json", &mut |file| file.write_all(b"abc")).expect("written");
        store.withdraw();
        assert_eq!(fs_err::read_dir(root.path()).expect("read").count(), 0);
        fs_err::create_dir_all(&folder).expect("made");
        fs_err::write(folder.join("other"), "").expect("written");
        let mut store = LocalStore::open(folder.clone(), String::new()).expect("opened");
        store.write("x.json", &mut |file| file.write_all(b"abc")).expect("written");
        store.withdraw();
        let left: Vec<_> =
            fs_err::read_dir(&folder).expect("read").flatten().map(|e| e.file_name()).collect();
        assert_eq!(left, ["other"], "a folder of somebody else stays");
    }

    #[test]
    fn a_failed_write_leaves_the_file_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut store = LocalStore::open(folder.path().to_owned(), String::new()).expect("opened");
        store.write("x.json", &mut |file| file.write_all(b"whole")).expect("written");
        let error = store.write("x.json", &mut |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("disk full"))
        });
        let message = error.expect_err("refused").to_string();
        assert!(message.contains("disk full") && message.contains("storage.local_storage.path"), "{message}");
        assert_eq!(fs_err::read_to_string(folder.path().join("x.json")).expect("read"), "whole");
        assert_eq!(fs_err::read_dir(folder.path()).expect("read").count(), 1, "no partial file stays");
    }
}
