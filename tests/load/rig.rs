//! What the load tests share: a folder with a tokenizer, a simulated server, an S3 server, and a run of the program.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::{Simulator, program, tool};
use model_server_simulator::Stats;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// The model's name at the simulator.
pub(crate) const MODEL: &str = "qwen3-8b";

/// A folder to run in, with a tokenizer, and a server to run against.
pub(crate) struct Rig {
    folder: TempDir,
    pub(crate) simulator: Simulator,
    runs: Cell<usize>,
}

impl Rig {
    /// A simulator that answers quickly, with further `arguments`.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let tokenizer = folder.path().join("tokenizer");
        model_server_simulator::tokenizer::write_small_tokenizer(&tokenizer)?;
        let tokenizer = tokenizer.to_string_lossy().into_owned();
        let mut all = vec!["--model", MODEL, "--tokenizer", &tokenizer];
        all.extend(arguments);
        let simulator = Simulator::start(all)?;
        Ok(Self { folder, simulator, runs: Cell::default() })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Server and tokenizer sections of a configuration for this rig.
    pub(crate) fn target(&self) -> String {
        self.target_with("")
    }

    /// The same with further lines of the server's section.
    pub(crate) fn target_with(&self, server_lines: &str) -> String {
        format!(
            "server:\n  type: vllm\n  model_name: {MODEL}\n  base_url: {}\n  ignore_eos: true\n{server_lines}tokenizer:\n  pretrained_model_name_or_path: {}\n",
            self.simulator.base_url,
            self.path("tokenizer").display()
        )
    }

    /// The name of a folder for reports that no other run has.
    pub(crate) fn reports(&self) -> String {
        let runs = self.runs.get() + 1;
        self.runs.set(runs);
        format!("reports-of-run-{runs}")
    }

    /// The folder that [`Rig::reports`] named last.
    pub(crate) fn last_reports(&self) -> PathBuf {
        self.path(&format!("reports-of-run-{}", self.runs.get()))
    }

    /// Writes `config` and prepares the program to run with it in the rig's folder. It is found on `PATH`, as scripts
    /// that were written for upstream's find it.
    pub(crate) fn command(&self, config: &str) -> Result<Command> {
        let file = self.path("config.yml");
        fs_err::write(&file, config)?;
        let folder = program("inference-perf").parent().context("a program is in a folder")?.to_owned();
        let others = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&others)))?;
        let mut command = Command::new("inference-perf");
        command.env("PATH", path).arg("--config_file").arg(file).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }

    /// Requests that the server has answered or is answering.
    pub(crate) fn served(&self) -> Result<u64> {
        self.total("started")
    }

    /// Waits until the server has been asked `requests` times, as long as `program` runs.
    pub(crate) fn await_served(&self, requests: u64, program: &mut Child) -> Result<()> {
        self.await_total("started", requests, program)
    }

    /// A count of the server's by its name in `/stats`.
    pub(crate) fn total(&self, name: &str) -> Result<u64> {
        let stats: Value = self.ask("/stats?requests=0")?.json()?;
        stats["totals"][name].as_u64().with_context(|| format!("/stats has no count of {name}"))
    }

    /// Waits until a count of the server's is `least`, as long as `program` runs.
    pub(crate) fn await_total(&self, name: &str, least: u64, program: &mut Child) -> Result<()> {
        while self.total(name)? < least {
            let ended = program.try_wait()?;
            ensure!(ended.is_none(), "the program ended before the server had counted {least} {name}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// What the server has recorded, with the instants of every request that has ended.
    pub(crate) fn stats(&self) -> Result<Stats> {
        Ok(self.ask("/stats")?.json()?)
    }

    fn ask(&self, path: &str) -> Result<reqwest::blocking::Response> {
        Ok(reqwest::blocking::get(format!("{}{path}", self.simulator.base_url))?.error_for_status()?)
    }
}

/// Sends a signal to a program that was started and not yet waited for.
pub(crate) fn send(program: &Child, signal: Signal) -> Result<()> {
    let process = Pid::from_raw(i32::try_from(program.id())?).context("a child's id is not zero")?;
    Ok(kill_process(process, signal)?)
}

/// Standard output of a finished program as text.
pub(crate) fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A JSON file.
pub(crate) fn json(file: &Path) -> Result<Value> {
    Ok(serde_json::from_str(&fs_err::read_to_string(file)?)?)
}

/// A list of numbers.
pub(crate) fn numbers(list: &Value) -> Result<Vec<f64>> {
    let list = list.as_array().context("a list")?;
    list.iter().map(|number| number.as_f64().context("a number")).collect()
}

/// The files of a folder by name; those of its folders, such as the spool, are left out.
pub(crate) fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            let name = path.file_name().context("a name")?.to_string_lossy().into_owned();
            files.insert(name, fs_err::read(path)?);
        }
    }
    Ok(files)
}

/// A server that speaks the S3 protocol, with its own process; ended when dropped.
pub(crate) struct S3 {
    process: Child,
    pub(crate) endpoint: String,
}

impl S3 {
    pub(crate) fn start() -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(tool("venv/bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let server = Self { process, endpoint: format!("http://127.0.0.1:{port}") };
        let begin = Instant::now();
        while reqwest::blocking::get(&server.endpoint).is_err() {
            ensure!(begin.elapsed() < Duration::from_mins(1), "the S3 server does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(server)
    }

    pub(crate) fn create_bucket(&self, name: &str) -> Result<()> {
        let url = format!("{}/{name}", self.endpoint);
        reqwest::blocking::Client::new().put(url).send()?.error_for_status()?;
        Ok(())
    }

    /// All objects of a bucket by key, text and media type, as AWS's own client reads them.
    pub(crate) fn objects(&self, bucket: &str) -> Result<BTreeMap<String, [String; 2]>> {
        const READ: &str = "import boto3, json, sys\n\
            bucket = boto3.resource('s3', endpoint_url=sys.argv[1], region_name='us-east-1').Bucket(sys.argv[2])\n\
            got = {o.key: o.get() for o in bucket.objects.all()}\n\
            print(json.dumps({k: [g['Body'].read().decode(), g['ContentType']] for k, g in got.items()}))\n";
        let mut python = Command::new(tool("venv/bin/python"));
        let output = with_credentials(python.args(["-c", READ, &self.endpoint, bucket])).output()?;
        ensure!(output.status.success(), "{}", text(&output));
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// The storage section of a configuration, and the credentials that the server wants to see.
    pub(crate) fn storage(&self, bucket: &str, path: &str) -> String {
        format!(
            "storage:\n  local_storage:\n    path: reports\n  simple_storage_service:\n    bucket_name: {bucket}\n    path: {path}\n    endpoint_url: {}\n    region_name: us-east-1\n",
            self.endpoint
        )
    }
}

/// Credentials as a pod would have them.
pub(crate) fn with_credentials(command: &mut Command) -> &mut Command {
    command.env("AWS_ACCESS_KEY_ID", "test-key").env("AWS_SECRET_ACCESS_KEY", "test-secret")
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.stop();
    }
}
