//! Where the hub is and where its files are kept, by the environment variables of Python's `huggingface_hub`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use benchmark_schemas::secret::Secret;

/// The hub where `HF_ENDPOINT` names no other.
const ENDPOINT: &str = "https://huggingface.co";
/// Longest silence of the hub where `HF_HUB_DOWNLOAD_TIMEOUT` gives none, seconds.
const SILENCE_SECONDS: f64 = 10.0;
/// Longest silence that it may ask for, seconds.
const MOST_SILENCE_SECONDS: f64 = 86_400.0;

/// Where the hub is and where its files are kept.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// Address of the hub, without a slash at its end.
    pub endpoint: String,
    /// Who asks; models that all may read need nobody.
    pub token: Option<Secret>,
    /// Folders of the cache in the order in which they are looked into; the first that can be written is.
    pub caches: Vec<PathBuf>,
    /// The cache alone is used.
    pub offline: bool,
    /// Longest silence of the hub.
    pub silence: Duration,
}

impl HubSettings {
    /// The settings of `environment`; `token` goes before its tokens.
    #[must_use]
    pub fn new(environment: &BTreeMap<String, String>, token: Option<&Secret>) -> Self {
        let get = |name: &str| environment.get(name).map(String::as_str).filter(|value| !value.is_empty());
        let is_set = |name: &str| {
            let value = get(name).unwrap_or_default().to_ascii_uppercase();
            ["1", "ON", "YES", "TRUE"].contains(&value.as_str())
        };
        let user = get("HOME").map(|home| Path::new(home).join(".cache"));
        let shared = get("XDG_CACHE_HOME").map(PathBuf::from).or(user.clone());
        let homes: Vec<PathBuf> = [get("HF_HOME").map(PathBuf::from)]
            .into_iter()
            .chain([shared, user].map(|folder| folder.map(|folder| folder.join("huggingface"))))
            .flatten()
            .collect();
        let named = ["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"].map(|name| get(name).map(PathBuf::from));
        let mut caches: Vec<PathBuf> = Vec::new();
        for cache in named.into_iter().flatten().chain(homes.iter().map(|home| home.join("hub"))) {
            if !caches.contains(&cache) {
                caches.push(cache);
            }
        }
        let silence = get("HF_HUB_DOWNLOAD_TIMEOUT").and_then(|text| text.parse::<f64>().ok());
        let silence = silence.filter(|seconds| *seconds > 0.0).unwrap_or(SILENCE_SECONDS);
        Self {
            endpoint: get("HF_ENDPOINT").unwrap_or(ENDPOINT).trim_end_matches('/').to_owned(),
            token: token.filter(|token| !token.expose().is_empty()).cloned().or_else(|| {
                let given = get("HF_TOKEN").or(get("HUGGING_FACE_HUB_TOKEN")).map(str::to_owned);
                let file = get("HF_TOKEN_PATH").map(PathBuf::from);
                let file = file.or_else(|| homes.first().map(|home| home.join("token")));
                let token = given.or_else(|| std::fs::read_to_string(file?).ok())?;
                Some(token.trim()).filter(|token| !token.is_empty()).map(Secret::new)
            }),
            caches,
            offline: is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE"),
            silence: Duration::from_secs_f64(silence.min(MOST_SILENCE_SECONDS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)], token: Option<&str>) -> HubSettings {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        HubSettings::new(&environment.collect(), token.map(Secret::new).as_ref())
    }

    fn caches(variables: &[(&str, &str)]) -> Vec<String> {
        settings(variables, None).caches.iter().map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn caches_are_those_of_the_hubs_own_client() {
        assert_eq!(caches(&[]), Vec::<String>::new());
        assert_eq!(caches(&[("HOME", "/h")]), ["/h/.cache/huggingface/hub"]);
        assert_eq!(
            caches(&[
                ("HOME", "/h"),
                ("HF_HOME", "/tmp/hf"),
                ("HF_HUB_CACHE", "/c"),
                ("XDG_CACHE_HOME", "/x")
            ]),
            ["/c", "/tmp/hf/hub", "/x/huggingface/hub", "/h/.cache/huggingface/hub"]
        );
        assert_eq!(
            caches(&[("HF_HOME", ""), ("HOME", "/h"), ("HF_HUB_CACHE", "/h/.cache/huggingface/hub")]).len(),
            1
        );
    }

    #[test]
    fn the_configurations_token_goes_first_then_the_environments_then_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        fs_err::write(folder.path().join("token"), "from-file\n").expect("a file");
        let home = folder.path().display().to_string();
        let token = |variables: &[(&str, &str)], token| {
            settings(variables, token).token.map(|token| token.expose().to_owned())
        };
        let all = [("HF_HOME", home.as_str()), ("HF_TOKEN", " t1 "), ("HUGGING_FACE_HUB_TOKEN", "t2")];
        assert_eq!(token(&all, Some("own")).as_deref(), Some("own"));
        assert_eq!(token(&all, Some("")).as_deref(), Some("t1"));
        assert_eq!(token(&all[..1], None).as_deref(), Some("from-file"));
        assert_eq!(token(&[("HUGGING_FACE_HUB_TOKEN", "t2")], None).as_deref(), Some("t2"));
        assert_eq!(token(&[("HOME", "/none")], None), None);
    }

    #[test]
    fn the_rest_has_defaults() {
        let plain = settings(&[], None);
        assert_eq!(
            (plain.endpoint.as_str(), plain.offline, plain.silence),
            (ENDPOINT, false, Duration::from_secs(10))
        );
        let given = settings(
            &[
                ("HF_ENDPOINT", "http://hub:1/"),
                ("HF_HUB_OFFLINE", "yes"),
                ("HF_HUB_DOWNLOAD_TIMEOUT", "0.5"),
            ],
            None,
        );
        assert_eq!((given.endpoint.as_str(), given.offline), ("http://hub:1", true));
        assert_eq!(given.silence, Duration::from_millis(500));
        for odd in ["", "0", "x", "-1", "NaN"] {
            assert_eq!(settings(&[("HF_HUB_DOWNLOAD_TIMEOUT", odd)], None).silence, Duration::from_secs(10));
        }
        assert!(settings(&[("TRANSFORMERS_OFFLINE", "1")], None).offline);
        assert!(!settings(&[("HF_HUB_OFFLINE", "0")], None).offline);
    }
}
