//! Data sets that are fetched before the run: from a bucket that `data.path` names, or from the hub where it names none.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use benchmark_schemas::config::{Config, DataType, SimpleStorageService, VisionArena};

use super::{start, workload};
use crate::hub::{Hub, HubError, Kind, Repo};
use crate::store::{ObjectFolder, StoreEnvironment};
use crate::workload::{Arena, DatasetFiles, RowFormat, is_data_file};

/// Where upstream takes a data set from: its name on the hub, and the files of it that begin and end so.
struct Source {
    name: &'static str,
    begin: &'static str,
    end: &'static str,
}

const SHARE_GPT: Source = Source {
    name: "anon8231489123/ShareGPT_Vicuna_unfiltered",
    begin: "ShareGPT_V3_unfiltered_cleaned_split.json",
    end: ".json",
};
const CNN_DAILYMAIL: Source = Source { name: "abisee/cnn_dailymail", begin: "3.0.0/train-", end: ".parquet" };

/// Bucket, folder and name of an object whose address is `s3://bucket/folder/name`; without a name it is the whole folder.
pub(super) fn in_bucket(path: &str) -> Option<(&str, &str, &str)> {
    let (bucket, key) = path.strip_prefix("s3://")?.split_once('/')?;
    let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
    (!bucket.is_empty()).then_some((bucket, folder, name))
}

/// The files at `s3://…`, copied to the local disk for as long as they are needed.
async fn from_bucket(config: &Config, place: (&str, &str, &str), format: RowFormat) -> Result<DatasetFiles> {
    let (bucket, path, name) = place;
    let storage = config.storage.as_ref().and_then(|storage| storage.simple_storage_service.as_ref());
    let settings = SimpleStorageService {
        bucket_name: bucket.to_owned(),
        path: path.to_owned(),
        report_file_prefix: None,
        endpoint_url: storage.and_then(|storage| storage.endpoint_url.clone()),
        region_name: storage.and_then(|storage| storage.region_name.clone()),
        addressing_style: storage.and_then(|storage| storage.addressing_style),
    };
    let folder = tempfile::tempdir().context("the data set cannot be kept on disk")?;
    let store = ObjectFolder::s3(&settings, &StoreEnvironment::of_process())?;
    tracing::info!("Fetching the data set from s3://{bucket}/{path}");
    let mut files = store.fetch(name, folder.path()).await.context("data.path")?;
    files.retain(|file| !name.is_empty() || is_data_file(file));
    Ok(DatasetFiles::of(files, format)?.within(folder))
}

/// The files of the data set of `config`, fetched if they are not in the cache; `None` if it names files, or none at all.
///
/// # Errors
///
/// If they are not to be had, or are not what the data type needs.
pub(super) async fn fetched(config: &Config) -> Result<Option<DatasetFiles>> {
    let format = workload::row_format(config);
    let bucket = config.data.path.as_deref().and_then(in_bucket);
    if let (Some(format), Some(place)) = (format, bucket) {
        return Ok(Some(Box::pin(from_bucket(config, place, format)).await?));
    }
    let source = match config.data.kind {
        DataType::ShareGpt => SHARE_GPT,
        DataType::CnnDailymail => CNN_DAILYMAIL,
        _ => return Ok(None),
    };
    let Some(format) = format.filter(|_| config.data.path.is_none()) else {
        return Ok(None);
    };
    let (hub, repo) = (hub(config), Repo::data_set(source.name));
    let wanted = |name: &str| name.starts_with(source.begin) && name.ends_with(source.end);
    let paths = Box::pin(all(&hub, &repo, &wanted)).await?;
    Ok(Some(DatasetFiles::of(paths, format)?))
}

