//! What the clients are measured against: the simulator as a process of its own, its own record of what happened, and
//! the tokenizers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::Simulator;
use model_server_simulator::{SmallTokenizer, Stats};

use crate::process::cpu_seconds_of;

/// Name of the model where no client needs another.
pub(crate) const MODEL: &str = "bench-model";
/// Entries of a made-up tokenizer whose file is about 6 MB.
const LARGE_VOCABULARY: usize = 140_000;

/// A running server.
pub(crate) struct Target {
    simulator: Simulator,
}

/// What a server is to be.
pub(crate) struct Model<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Folder of the tokenizer that its answers are made of.
    pub(crate) tokenizer: &'a Path,
    /// Time to the first token, ms.
    pub(crate) prefill_ms: &'a str,
    /// Time from one token to the next, ms.
    pub(crate) decode_ms: &'a str,
    /// Whether it counts tokens for its clients: `as_asked` or `never`.
    pub(crate) usage: &'a str,
    /// Requests whose stamps it keeps.
    pub(crate) recorded: &'a str,
    /// Tokens in one chunk.
    pub(crate) tokens_per_chunk: &'a str,
    /// Each event is an HTTP chunk of its own, as model servers write them; else those that are due at once are one.
    pub(crate) separate_events: bool,
}

impl<'a> Model<'a> {
    /// One that takes no time and keeps no stamps.
    pub(crate) fn without_delays(tokenizer: &'a Path) -> Self {
        Self {
            name: MODEL,
            tokenizer,
            prefill_ms: "0",
            decode_ms: "0",
            usage: "as_asked",
            recorded: "0",
            tokens_per_chunk: "1",
            separate_events: true,
        }
    }
}

impl Target {
    /// Starts the server.
    pub(crate) fn start(model: &Model<'_>) -> Result<Self> {
        let tokenizer = model.tokenizer.to_str().context("the tokenizer's path is UTF-8")?;
        // Places for all, and prompts counted by words: the server is never what is waited for.
        let fixed = "--slots 100000 --prefill-token-us 0 --decode-running-us 0 --prompts-by-words";
        let settings = [
            ("--model", model.name),
            ("--tokenizer", tokenizer),
            ("--prefill-ms", model.prefill_ms),
            ("--decode-ms", model.decode_ms),
            ("--usage", model.usage),
            ("--recorded-requests", model.recorded),
            ("--tokens-per-chunk", model.tokens_per_chunk),
        ];
        let separate = model.separate_events.then_some("--separate-events");
        let arguments = fixed
            .split(' ')
            .chain(separate)
            .chain(settings.into_iter().flat_map(|(key, value)| [key, value]));
        Ok(Self { simulator: Simulator::start(arguments)? })
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.simulator.base_url
    }

    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> &str {
        self.base_url().trim_start_matches("http://")
    }

    /// What the server knows, with the stamps that it keeps.
    pub(crate) fn stats(&self) -> Result<Stats> {
        Ok(serde_json::from_str(&self.ask("GET /stats")?)?)
    }

    /// Forgets what was before.
    pub(crate) fn reset(&self) -> Result<()> {
        self.ask("POST /stats/reset").map(drop)
    }

    /// Processor time of the server so far, seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds_of(self.simulator.id())
    }

    fn ask(&self, request: &str) -> Result<String> {
        let mut stream = TcpStream::connect(self.address())?;
        write!(
            stream,
            "{request} HTTP/1.1\r\nHost: {}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            self.address()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
        ensure!(head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{request}: {head}");
        Ok(body.to_owned())
    }
}

/// Time from the first request's arrival to the last answer's end by the server, seconds, and its completed requests.
pub(crate) fn served(stats: &Stats) -> Result<(f64, u64)> {
    let first = stats.first_arrival_ns.context("the server has been asked nothing")?;
    let last = stats.last_end_ns.context("the server has answered nothing")?;
    Ok((last.saturating_sub(first) as f64 / 1e9, stats.totals.completed))
}

/// Folders of the tokenizers.
pub(crate) struct Tokenizers {
    /// Some thousand entries.
    pub(crate) small: PathBuf,
    /// As large as those of current models.
    pub(crate) large: PathBuf,
    /// Where the large one comes from.
    pub(crate) origin: String,
}

impl Tokenizers {
    /// The small one is made in `folder`; so is the large one, unless `given` names a folder.
    pub(crate) fn new(folder: &Path, given: Option<&Path>) -> Result<Self> {
        let small = folder.join("small-tokenizer");
        model_server_simulator::write_small_tokenizer(&small)?;
        let large = match given {
            Some(given) => fs_err::canonicalize(given)?,
            None => make_large(&folder.join("large-tokenizer"))?,
        };
        let bytes = fs_err::metadata(large.join("tokenizer.json"))?.len();
        let whence = given.map_or("made up by the bench".to_owned(), |given| given.display().to_string());
        let origin = format!("Tokenizer of {:.1} MB: {whence}.", bytes as f64 / 1e6);
        Ok(Self { small, large, origin })
    }
}

/// A made-up tokenizer in the compact form that tokenizers have on the hub.
fn make_large(folder: &Path) -> Result<PathBuf> {
    let tokenizer = SmallTokenizer { vocabulary_size: LARGE_VOCABULARY, ..SmallTokenizer::default() };
    tokenizer.write(folder)?;
    let file = folder.join("tokenizer.json");
    let tree: serde_json::Value = serde_json::from_slice(&fs_err::read(&file)?)?;
    fs_err::write(&file, serde_json::to_string(&tree)?)?;
    Ok(folder.to_owned())
}
