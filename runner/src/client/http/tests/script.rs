//! A server that follows a script byte by byte, and requests to it.

use super::*;
use crate::client::AnswerReading;
use crate::client::tls::TlsFiles;

/// What the server does with a request after it has read it whole.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Send(String),
    Pause,
    Close,
    Reset,
    /// Neither answers nor closes.
    Hang,
}

/// Requests that came, and connections that were opened.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) requests: Vec<String>,
    pub(super) connections: usize,
}

pub(super) struct Server {
    pub(super) port: u16,
    pub(super) log: Rc<RefCell<Log>>,
}

impl Server {
    /// `script` gives what is done with request number `n` of the server, from 0; then the next is read.
    pub(super) async fn start(script: impl Fn(usize) -> Vec<Step> + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let log = Rc::new(RefCell::new(Log::default()));
        let (script, shared) = (Rc::new(script), Rc::clone(&log));
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.borrow_mut().connections += 1;
                tokio::task::spawn_local(serve(stream, Rc::clone(&script), Rc::clone(&shared)));
            }
        });
        Self { port, log }
    }

    pub(super) fn connections(&self) -> usize {
        self.log.borrow().connections
    }

    pub(super) fn transport(&self, change: impl FnOnce(&mut HttpSettings)) -> HttpTransport<MonotonicClock> {
        let mut settings = settings(format!("http://127.0.0.1:{}", self.port));
        change(&mut settings);
        transport(&settings, None)
    }
}

pub(super) async fn serve(
    mut stream: TcpStream,
    script: Rc<impl Fn(usize) -> Vec<Step>>,
    log: Rc<RefCell<Log>>,
) {
    while let Some(request) = read_request(&mut stream).await {
        let number = log.borrow().requests.len();
        log.borrow_mut().requests.push(request);
        for step in script(number) {
            match step {
                Step::Send(text) => stream.write_all(text.as_bytes()).await.expect("sent"),
                Step::Pause => tokio::time::sleep(Duration::from_millis(10)).await,
                Step::Close => return,
                Step::Reset => return stream.set_zero_linger().expect("set"),
                Step::Hang => std::future::pending().await,
            }
        }
    }
}

pub(super) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let seen = String::from_utf8_lossy(&text);
        if let Some((head, body)) = seen.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            if body.len() >= length.parse().expect("a number") {
                return Some(seen.into_owned());
            }
        }
        if stream.read_buf(&mut text).await.ok()? == 0 {
            return None;
        }
    }
}

pub(super) fn settings(base_url: String) -> HttpSettings {
    HttpSettings {
        base_url,
        reading: AnswerReading::default(),
        api_key: None,
        headers: Vec::new(),
        tls: TlsFiles::default(),
        connect_timeout: None,
        streaming: true,
        keep: Keep::default(),
    }
}

pub(super) fn transport(
    settings: &HttpSettings,
    connections: Option<usize>,
) -> HttpTransport<MonotonicClock> {
    let source = HttpSource::new(settings).expect("good settings");
    let clock = MonotonicSource::start().for_this_runtime().expect("a clock");
    source.for_worker(clock, connections).expect("a transport")
}

pub(super) fn local<T>(future: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.expect("a runtime").block_on(future)
}

pub(super) fn request() -> Prepared {
    let body = Bytes::from_static(b"{\"prompt\": \"x\"}");
    Prepared::new(0, body, 1, Drawn::default())
}

pub(super) async fn exchange(transport: &HttpTransport<MonotonicClock>) -> (Result<(), Failure>, Exchange) {
    let mut facts = Exchange { start: Some(transport.clock.now()), ..Exchange::default() };
    let result = transport.exchange(&request(), &mut facts).await;
    (result.map_err(|fault| fault.failure), facts)
}

pub(super) fn failed((result, facts): (Result<(), Failure>, Exchange)) -> (String, Exchange) {
    let failure = result.expect_err("a failure");
    (format!("{}: {}", failure.error_type, failure.message), facts)
}

pub(super) fn send(text: &str) -> Step {
    Step::Send(text.to_owned())
}

pub(super) fn stream_head() -> Step {
    send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
}

pub(super) fn chunk(data: &str) -> Step {
    Step::Send(format!("{:x}\r\n{data}\r\n", data.len()))
}

pub(super) fn event(text: &str) -> Step {
    chunk(&format!("data: {{\"choices\":[{{\"text\":\"{text}\"}}]}}\n\n"))
}

pub(super) fn end() -> Step {
    send("0\r\n\r\n")
}

pub(super) fn answer(status: &str, content_type: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    vec![Step::Send(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\r\n{body}"
    ))]
}
