//! A proxy before an HTTP server that does to chosen requests what networks and stores do, and notes what it was asked.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::script::{self, Request};

/// What is done to a request.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// It is handed on.
    Pass,
    /// It is handed on after a while.
    PassAfter(Duration),
    /// It gets this status with these further headers (each ended by a line break) and this body.
    Reply(u16, &'static str, &'static str),
    /// The connection is closed when the request's head has come and half of its body.
    CutBody,
    /// The server gets it, and its answer is lost.
    LoseAnswer,
    /// Nothing is ever answered.
    Silence,
}

/// A request that came, without its body.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `PUT /results/run/config.yaml`.
    pub(crate) what: String,
    /// Request line and headers.
    pub(crate) head: String,
}

impl Asked {
    pub(crate) fn is_put_of(&self, ending: &str) -> bool {
        let path = self.what.strip_prefix("PUT ").map(|path| path.split('?').next().unwrap_or(path));
        path.is_some_and(|path| path.ends_with(ending))
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A proxy; its threads end with the test program.
#[derive(Clone)]
pub(crate) struct Proxy {
    /// `http://127.0.0.1:PORT`.
    pub(crate) endpoint: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Proxy {
    /// Before the server at `endpoint`; `rule` says what is done to a request, of which it is told how many like it
    /// (method and path) came before.
    pub(crate) fn before(
        endpoint: &str,
        rule: impl Fn(&Asked, usize) -> Action + Send + Sync + 'static,
    ) -> Result<Self> {
        let upstream = endpoint.strip_prefix("http://").context("plain HTTP")?.to_owned();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let noted = Arc::clone(&asked);
        let port = script::listen(move |mut stream| {
            while let Some((request, action)) = next(&mut stream, &noted, &rule)? {
                match action {
                    Action::Pass => pass(&request, &upstream, stream.get_mut())?,
                    Action::PassAfter(pause) => {
                        std::thread::sleep(pause);
                        pass(&request, &upstream, stream.get_mut())?;
                    }
                    Action::Reply(status, headers, body) => {
                        let length = body.len();
                        write!(
                            stream.get_mut(),
                            "HTTP/1.1 {status} Fault\r\n{headers}content-length: {length}\r\n\r\n{body}"
                        )?;
                    }
                    Action::LoseAnswer => {
                        pass(&request, &upstream, &mut std::io::sink())?;
                        return Ok(());
                    }
                    Action::CutBody => return Ok(()),
                    Action::Silence => std::thread::sleep(Duration::from_hours(1)),
                }
            }
            Ok(())
        })?;
        Ok(Self { endpoint: format!("http://127.0.0.1:{port}"), asked })
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The next request on a connection, and what is done to it. Of one whose body is cut, only half is read.
fn next(
    stream: &mut BufReader<TcpStream>,
    noted: &Mutex<Vec<Asked>>,
    rule: &impl Fn(&Asked, usize) -> Action,
) -> Result<Option<(Request, Action)>> {
    let Some((head, length)) = Request::read_head(stream)? else { return Ok(None) };
    let line = head.lines().next().unwrap_or_default();
    let what = line.rsplit_once(' ').map_or(line, |(what, _)| what).to_owned();
    let asked = Asked { what, head: head.clone() };
    let action = {
        let mut noted = noted.lock().unwrap_or_else(PoisonError::into_inner);
        let before = noted.iter().filter(|earlier| earlier.what == asked.what).count();
        noted.push(asked.clone());
        rule(&asked, before)
    };
    let length = if matches!(action, Action::CutBody) { length / 2 } else { length };
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some((Request { head, body }, action)))
}

/// Hands `request` on to `upstream` and its answer to `to`.
fn pass(request: &Request, upstream: &str, to: &mut impl std::io::Write) -> Result<()> {
    let mut server = TcpStream::connect(upstream)?;
    // Signatures are over the host that the client named, so that header stays.
    let head =
        request.head.trim_end().lines().filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: Vec<&str> = head.collect();
    server.write_all(format!("{}\r\nconnection: close\r\n\r\n", head.join("\r\n")).as_bytes())?;
    server.write_all(&request.body)?;
    let mut answer = Vec::new();
    server.read_to_end(&mut answer)?;
    to.write_all(&answer)?;
    Ok(to.flush()?)
}
