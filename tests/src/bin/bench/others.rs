//! Generators of raw HTTP load that parse nothing: the ceilings to compare with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use benchmark_tests::root;
use serde_json::json;

use crate::process::{Ended, measure};
use crate::target::{MODEL, Target};

/// Where the programs are.
pub(crate) struct Others {
    oha: PathBuf,
    wrk: PathBuf,
    /// The body that they send.
    body: PathBuf,
    /// wrk's script.
    script: PathBuf,
}

impl Others {
    /// Finds the programs, and writes what they send into `folder`.
    ///
    /// # Errors
    /// If one is missing, with the command that gets it.
    pub(crate) fn find(folder: &Path) -> Result<Self> {
        let remedy = "run `tests/tools/bench.sh` first (make bench does)";
        let oha = root().join(".tools/oha/bin/oha");
        let oha = Some(oha).filter(|path| path.is_file()).context("oha is missing").context(remedy)?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let wrk = std::env::split_paths(&path).map(|folder| folder.join("wrk")).find(|path| path.is_file());
        let wrk = wrk.context("wrk is missing").context("install it with: apt-get install wrk")?;
        Ok(Self { oha, wrk, body: folder.join("body.json"), script: folder.join("post.lua") })
    }

    /// Sets the body that both send: `bytes` long, 512 words, an answer of `output` tokens, streamed.
    pub(crate) fn set_body(&self, bytes: usize, output: u32) -> Result<()> {
        let body = |prompt: &str| {
            json!({"model": MODEL, "prompt": prompt, "max_tokens": output, "ignore_eos": true, "stream": true,
                   "stream_options": {"include_usage": true}})
            .to_string()
        };
        let room = bytes.saturating_sub(body("").len()).max(2);
        let prompt: String = "word ".chars().cycle().take(room - 1).chain(['.']).collect();
        let body = body(&prompt);
        fs_err::write(&self.body, &body)?;
        let script = format!(
            "wrk.method = 'POST'\nwrk.body = '{body}'\nwrk.headers['Content-Type'] = 'application/json'\n"
        );
        fs_err::write(&self.script, script)?;
        Ok(())
    }

    /// So many requests by oha, so many at a time.
    pub(crate) fn oha(&self, target: &Target, requests: u64, concurrency: u64) -> Result<Ended> {
        let mut command = Command::new(&self.oha);
        command.args(["--no-tui", "--output-format", "quiet", "-m", "POST", "-T", "application/json"]);
        command.args(["-n", &requests.to_string(), "-c", &concurrency.to_string(), "-D"]).arg(&self.body);
        measure(command.arg(format!("{}/v1/completions", target.base_url())))
    }

    /// As many requests as wrk can send in so many seconds, so many at a time.
    pub(crate) fn wrk(&self, target: &Target, seconds: u64, concurrency: u64) -> Result<Ended> {
        let mut command = Command::new(&self.wrk);
        command.args(["-t2", &format!("-c{concurrency}"), &format!("-d{seconds}s"), "-s"]).arg(&self.script);
        measure(command.arg(format!("{}/v1/completions", target.base_url())))
    }
}
