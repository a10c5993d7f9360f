//! A hub on the loopback interface that speaks `resolve`: redirects to a store on another host, `ETags`, commits, gated
//! and absent models, silence. It notes what it was asked.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// The token that opens `org/gated`.
pub const GOOD_TOKEN: &str = "hf_good-token";
/// What the store's addresses are signed with.
pub const SIGNATURE: &str = "signature-of-the-store";

/// One request that was answered: method and path, and whether a token came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `GET /org/small/resolve/main/tokenizer.json`.
    pub what: String,
    /// The token that was sent.
    pub token: Option<String>,
}

#[derive(Debug)]
struct State {
    content: Vec<u8>,
    /// `ETag` of the content as the store has it: its SHA-256.
    digest: String,
    commit: String,
    asked: Vec<Asked>,
    store: String,
    /// True if whoever asks for contents is told to come later.
    withheld: bool,
    /// Files of data sets by path, each with its SHA-256.
    files: BTreeMap<String, (Vec<u8>, String)>,
}

/// A hub and its store; both answer until the process ends.
#[derive(Debug, Clone)]
pub struct HubServer {
    state: Arc<Mutex<State>>,
    /// `http://127.0.0.1:PORT`.
    pub endpoint: String,
}

impl HubServer {
    /// Serves `content`, whose SHA-256 is `digest`, as the file `tokenizer.json` of its models.
    ///
    /// # Errors
    /// If no port can be listened on.
    pub fn start(content: Vec<u8>, digest: String) -> Result<Self> {
        let (hub, store) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
        let address =
            |listener: &TcpListener| -> Result<String> { Ok(format!("http://{}", listener.local_addr()?)) };
        let (endpoint, commit) = (address(&hub)?, "c0ffee".to_owned());
        let state = State {
            content,
            digest,
            commit,
            asked: Vec::new(),
            store: address(&store)?,
            withheld: false,
            files: BTreeMap::new(),
        };
        let state = Arc::new(Mutex::new(state));
        for (listener, is_store) in [(hub, false), (store, true)] {
            let state = Arc::clone(&state);
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let state = Arc::clone(&state);
                    thread::spawn(move || {
                        let _ = answer(stream, &state, is_store);
                    });
                }
            });
        }
        Ok(Self { state, endpoint })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was asked since the last call.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().asked)
    }

    /// Puts other content in place, in a new commit.
    pub fn replace(&self, content: Vec<u8>, digest: String) {
        let mut state = self.state();
        (state.content, state.digest) = (content, digest);
        "c0ffee2".clone_into(&mut state.commit);
    }

    /// Serves `content`, whose SHA-256 is `digest`, as the file `name` of the data set `set`: it leads on to the store.
    pub fn add(&self, set: &str, name: &str, content: Vec<u8>, digest: String) {
        self.state().files.insert(format!("/datasets/{set}/resolve/main/{name}"), (content, digest));
    }

    /// From now on only tells what files are, and has no time to send them.
    pub fn withhold(&self) {
        self.state().withheld = true;
    }
}

/// The size of a file that nobody wants, bytes: two GiB.
const GREAT: u64 = 2 << 30;

/// Answers one request and closes.
fn answer(mut stream: TcpStream, state: &Mutex<State>, is_store: bool) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut token = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("authorization")
        {
            token = value.trim().strip_prefix("Bearer ").map(str::to_owned);
        }
    }
    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    // A proxy is asked for whole addresses.
    let path = target
        .strip_prefix("http://")
        .and_then(|rest| rest.find('/').map(|at| &rest[at..]))
        .unwrap_or(target);
    if path.starts_with("/org/slow/") {
        thread::sleep(Duration::from_secs(3));
        return Ok(());
    }
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let host = if is_store { "store " } else { "" };
    state.asked.push(Asked {
        what: format!("{host}{method} {}", path.split('?').next().unwrap_or_default()),
        token: token.clone(),
    });
    let (head, body) = if state.withheld && method == "GET" {
        let busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        (busy.to_owned(), Vec::new())
    } else if path.starts_with("/org/great") {
        // One that tells its size by its name is not asked for; of the other the size comes with the content.
        let etag = if path.starts_with("/org/great-untold/") { "" } else { "ETag: \"great\"\r\n" };
        (format!("HTTP/1.1 200 OK\r\n{etag}Content-Length: {GREAT}\r\nConnection: close\r\n\r\n"), Vec::new())
    } else {
        reply(&state, path, token.as_deref(), is_store)
    };
    let body = if method == "HEAD" { &[] } else { body.as_slice() };
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)
}

