//! The run's own metrics page (`/metrics`), for Prometheus to read while the run goes on: opt-in, by the port that the
//! environment gives. It reads the counters that displays read and never touches the load; reports are exact later.

mod page;

use std::convert::Infallible;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::clock::{ClockSource as _, MonotonicSource};
use crate::driver::Progress;

/// Where the page is.
const PATH: &str = "/metrics";
/// Prometheus' text format.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// Time that a client may take for the head of its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a connection that could not be taken, for lack of descriptors say.
const PAUSE: Duration = Duration::from_millis(100);

/// A run as its metrics page shows it; clones show the same.
#[derive(Clone)]
pub struct Monitor(Arc<State>);

struct State {
    started: Instant,
    run: OnceLock<(Arc<Progress>, MonotonicSource)>,
}

impl Monitor {
    /// Of a run that starts now, and has sent nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(State { started: Instant::now(), run: OnceLock::new() }))
    }

    /// From now on shows `progress`, too, whose instants are `clock`'s.
    pub fn watch(&self, progress: Arc<Progress>, clock: MonotonicSource) {
        // There is one load a run.
        let _ = self.0.run.set((progress, clock));
    }

    /// Serves the page on `port` of all addresses, as long as the runtime lasts; gives the address.
    ///
    /// # Errors
    ///
    /// If the port cannot be listened on.
    pub async fn serve(&self, port: u16) -> io::Result<SocketAddr> {
        let everywhere = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
        let listener = match TcpListener::bind(everywhere).await {
            // There is no IPv6.
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind(("0.0.0.0", port)).await
            }
            listener => listener,
        }?;
        let address = listener.local_addr()?;
        let monitor = self.clone();
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(monitor.clone().answer(stream))),
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        });
        Ok(address)
    }

    async fn answer(self, stream: TcpStream) {
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            std::future::ready(Ok::<_, Infallible>(self.reply(request.method(), request.uri().path())))
        });
        let mut server = hyper::server::conn::http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
        // A client that goes away is no concern of the run.
        let _ = server.serve_connection(TokioIo::new(stream), service).await;
    }

    fn reply(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let (status, text) = match path {
            PATH if method == Method::GET || method == Method::HEAD => (StatusCode::OK, self.page()),
            PATH => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
            _ => (StatusCode::NOT_FOUND, format!("The metrics are at {PATH}.\n")),
        };
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response.headers_mut().insert(CONTENT_TYPE, TEXT);
        response
    }

    fn page(&self) -> String {
        let elapsed = self.0.started.elapsed();
        match self.0.run.get() {
            None => page::page(elapsed, &[], None),
            Some((progress, clock)) => {
                let (ended, running) = progress.stages(clock.now());
                page::page(elapsed, &ended, running.as_ref())
            }
        }
    }
}

impl Default for Monitor {
    fn default() -> Self {
        Self::new()
    }
}
