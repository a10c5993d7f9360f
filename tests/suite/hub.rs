//! Tokenizers from a hub, as a user meets them: the first run fetches, the second needs no network, a home that cannot
//! be written is no obstacle, and what the hub refuses is said in words.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::hub::{Asked, GOOD_TOKEN, HubServer, SIGNATURE};
use benchmark_tests::program;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// A folder that nobody can make anything in, not even root.
const UNWRITABLE: &str = "/proc/none";

struct Rig {
    folder: TempDir,
    hub: HubServer,
}

struct Outcome {
    code: Option<i32>,
    text: String,
}

fn digest(content: &[u8]) -> String {
    inference_perf::hex::encode(&Sha256::digest(content))
}

impl Rig {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let tokenizer = folder.path().join("made");
        model_server_simulator::tokenizer::write_small_tokenizer(&tokenizer)?;
        let content = fs_err::read(tokenizer.join("tokenizer.json"))?;
        let digest = digest(&content);
        Ok(Self { hub: HubServer::start(content, digest)?, folder })
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Validates a configuration whose tokenizer is `model`, with nothing else in the environment than `variables`.
    fn validate(&self, model: &str, variables: &[(&str, &str)], more: &[&str]) -> Result<Outcome> {
        let output = Command::new(program("inference-perf"))
            .args(["validate", "--server.base_url=http://127.0.0.1:9", "--data.type=synthetic"])
            .args(["--data.input_distribution.mean=100", "--data.output_distribution.mean=100"])
            .arg("--load.stages=[{\"rate\": 1, \"duration\": 1}]")
            .args(["--tokenizer.pretrained_model_name_or_path", model])
            .args(more)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HF_ENDPOINT", &self.hub.endpoint)
            .env("HOME", self.home())
            .envs(variables.iter().copied())
            .output()?;
        let text = format!("{}{}", String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
        for secret in [GOOD_TOKEN, SIGNATURE, "hf_stale", "hf_other"] {
            ensure!(!text.contains(secret), "a secret is printed: {text}");
        }
        let text = text.replace(&self.hub.endpoint, "HUB").trim_end().to_owned();
        Ok(Outcome { code: output.status.code(), text })
    }

    fn accepted(&self, model: &str, variables: &[(&str, &str)]) -> Result<String> {
        let outcome = self.validate(model, variables, &[])?;
        ensure!(outcome.code == Some(0), "{model}: {}", outcome.text);
        Ok(outcome.text)
    }

    fn refused(&self, model: &str, variables: &[(&str, &str)]) -> Result<String> {
        let outcome = self.validate(model, variables, &[])?;
        ensure!(outcome.code == Some(1), "{model}: {}", outcome.text);
        Ok(outcome.text)
    }

    /// What the hub was asked, without tokens.
    fn asked(&self) -> Vec<String> {
        self.hub.asked().into_iter().map(|asked| asked.what).collect()
    }
}

#[test]
fn a_second_run_works_offline_from_the_cache() -> Result<()> {
    let rig = Rig::start()?;
    assert_eq!(rig.accepted("org/old-name", &[("HF_TOKEN", GOOD_TOKEN)])?, "command line: valid");
    let asked = rig.hub.asked();
    let what: Vec<&str> = asked.iter().map(|asked| asked.what.as_str()).collect();
    let (old, new) = ("/org/old-name/resolve/main/tokenizer.json", "/org/small/resolve/main/tokenizer.json");
    assert_eq!(
        what,
        [
            &format!("HEAD {old}"),
            &format!("HEAD {new}"),
            &format!("GET {old}"),
            &format!("GET {new}"),
            "store GET /blob"
        ]
    );
    // The token is for the hub, not for the store that it sends on to.
    let tokens: Vec<bool> = asked.iter().map(|Asked { token, .. }| token.is_some()).collect();
    assert_eq!(tokens, [true, true, true, true, false]);

    let model = rig.home().join(".cache/huggingface/hub/models--org--old-name");
    assert_eq!(fs_err::read_to_string(model.join("refs/main"))?, "c0ffee");
    let cached = fs_err::read(model.join("snapshots/c0ffee/tokenizer.json"))?;
    ensure!(model.join("blobs").join(digest(&cached)).is_file(), "the blob has the ETag's name");

    assert_eq!(rig.accepted("org/old-name", &[("HF_HUB_OFFLINE", "1")])?, "command line: valid");
    assert_eq!(rig.asked(), Vec::<String>::new(), "the hub is not asked");
    // A hub that cannot be reached is no obstacle either, and is told.
    let warned = rig.accepted("org/old-name", &[("HF_ENDPOINT", "http://127.0.0.1:1")])?;
    ensure!(
        warned.contains(" - WARNING - http://127.0.0.1:1/org/old-name/resolve/main/tokenizer.json: "),
        "{warned}"
    );
    ensure!(warned.contains("snapshots/c0ffee/tokenizer.json is used"), "{warned}");
    Ok(())
}

#[test]
fn what_the_cache_has_is_not_fetched_again_until_it_changes() -> Result<()> {
    let rig = Rig::start()?;
    let head = "HEAD /plain/resolve/main/tokenizer.json";
    let get = "GET /plain/resolve/main/tokenizer.json";
    rig.accepted("plain", &[])?;
    assert_eq!(rig.asked(), [head, get]);
    rig.accepted("plain", &[])?;
    assert_eq!(rig.asked(), [head]);
    let mut content = fs_err::read(rig.folder.path().join("made/tokenizer.json"))?;
    content.push(b'\n');
    let digest = digest(&content);
    rig.hub.replace(content.clone(), digest);
    rig.accepted("plain", &[])?;
    assert_eq!(rig.asked(), [head, get]);
    let cached = rig.home().join(".cache/huggingface/hub/models--plain/snapshots/c0ffee2/tokenizer.json");
    assert_eq!(fs_err::read(cached)?, content);
    Ok(())
}

#[test]
fn what_the_hub_has_no_time_to_send_is_taken_from_the_cache() -> Result<()> {
    let rig = Rig::start()?;
    rig.accepted("plain", &[])?;
    rig.hub.replace(b"{}".to_vec(), digest(b"{}"));
    rig.hub.withhold();
    rig.asked();
    let told = rig.accepted("plain", &[])?;
    ensure!(
        told.contains(" - WARNING - HUB/plain/resolve/main/tokenizer.json: HTTP 503; ")
            && told.contains("snapshots/c0ffee/tokenizer.json is used"),
        "{told}"
    );
    let get = "GET /plain/resolve/main/tokenizer.json";
    assert_eq!(rig.asked(), ["HEAD /plain/resolve/main/tokenizer.json", get, get, get]);
    Ok(())
}

#[test]
fn a_file_too_great_is_refused_at_once() -> Result<()> {
    let rig = Rig::start()?;
    insta::assert_snapshot!(rig.refused("org/great", &[])?, @"--tokenizer.pretrained_model_name_or_path: tokenizer.json of org/great has 2147483648 bytes or more, and 1073741824 are fetched at most (no tokenizer is that great: check the name of the model; a local folder of that name with tokenizer.json would need no hub)");
    assert_eq!(rig.asked(), ["HEAD /org/great/resolve/main/tokenizer.json"]);
    let told = rig.refused("org/great-untold", &[])?;
    ensure!(told.contains("has 2147483648 bytes or more"), "{told}");
    let asked =
        ["HEAD", "GET"].map(|method| format!("{method} /org/great-untold/resolve/main/tokenizer.json"));
    assert_eq!(rig.asked(), asked);
    Ok(())
}

#[test]
fn a_home_that_cannot_be_written_is_no_obstacle() -> Result<()> {
    let rig = Rig::start()?;
    for variables in [&[("HOME", UNWRITABLE)][..], &[("HOME", UNWRITABLE), ("HF_HOME", UNWRITABLE)]] {
        let told = rig.accepted("org/small", variables)?;
        ensure!(told.contains("tokenizer.json of org/small is kept in memory"), "{told}");
        ensure!(told.contains("HF_HUB_CACHE names another one"), "{told}");
    }
    // The first folder that can be written is.
    let cache = rig.folder.path().join("cache").display().to_string();
    let told = rig.accepted("org/small", &[("HOME", UNWRITABLE), ("HF_HUB_CACHE", &cache)])?;
    assert_eq!(told, "command line: valid");
    ensure!(Path::new(&cache).join("models--org--small/refs/main").is_file(), "the named cache is used");
    Ok(())
}

#[test]
fn what_the_hub_refuses_is_said_with_its_remedy() -> Result<()> {
    let rig = Rig::start()?;
    insta::assert_snapshot!(rig.refused("org/gated", &[])?, @"--tokenizer.pretrained_model_name_or_path: the hub gives org/gated only to those who were granted access (HTTP 401) (ask for access on HUB/org/gated, then give a token: HF_TOKEN or tokenizer.token)");
    insta::assert_snapshot!(rig.refused("org/gated", &[("HF_TOKEN", "hf_other")])?, @"--tokenizer.pretrained_model_name_or_path: the hub gives org/gated only to those who were granted access (HTTP 403) (a token was sent, but its owner has no access: ask for it on HUB/org/gated)");
    rig.accepted("org/gated", &[("HF_TOKEN", GOOD_TOKEN)])?;
    insta::assert_snapshot!(rig.refused("org/absent", &[])?, @"--tokenizer.pretrained_model_name_or_path: there is no folder org/absent here, and the hub HUB has no such model (HTTP 401) (check the name; a private model needs a token: HF_TOKEN or tokenizer.token; a local folder of that name with tokenizer.json would need no hub)");
    insta::assert_snapshot!(rig.refused("org/absent", &[("HF_TOKEN", "hf_stale")])?, @"--tokenizer.pretrained_model_name_or_path: the hub refuses the token that was sent for org/absent (HTTP 401) (give a valid one: tokenizer.token, HF_TOKEN, or the file token in HF_HOME)");
    insta::assert_snapshot!(rig.refused("org/no-tokenizer", &[])?, @"--tokenizer.pretrained_model_name_or_path: the model org/no-tokenizer has no tokenizer.json on the hub (name a model with the same tokenizer that has it, or a folder made in Python by transformers.AutoTokenizer.from_pretrained('org/no-tokenizer').save_pretrained('FOLDER'))");
    insta::assert_snapshot!(rig.refused("org/damaged", &[])?, @"--tokenizer.pretrained_model_name_or_path: HUB/org/damaged/resolve/main/tokenizer.json: what came does not have the announced SHA-256 (check HF_ENDPOINT, HTTPS_PROXY and the network; a local folder of that name with tokenizer.json would need no hub)");
    insta::assert_snapshot!(rig.refused("org/busy", &[])?, @"--tokenizer.pretrained_model_name_or_path: HUB/org/busy/resolve/main/tokenizer.json: HTTP 503 (check HF_ENDPOINT, HTTPS_PROXY and the network; a local folder of that name with tokenizer.json would need no hub)");
    let offline =
        rig.refused("org/small", &[("HF_HUB_OFFLINE", "1"), ("HF_HUB_CACHE", "/c"), ("HOME", "/h")])?;
    insta::assert_snapshot!(offline, @"--tokenizer.pretrained_model_name_or_path: tokenizer.json of org/small is not in the cache (/c, /h/.cache/huggingface/hub), and HF_HUB_OFFLINE forbids to fetch it (unset HF_HUB_OFFLINE for one run, or point HF_HUB_CACHE at the cache; a local folder of that name with tokenizer.json would need no hub)");
    Ok(())
}

#[test]
fn a_slow_hub_is_not_waited_for_longer_than_asked() -> Result<()> {
    let rig = Rig::start()?;
    let outcome = rig.validate("org/slow", &[], &["--tokenizer.load_timeout=0.2"])?;
    assert_eq!(outcome.code, Some(1));
    insta::assert_snapshot!(outcome.text, @"--tokenizer.pretrained_model_name_or_path: tokenizer.json of org/slow did not come within 0.2 s (raise tokenizer.load_timeout, or check HF_ENDPOINT and HTTPS_PROXY; a local folder of that name with tokenizer.json would need no hub)");
    insta::assert_snapshot!(rig.refused("org/slow", &[("HF_HUB_DOWNLOAD_TIMEOUT", "0.2")])?, @"--tokenizer.pretrained_model_name_or_path: HUB/org/slow/resolve/main/tokenizer.json: no answer within 0.2 s (check HF_ENDPOINT, HTTPS_PROXY and the network; a local folder of that name with tokenizer.json would need no hub)");
    Ok(())
}

#[test]
fn the_configurations_token_and_proxies_are_used() -> Result<()> {
    let rig = Rig::start()?;
    let outcome =
        rig.validate("org/gated", &[("HF_TOKEN", "hf_other")], &["--tokenizer.token", GOOD_TOKEN])?;
    assert_eq!((outcome.code, outcome.text.as_str()), (Some(0), "command line: valid"));
    rig.asked();
    // The hub's name leads nowhere; the proxy is asked for it.
    let proxy = rig.hub.endpoint.clone();
    let variables = [("HF_ENDPOINT", "http://hub.invalid"), ("HTTP_PROXY", proxy.as_str())];
    let told = rig.accepted("plain", &variables)?;
    assert_eq!(told, "command line: valid");
    let first = rig.asked().into_iter().next().context("the proxy was asked")?;
    assert_eq!(first, "HEAD /plain/resolve/main/tokenizer.json");
    Ok(())
}