fn reply(state: &State, path: &str, token: Option<&str>, is_store: bool) -> (String, Vec<u8>) {
    let plain = |status: &str, headers: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        (head, body.to_vec())
    };
    if is_store && let Some((content, _)) = path.split('?').next().and_then(|path| state.files.get(path)) {
        return plain("200 OK", "ETag: \"of-the-store\"\r\n", content);
    }
    if let Some((content, digest)) = state.files.get(path) {
        if path.contains("gated") && token != Some(GOOD_TOKEN) {
            return plain("401 Unauthorized", "X-Error-Code: GatedRepo\r\n", b"no");
        }
        let (store, commit, size) = (&state.store, &state.commit, content.len());
        let headers = format!(
            "Location: {store}{path}?sig={SIGNATURE}\r\nX-Repo-Commit: {commit}\r\nETag: \"of-the-pointer\"\r\n\
             X-Linked-Etag: \"{digest}\"\r\nX-Linked-Size: {size}\r\n"
        );
        return plain("302 Found", &headers, b"");
    }
    if let Some(set) =
        path.strip_prefix("/api/datasets/").and_then(|path| path.strip_suffix("/revision/main"))
    {
        let folder = format!("/datasets/{set}/resolve/main/");
        let names = state.files.keys().filter_map(|path| path.strip_prefix(&folder));
        let names: Vec<_> = names.map(|name| format!("{{\"rfilename\": \"{name}\"}}")).collect();
        if !names.is_empty() {
            let body = format!("{{\"sha\": \"{}\", \"siblings\": [{}]}}", state.commit, names.join(", "));
            return plain("200 OK", "Content-Type: application/json\r\n", body.as_bytes());
        }
    }
    if is_store {
        return plain("200 OK", "ETag: \"of-the-store\"\r\n", &state.content);
    }
    let (digest, commit, store) = (&state.digest, &state.commit, &state.store);
    let refusal = |status: &str, code: &str| plain(status, &format!("X-Error-Code: {code}\r\n"), b"no");
    match path {
        // A model that was renamed leads on within the hub, then to the store.
        "/org/old-name/resolve/main/tokenizer.json" => {
            plain("307 Temporary Redirect", "Location: /org/small/resolve/main/tokenizer.json\r\n", b"")
        }
        "/org/small/resolve/main/tokenizer.json" => {
            let size = state.content.len();
            let headers = format!(
                "Location: {store}/blob?sig={SIGNATURE}\r\nX-Repo-Commit: {commit}\r\nETag: \"of-the-pointer\"\r\n\
                 X-Linked-Etag: \"{digest}\"\r\nX-Linked-Size: {size}\r\n"
            );
            plain("302 Found", &headers, b"")
        }
        "/plain/resolve/main/tokenizer.json" => plain(
            "200 OK",
            &format!("ETag: W/\"git-{commit}\"\r\nX-Repo-Commit: {commit}\r\n"),
            &state.content,
        ),
        "/org/damaged/resolve/main/tokenizer.json" => plain(
            "200 OK",
            &format!("ETag: \"{}\"\r\nX-Repo-Commit: {commit}\r\n", "0".repeat(64)),
            &state.content,
        ),
        "/org/gated/resolve/main/tokenizer.json" => match token {
            Some(GOOD_TOKEN) => {
                plain("200 OK", &format!("ETag: \"g\"\r\nX-Repo-Commit: {commit}\r\n"), &state.content)
            }
            Some(_) => refusal("403 Forbidden", "GatedRepo"),
            None => refusal("401 Unauthorized", "GatedRepo"),
        },
        "/org/no-tokenizer/resolve/main/tokenizer.json" => refusal("404 Not Found", "EntryNotFound"),
        "/org/busy/resolve/main/tokenizer.json" => plain("503 Service Unavailable", "", b"later"),
        _ if token == Some("hf_stale") => plain("401 Unauthorized", "", b"Invalid credentials"),
        _ => refusal("401 Unauthorized", "RepoNotFound"),
    }
}
