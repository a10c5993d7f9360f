//! The HTTP interface over loopback, by a client that shows every byte.

mod adapters;
mod failures;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    Fault, Framing, ModelParameters, SimulatorConfig, SimulatorHandle, Stats, UsagePolicy, spawn,
    write_small_tokenizer,
};

/// Bound on waits for something that must happen; far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn config() -> SimulatorConfig {
    SimulatorConfig {
        port: 0,
        threads: 2,
        model_name: "m".to_owned(),
        model: ModelParameters::null(8),
        ..SimulatorConfig::default()
    }
}

/// A model that takes far longer than any test.
fn stuck(slots: u32) -> ModelParameters {
    ModelParameters { decode_base_ms: 3_600_000.0, ..ModelParameters::null(slots) }
}

struct Response {
    status: u16,
    head: String,
    /// Chunked coding removed.
    body: Vec<u8>,
}

impl Response {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn connect(addr: SocketAddr, method: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}");
    write!(stream, "{head}\r\n\r\n{body}").unwrap();
    stream
}

fn call(addr: SocketAddr, method: &str, path: &str, body: &str) -> Response {
    let mut bytes = Vec::new();
    connect(addr, method, path, body).read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
    let body = bytes.split_off(end + 4);
    let body = if head.contains("transfer-encoding: chunked") { dechunk(&body) } else { body };
    Response { status: head[9..12].parse().unwrap(), head, body }
}

fn dechunk(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = bytes.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&bytes[line + 2..line + 2 + size]);
        bytes = &bytes[line + 2 + size + 2..];
    }
}

fn post(server: &SimulatorHandle, path: &str, body: &Value) -> Response {
    call(server.addr(), "POST", path, &body.to_string())
}

fn complete(server: &SimulatorHandle, body: &Value) -> Response {
    post(server, "/v1/completions", body)
}

