//! Model servers that fail in every way: each failure has its label, time and memory stay bounded, and the run's exit code
//! is 0, for failed requests are a result.

use std::collections::BTreeMap;
use std::io::{BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::program;

use crate::machine;
use crate::rig::json;
use crate::script::{self, Request};

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
const EVENT: &str = "data: {\"choices\": [{\"index\": 0, \"text\": \"a\"}]}\n\n";
/// Resident memory that a run may have with any of these servers but the one that sends a huge chunk, KiB.
const MOST_KIB: u64 = 100 << 10;
/// Longest run: a second of load, the time limit of a request, start and reports.
const LONGEST: Duration = Duration::from_secs(12);

/// How a server treats each connection.
type Treatment = fn(BufReader<TcpStream>) -> Result<()>;

/// An HTTP chunk.
fn chunk(data: &str) -> Vec<u8> {
    format!("{:x}\r\n{data}\r\n", data.len()).into_bytes()
}

/// Answers the first request with the head of a stream and one event.
fn begin(stream: &mut BufReader<TcpStream>) -> Result<()> {
    Request::read(stream)?.context("a request")?;
    stream.get_mut().write_all(HEAD)?;
    Ok(stream.get_mut().write_all(&chunk(EVENT))?)
}

fn reset_within(mut stream: BufReader<TcpStream>) -> Result<()> {
    // What has been read of the head is all that is read: closing a socket with more to read resets the connection.
    Request::read_head(&mut BufReader::with_capacity(1, stream.get_ref().try_clone()?))?;
    stream.get_mut().write_all(HEAD)?;
    stream.get_mut().write_all(&chunk(EVENT))?;
    std::thread::sleep(Duration::from_millis(50));
    Ok(())
}

fn stall(mut stream: BufReader<TcpStream>) -> Result<()> {
    begin(&mut stream)?;
    std::thread::sleep(Duration::from_mins(1));
    Ok(())
}

fn half_close(mut stream: BufReader<TcpStream>) -> Result<()> {
    begin(&mut stream)?;
    stream.get_ref().shutdown(Shutdown::Write)?;
    std::thread::sleep(Duration::from_mins(1));
    Ok(())
}

fn refuse(mut stream: BufReader<TcpStream>, head: &str) -> Result<()> {
    while Request::read(&mut stream)?.is_some() {
        stream.get_mut().write_all(format!("HTTP/1.1 {head}\r\ncontent-length: 4\r\n\r\nbusy").as_bytes())?;
    }
    Ok(())
}

fn limit(stream: BufReader<TcpStream>) -> Result<()> {
    refuse(stream, "429 Too Many Requests\r\nretry-after: 3600")
}

fn unavailable(stream: BufReader<TcpStream>) -> Result<()> {
    refuse(stream, "503 Service Unavailable")
}

fn slow_head(mut stream: BufReader<TcpStream>) -> Result<()> {
    Request::read(&mut stream)?.context("a request")?;
    for byte in HEAD.iter().cycle() {
        stream.get_mut().write_all(&[*byte])?;
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

/// A single event of 100 MB in a single chunk.
fn huge_chunk(mut stream: BufReader<TcpStream>) -> Result<()> {
    Request::read(&mut stream)?.context("a request")?;
    let to = stream.get_mut();
    to.write_all(HEAD)?;
    to.write_all(format!("{:x}\r\ndata: ", 100_000_000).as_bytes())?;
    let piece = vec![b'x'; 1 << 20];
    // The client hangs up before the end.
    while to.write_all(&piece).is_ok() {}
    Ok(())
}

fn endless(mut stream: BufReader<TcpStream>) -> Result<()> {
    begin(&mut stream)?;
    let events = chunk(EVENT).repeat(20);
    while stream.get_mut().write_all(&events).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Each treatment, and the label that its failures get.
const TREATMENTS: [(&str, Treatment, &str); 9] = [
    ("reset", reset_within, "Connection Error"),
    ("stalled", stall, "Timeout"),
    ("half-closed", half_close, "clientpayloaderror"),
    ("429", limit, "429 - Rate Limit"),
    ("503", unavailable, "503 - Service Unavailable"),
    ("slow head", slow_head, "Timeout"),
    ("100 MB chunk", huge_chunk, "clientpayloaderror"),
    ("endless", endless, "Timeout"),
    ("TLS", unavailable, "Connection Error"),
];

fn config(base_url: &str, stages: &str) -> String {
    // One at a time: what a huge answer may take is taken once.
    format!(
        "server: {{type: vllm, model_name: m, base_url: '{base_url}'}}\napi: {{type: completion, streaming: true}}\n\
         data: {{type: mock}}\nload: {{num_workers: 1, request_timeout: 2, interval: 2, worker_max_concurrency: 10, stages: \
         [{stages}]}}\nstorage: {{local_storage: {{path: reports}}}}\n"
    )
}

/// How a run ended.
struct Ended {
    folder: tempfile::TempDir,
    took: Duration,
    /// The most resident memory that it had, KiB.
    peak_kib: u64,
}

impl Ended {
    /// Successes, and failures by their labels.
    fn counts(&self) -> Result<(u64, BTreeMap<String, u64>)> {
        let summary = json(&self.folder.path().join("reports/summary_lifecycle_metrics.json"))?;
        let labels = summary["failures"]["by_label"].as_object().context("labels")?;
        let count = |group: &serde_json::Value| group["count"].as_u64().unwrap_or(0);
        let labels = labels.iter().map(|(label, group)| (label.clone(), count(group))).collect();
        Ok((summary["successes"]["count"].as_u64().context("a count")?, labels))
    }
}

/// Runs against `base_url`, looking at the memory all the while; `during` is done beside it.
fn run(base_url: &str, stages: &str, during: impl FnOnce(&mut Child) -> Result<()>) -> Result<Ended> {
    let folder = tempfile::tempdir()?;
    fs_err::write(folder.path().join("config.yml"), config(base_url, stages))?;
    let begin = Instant::now();
    let mut child = Command::new(program("inference-perf"))
        .args(["-c", "config.yml"])
        .current_dir(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    during(&mut child)?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kib = 0;
    let status = loop {
        let status = fs_err::read_to_string(&status_file).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok());
        peak_kib = peak_kib.max(peak.unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        ensure!(begin.elapsed() < Duration::from_mins(1), "the run does not end");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(0));
    Ok(Ended { folder, took: begin.elapsed(), peak_kib })
}

#[test]
fn whatever_a_server_does_has_its_label_and_bounds() -> Result<()> {
    let _machine = machine();
    for (name, treatment, label) in TREATMENTS {
        let port = script::listen(treatment)?;
        let scheme = if name == "TLS" { "https" } else { "http" };
        let huge = name == "100 MB chunk";
        // Each of the huge ones is kept up to the limit on answers, so there are fewer of them.
        let (rate, most_kib) = if huge { (2, 600 << 10) } else { (10, MOST_KIB) };
        let url = format!("{scheme}://127.0.0.1:{port}");
        let ended = run(&url, &format!("{{rate: {rate}, duration: 1}}"), |_| Ok(()))?;
        assert_eq!(ended.counts()?, (0, [(label.to_owned(), rate)].into()), "{name}");
        assert!(ended.took < LONGEST, "{name}: {:?}", ended.took);
        assert!(ended.peak_kib > 0 && ended.peak_kib < most_kib, "{name}: {} KiB", ended.peak_kib);
    }
    Ok(())
}

#[test]
fn a_server_that_is_not_there_has_its_label() -> Result<()> {
    let _machine = machine();
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    for url in [format!("http://127.0.0.1:{port}"), "http://no-such-host.invalid:8000".to_owned()] {
        let ended = run(&url, "{rate: 10, duration: 1}", |_| Ok(()))?;
        assert_eq!(ended.counts()?, (0, [("Connection Error".to_owned(), 10)].into()), "{url}");
        assert!(ended.took < LONGEST, "{url}: {:?}", ended.took);
    }
    Ok(())
}

/// A simulated server on `port`.
fn simulator(port: u16) -> Result<Child> {
    let mut server = Command::new(program("inference-perf"))
        .args(["simulate", "--model", "m", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .spawn()?;
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(server.try_wait()?.is_none(), "the simulator ended");
        ensure!(begin.elapsed() < Duration::from_mins(1), "the simulator does not listen");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(server)
}

/// Connections that were kept open between stages are closed with the server; requests that find them so are sent on new
/// ones.
#[test]
fn a_server_that_is_restarted_between_stages_costs_no_request() -> Result<()> {
    let _machine = machine();
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let url = format!("http://127.0.0.1:{port}");
    let mut server = simulator(port)?;
    let completed = || -> Result<u64> {
        let stats: serde_json::Value = reqwest::blocking::get(format!("{url}/stats?requests=0"))?.json()?;
        stats["totals"]["completed"].as_u64().context("a count")
    };
    let mut restarted = None;
    let ended = run(&url, "{rate: 10, duration: 1}, {rate: 10, duration: 1}", |child| {
        while completed()? < 10 {
            ensure!(child.try_wait()?.is_none(), "the run ended");
            std::thread::sleep(Duration::from_millis(20));
        }
        server.kill()?;
        server.wait()?;
        restarted = Some(simulator(port)?);
        Ok(())
    });
    let counts = ended.and_then(|ended| ended.counts());
    if let Some(mut server) = restarted {
        server.kill()?;
        server.wait()?;
    }
    assert_eq!(counts?, (20, BTreeMap::new()));
    Ok(())
}

/// A server that fails while the load goes on is no reason for the run to end.
#[test]
fn a_server_that_dies_within_a_stage_leaves_failures() -> Result<()> {
    let _machine = machine();
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let url = format!("http://127.0.0.1:{port}");
    let mut server = simulator(port)?;
    let ended = run(&url, "{rate: 20, duration: 2}", |_| {
        std::thread::sleep(Duration::from_secs(1));
        server.kill()?;
        server.wait()?;
        Ok(())
    })?;
    let (successes, labels) = ended.counts()?;
    assert_eq!(successes + labels.values().sum::<u64>(), 40, "{labels:?}");
    let known = ["Connection Error", "clientpayloaderror"];
    assert!(labels.keys().all(|label| known.contains(&label.as_str())), "{labels:?}");
    assert!(labels["Connection Error"] > 0, "{labels:?}");
    Ok(())
}