/// The pictures and questions of VisionArena, from as many files as it takes; `None` for other data types.
///
/// # Errors
///
/// If they are not to be had.
pub(super) async fn arena(config: &Config) -> Result<Option<Arena>> {
    let Some(settings) =
        config.data.visionarena.as_ref().filter(|_| config.data.kind == DataType::VisionArena)
    else {
        return Ok(None);
    };
    let (hub, repo) = (hub(config), Repo::data_set(&settings.hf_dataset_name));
    let names = hub.files(&repo).await.map_err(|error| told(&error))?;
    let names: Vec<_> = names.into_iter().filter(|name| is_of_split(settings, name)).collect();
    if names.is_empty() {
        bail!(
            "data.visionarena: {repo} has no Parquet file of its split {} (check hf_split and hf_data_files)",
            settings.hf_split
        );
    }
    let mut arena = Arena::new(settings).context("the pictures cannot be kept on disk")?;
    for name in names {
        let path = hub.path(&repo, &name).await.map_err(|error| told(&error))?;
        if arena.read(&path)? {
            break;
        }
    }
    arena.checked(settings)?;
    Ok(Some(arena))
}

fn hub(config: &Config) -> Hub {
    let token = config.tokenizer.as_ref().and_then(|tokenizer| tokenizer.token.as_ref());
    Hub::new(start::hub_settings(token))
}

/// The wanted files of `repo`.
async fn all(hub: &Hub, repo: &Repo, wanted: &impl Fn(&str) -> bool) -> Result<Vec<PathBuf>> {
    let names = hub.files(repo).await.map_err(|error| told(&error))?;
    let names: Vec<_> = names.into_iter().filter(|name| wanted(name)).collect();
    if names.is_empty() {
        bail!(
            "data.path: the data set {repo} has none of the files that it should have (name files of it here)"
        );
    }
    let mut paths = Vec::new();
    for name in names {
        paths.push(hub.path(repo, &name).await.map_err(|error| told(&error))?);
    }
    Ok(paths)
}

/// The error with its remedy.
fn told(error: &HubError) -> anyhow::Error {
    let remedy = error.remedy(Kind::DataSet);
    anyhow::anyhow!("data: {error} ({remedy})")
}

/// True for Parquet files of the split: those that `hf_data_files` names, or that have it in their own name.
fn is_of_split(settings: &VisionArena, name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let by_name = || {
        let rest = last.strip_prefix(settings.hf_split.as_str());
        rest.is_some_and(|rest| rest.starts_with(['-', '.', '_']))
    };
    last.ends_with(".parquet")
        && settings.hf_data_files.as_ref().map_or_else(by_name, |pattern| matches(pattern, name))
}

/// Whether `name` is what `pattern` says, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|name| {
            name.char_indices().map(|(at, _)| at).chain([name.len()]).any(|at| matches(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_buckets_are_told_from_paths() {
        assert_eq!(in_bucket("s3://b/x/y/z.json"), Some(("b", "x/y", "z.json")));
        assert_eq!(in_bucket("s3://b/x/y/"), Some(("b", "x/y", "")));
        assert_eq!(in_bucket("s3://b/z.json"), Some(("b", "", "z.json")));
        for path in ["/x/y", "s3:/b/x", "s3://b", "s3:///x", "data.json"] {
            assert_eq!(in_bucket(path), None, "{path}");
        }
    }

    #[test]
    fn files_of_a_split_are_told_from_others() {
        let settings = VisionArena::default();
        let names = [
            "data/train-00000-of-00002.parquet",
            "train.parquet",
            "data/test-0.parquet",
            "train-0.json",
            "trainer.parquet",
        ];
        assert_eq!(names.map(|name| is_of_split(&settings, name)), [true, true, false, false, false]);
        let settings = VisionArena { hf_data_files: Some("data/*-00001*.parquet".to_owned()), ..settings };
        let names =
            ["data/x-00001-of-2.parquet", "data/-00001.parquet", "data/x-00000.parquet", "x-00001.parquet"];
        assert_eq!(names.map(|name| is_of_split(&settings, name)), [true, true, false, false]);
    }
}