/// JSON documents of a stream with LF framing; checks that it is closed by `[DONE]`.
fn events(stream: &str) -> Vec<Value> {
    let mut events: Vec<&str> =
        stream.split("\n\n").filter(|event| !event.is_empty()).map(|event| &event[6..]).collect();
    assert_eq!(events.pop(), Some("[DONE]"));
    events.into_iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

fn wait_until(server: &SimulatorHandle, holds: impl Fn(&Stats) -> bool) -> Stats {
    let start = Instant::now();
    loop {
        let stats = server.stats();
        if holds(&stats) {
            return stats;
        }
        assert!(start.elapsed() < PATIENCE, "still {stats:?}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn streams_have_exact_counts_whatever_the_chunks() {
    let folder = tempfile::tempdir().unwrap();
    write_small_tokenizer(folder.path()).unwrap();
    let tokenizer = tokenizers::Tokenizer::from_file(folder.path().join("tokenizer.json")).unwrap();
    let tokens = |text: &str, special| tokenizer.encode(text, special).unwrap().len();
    let prompt = "A prompt, long enough to be counted elsewhere. ".repeat(20);
    for tokens_per_chunk in [1, 4, 7] {
        let server = spawn(SimulatorConfig {
            tokenizer: Some(folder.path().to_owned()),
            tokens_per_chunk,
            ..config()
        })
        .unwrap();
        let body = json!({"model": "m", "prompt": prompt, "max_tokens": 25, "stream": true,
            "stream_options": {"include_usage": true}});
        let response = complete(&server, &body);
        assert_eq!(response.status, 200);
        assert!(response.head.contains("content-type: text/event-stream"));
        let mut events = events(response.text());
        let usage = events.pop().unwrap();
        assert_eq!(usage["choices"], json!([]));
        assert_eq!(usage["usage"]["completion_tokens"], 25);
        assert_eq!(usage["usage"]["prompt_tokens"], tokens(&prompt, true));
        let texts: Vec<&str> =
            events.iter().map(|event| event["choices"][0]["text"].as_str().unwrap()).collect();
        let sizes: Vec<usize> = texts.iter().map(|text| tokens(text, false)).collect();
        let per_chunk = tokens_per_chunk as usize;
        let mut expected = vec![per_chunk; 25 / per_chunk];
        expected.extend((25 % per_chunk > 0).then_some(25 % per_chunk));
        assert_eq!(sizes, expected);
        assert_eq!(tokens(&texts.concat(), false), 25);
        let reasons: Vec<&Value> = events.iter().map(|event| &event["choices"][0]["finish_reason"]).collect();
        assert_eq!(*reasons.last().unwrap(), "length");
        assert!(reasons[..reasons.len() - 1].iter().all(|reason| reason.is_null()));
        let stats = server.stats();
        assert_eq!((stats.totals.started, stats.totals.completed), (1, 1));
        assert_eq!(stats.requests[0].token_due_ns.len(), 25);
        let written: Vec<usize> = stats.requests[0].chunk_tokens.iter().map(|&n| n as usize).collect();
        assert_eq!(written, expected);
    }
}

#[test]
fn whole_answers_and_streams_have_the_same_text() {
    let server = spawn(config()).unwrap();
    let mut body = json!({"prompt": "one two three", "max_tokens": 5});
    let whole = complete(&server, &body);
    assert!(whole.head.contains("content-type: application/json"));
    let whole = whole.json();
    assert_eq!(whole["object"], "text_completion");
    assert_eq!(whole["usage"], json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}));
    assert_eq!(whole["choices"][0]["finish_reason"], "length");
    let text = whole["choices"][0]["text"].as_str().unwrap();
    assert_eq!(text.split_whitespace().count(), 5);
    body["stream"] = json!(true);
    let streamed: String = events(complete(&server, &body).text())
        .iter()
        .map(|event| event["choices"][0]["text"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(streamed, text);

    let mut chat =
        json!({"messages": [{"role": "user", "content": "one two"}], "max_tokens": 3, "stream": false});
    let whole = post(&server, "/v1/chat/completions", &chat).json();
    assert_eq!(whole["object"], "chat.completion");
    assert_eq!(whole["usage"]["prompt_tokens"], 2);
    let text = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    chat["stream"] = json!(true);
    let events = events(post(&server, "/v1/chat/completions", &chat).text());
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let contents: Vec<&str> =
        events.iter().map(|event| event["choices"][0]["delta"]["content"].as_str().unwrap()).collect();
    assert_eq!((contents.len(), contents.concat()), (4, text));
}

#[test]
fn framings_and_usage_follow_the_configuration() {
    let body = json!({"prompt": "a", "max_tokens": 2, "stream": true});
    let mut asking = body.clone();
    asking["stream_options"] = json!({"include_usage": true});
    for (framing, start, end) in [
        (Framing::Lf, "data: {", "}\n\ndata: [DONE]\n\n"),
        (Framing::Crlf, "data: {", "}\r\n\r\ndata: [DONE]\r\n\r\n"),
        (Framing::NoSpace, "data:{", "}\n\ndata:[DONE]\n\n"),
        (Framing::Cr, "data: {", "}\r\rdata: [DONE]\r\r"),
    ] {
        let server = spawn(SimulatorConfig { framing, ..config() }).unwrap();
        let stream = complete(&server, &body);
        assert!(stream.text().starts_with(start) && stream.text().ends_with(end), "{}", stream.text());
    }
    for (usage, unasked, asked, whole) in [
        (UsagePolicy::AsAsked, false, true, true),
        (UsagePolicy::Include, true, true, true),
        (UsagePolicy::EveryChunk, true, true, true),
        (UsagePolicy::Never, false, false, false),
    ] {
        let server = spawn(SimulatorConfig { usage, ..config() }).unwrap();
        let has_usage = |body: &Value| complete(&server, body).text().contains("\"usage\"");
        assert_eq!((has_usage(&body), has_usage(&asking)), (unasked, asked));
        assert_eq!(has_usage(&json!({"prompt": "a"})), whole);
    }
}

#[test]
fn faults_are_error_objects_with_their_status() {
    let server = spawn(SimulatorConfig { max_model_len: 10, ..config() }).unwrap();
    for (path, body, status, message) in [
        ("/v1/completions", r#"{"model": "other", "prompt": "a"}"#, 404, "The model `other` does not exist."),
        ("/v1/completions", "{", 400, "not a valid request"),
        ("/v1/completions", "{}", 400, "prompt is missing"),
        ("/v1/chat/completions", "{}", 400, "messages is missing"),
        ("/v1/completions", r#"{"prompt": "a b c", "max_tokens": 8}"#, 400, "maximum context length is 10"),
        ("/v1/message", "{}", 404, "nothing at /v1/message"),
        ("/health", "", 405, "does not take POST"),
    ] {
        let response = call(server.addr(), "POST", path, body);
        assert_eq!(response.status, status, "{path} {body}");
        let error = &response.json()["error"];
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
        assert_eq!(error["code"], status);
    }
    let stats = server.stats();
    assert_eq!((stats.totals.invalid, stats.totals.started, stats.running), (5, 0, 0));
}

#[test]
fn small_endpoints_answer() {
    let server = spawn(config()).unwrap();
    let get = |path| call(server.addr(), "GET", path, "");
    assert_eq!((get("/health").status, get("/health").body.len()), (200, 0));
    let head = call(server.addr(), "HEAD", "/v1/models", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
    let models = get("/v1/models").json();
    assert_eq!((&models["data"][0]["id"], &models["object"]), (&json!("m"), &json!("list")));
    let tokenized = post(&server, "/tokenize", &json!({"prompt": "a b c"})).json();
    assert_eq!(tokenized["count"], 3);

    complete(&server, &json!({"prompt": "a b c", "max_tokens": 4}));
    complete(&server, &json!({"prompt": "a", "max_tokens": 2}));
    let metrics = get("/metrics");
    assert!(
        metrics.text().contains("vllm:request_success_total{model_name=\"m\",finished_reason=\"length\"} 2")
    );
    assert!(metrics.text().contains("vllm:prompt_tokens_total{model_name=\"m\"} 4"));
    assert!(metrics.text().contains("vllm:generation_tokens_total{model_name=\"m\"} 6"));
    let stats: Stats = serde_json::from_slice(&get("/stats").body).unwrap();
    assert_eq!(stats.requests, server.stats().requests);
    assert_eq!(get("/stats?requests=1").json()["requests"].as_array().unwrap().len(), 1);
    assert_eq!(get("/stats?requests=x").status, 400);
    assert_eq!(post(&server, "/stats/reset", &json!({})).status, 200);
    assert_eq!((server.stats().totals.completed, server.stats().requests.len()), (0, 0));
}

#[test]
fn a_full_queue_is_said_with_the_configured_status() {
    for status in [503, 429] {
        let server = spawn(SimulatorConfig {
            model: stuck(1),
            queue_limit: Some(1),
            queue_full_status: status,
            ..config()
        })
        .unwrap();
        let body = r#"{"prompt": "a", "max_tokens": 2, "stream": true}"#;
        let _running = connect(server.addr(), "POST", "/v1/completions", body);
        wait_until(&server, |stats| stats.running == 1);
        let _waiting = connect(server.addr(), "POST", "/v1/completions", body);
        wait_until(&server, |stats| stats.waiting == 1);
        let refused = call(server.addr(), "POST", "/v1/completions", body);
        assert_eq!(refused.status, status);
        assert!(refused.json()["error"]["message"].as_str().unwrap().contains("queue is full"));
        assert_eq!(server.stats().totals.refused, 1);
    }
}

#[test]
fn who_hangs_up_frees_the_slot() {
    let server = spawn(SimulatorConfig { model: stuck(1), ..config() }).unwrap();
    for stream in [true, false] {
        let body = json!({"prompt": "a", "max_tokens": 2, "stream": stream}).to_string();
        let before = server.stats().totals.cancelled;
        let running = connect(server.addr(), "POST", "/v1/completions", &body);
        wait_until(&server, |stats| stats.running == 1);
        let waiting = connect(server.addr(), "POST", "/v1/completions", &body);
        let next = connect(server.addr(), "POST", "/v1/completions", &body);
        wait_until(&server, |stats| stats.waiting == 2);
        drop(waiting);
        wait_until(&server, |stats| (stats.running, stats.waiting) == (1, 1));
        drop(running);
        wait_until(&server, |stats| (stats.running, stats.waiting) == (1, 0));
        drop(next);
        let stats = wait_until(&server, |stats| (stats.running, stats.waiting) == (0, 0));
        assert_eq!(stats.totals.cancelled, before + 3);
    }
}

#[test]
fn messages_reason_answer_and_count() {
    let config = SimulatorConfig {
        reasoning_tokens: 3,
        response_headers: vec![("x-pod".to_owned(), "p-1".to_owned())],
        ..config()
    };
    let server = spawn(config.clone()).unwrap();
    let mut body = json!({"system": "be", "messages": [{"role": "user", "content": "a b"}], "max_tokens": 8});
    let whole = post(&server, "/v1/messages", &body);
    assert!(whole.head.contains("x-pod: p-1"), "{}", whole.head);
    let whole = whole.json();
    assert_eq!(whole["usage"], json!({"input_tokens": 3, "output_tokens": 8}));
    let words = |text: &Value| text.as_str().unwrap().split_whitespace().count();
    assert_eq!((words(&whole["content"][0]["thinking"]), words(&whole["content"][1]["text"])), (3, 5));
    body["stream"] = json!(true);
    let stream = post(&server, "/v1/messages", &body);
    assert_eq!(stream.text().matches("thinking_delta").count(), 3);
    assert_eq!(stream.text().matches("text_delta").count(), 5);
    assert!(stream.text().ends_with("data: {\"type\":\"message_stop\"}\n\n"));
    assert_eq!(server.stats().requests[1].chunk_tokens, [1; 8]);

    let server = spawn(SimulatorConfig { tool_call: true, tokens_per_chunk: 2, ..config }).unwrap();
    let chat = post(&server, "/v1/chat/completions", &body);
    let of = |key: &str| -> Vec<Value> {
        events(chat.text()).into_iter().filter(|event| event.to_string().contains(key)).collect()
    };
    // Three tokens of reasoning in two chunks, five of a call in three.
    assert_eq!((of("reasoning_content").len(), of("\"arguments\"").len()), (2, 3));
    assert_eq!(server.stats().requests[0].chunk_tokens, [2, 1, 2, 2, 1]);
}

#[test]
fn drawn_times_vary_around_their_mean() {
    let model = ModelParameters {
        prefill_base_ms: 4.0,
        prefill_std_dev_ms: 1.0,
        decode_base_ms: 1.0,
        decode_std_dev_ms: 0.2,
        ..ModelParameters::null(4)
    };
    let server = spawn(SimulatorConfig { model, ..config() }).unwrap();
    complete(&server, &json!({"prompt": "a b", "max_tokens": 100, "stream": true}));
    let due = server.stats().requests[0].token_due_ns.clone();
    let steps: Vec<_> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().all(|step| (300_000..=1_700_000).contains(step)), "{steps:?}");
    assert!(steps.iter().max() > steps.iter().min());
    assert!((due[99] - due[0]).abs_diff(99_000_000) < 10_000_000);
}

#[test]
fn recorded_instants_follow_the_law() {
    let model = ModelParameters {
        prefill_base_ms: 5.0,
        prefill_per_token_us: 1_000.0,
        decode_base_ms: 2.0,
        decode_per_running_sequence_us: 500.0,
        ..ModelParameters::null(4)
    };
    let server = spawn(SimulatorConfig { model, ..config() }).unwrap();
    complete(&server, &json!({"prompt": "a b", "max_tokens": 4, "stream": true}));
    let stats = server.stats();
    let request = &stats.requests[0];
    assert_eq!(request.granted_ns, Some(0));
    assert_eq!(request.token_due_ns, [7_000_000, 9_500_000, 12_000_000, 14_500_000]);
    assert_eq!(request.end_ns, 14_500_000);
    assert!(request.chunk_written_ns.iter().zip(&request.token_due_ns).all(|(written, due)| written >= due));
    assert!(stats.now_ns >= request.arrival_ns + request.end_ns);
}

#[test]
fn shutdown_cuts_what_is_open() {
    let server = spawn(SimulatorConfig { model: stuck(1), ..config() }).unwrap();
    let body = r#"{"prompt": "a", "max_tokens": 2, "stream": true}"#;
    let mut open = connect(server.addr(), "POST", "/v1/completions", body);
    wait_until(&server, |stats| stats.totals.generation_tokens == 1);
    let addr = server.addr();
    server.shutdown().unwrap();
    let mut bytes = Vec::new();
    let _ = open.read_to_end(&mut bytes);
    assert!(!String::from_utf8_lossy(&bytes).contains("[DONE]"));
    assert!(TcpStream::connect(addr).is_err());
}
