//! Reading objects: a data set may lie in a bucket.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path as FilePath, PathBuf};

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt as _};

use super::{ObjectFolder, StoreError};

impl ObjectFolder {
    /// Copies the object `name`, or if that is empty all objects directly in the folder, into the local `folder`; gives
    /// their files by name.
    ///
    /// # Errors
    ///
    /// Why the store does not give them, or they cannot be written.
    pub async fn fetch(&self, name: &str, folder: &FilePath) -> Result<Vec<PathBuf>, StoreError> {
        let fetched = async {
            let keys = if name.is_empty() { self.keys().await? } else { vec![self.key(name)] };
            let mut files = Vec::new();
            for key in keys {
                files.push(self.fetch_one(&key, folder).await?);
            }
            files.sort_unstable();
            Ok(files)
        };
        fetched.await.map_err(|error: Error| StoreError::Object {
            target: format!("{}/{name} {}", self.url(), self.bucket.whereabouts()),
            fault: super::chain(&error),
            remedy: "check the address, storage.simple_storage_service and the AWS_* variables".to_owned(),
        })
    }

    /// Objects directly in the folder.
    async fn keys(&self) -> Result<Vec<Path>, Error> {
        let found = self.store.list_with_delimiter(Some(&Path::from(self.path.as_str()))).await?;
        Ok(found.objects.into_iter().map(|object| object.location).collect())
    }

    async fn fetch_one(&self, key: &Path, folder: &FilePath) -> Result<PathBuf, Error> {
        let local = |error: std::io::Error| Error::Generic { store: "local file", source: Box::new(error) };
        let path = folder.join(key.filename().unwrap_or("data"));
        let mut file = File::create(&path).map_err(local)?;
        let mut content = self.store.get(key).await?.into_stream();
        while let Some(bytes) = content.try_next().await? {
            file.write_all(&bytes).map_err(local)?;
        }
        Ok(path)
    }
}
