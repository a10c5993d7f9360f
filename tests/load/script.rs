//! HTTP servers that answer exactly what a test wants, when it wants it. Their threads end with the test program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use anyhow::{Context as _, Result};

/// A request as it came.
pub(crate) struct Request {
    /// Request line and headers with the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Reads the next request; `None` if the client has closed the connection.
    pub(crate) fn read(stream: &mut impl BufRead) -> Result<Option<Self>> {
        let Some((head, length)) = Self::read_head(stream)? else { return Ok(None) };
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        Ok(Some(Self { head, body }))
    }

    /// Reads the head of the next request, and how many bytes of body follow it; `None` if the client has closed the
    /// connection.
    pub(crate) fn read_head(stream: &mut impl BufRead) -> Result<Option<(String, usize)>> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head)? == 0 {
                return Ok(None);
            }
        }
        let lower = head.to_ascii_lowercase();
        let length = lower.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(Ok(0), str::parse)?;
        Ok(Some((head, length)))
    }
}

/// Writes a whole answer in JSON.
pub(crate) fn answer(to: &mut impl Write, json: &str) -> Result<()> {
    let length = json.len();
    let head =
        format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n");
    to.write_all((head + json).as_bytes())?;
    Ok(to.flush()?)
}

/// Answers each request on a connection with the JSON that `reply` gives, until the client closes it.
pub(crate) fn answer_all(
    mut stream: BufReader<impl Read + Write>,
    reply: impl Fn(&Request) -> Result<String>,
) -> Result<()> {
    while let Some(request) = Request::read(&mut stream)? {
        answer(stream.get_mut(), &reply(&request)?)?;
    }
    Ok(())
}

/// Writes the head of a stream of events whose end is that of the connection.
pub(crate) fn begin_stream(to: &mut impl Write) -> Result<()> {
    to.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")?;
    Ok(to.flush()?)
}

/// Hands each connection to a free port of 127.0.0.1 to `serve`, in a thread of its own; gives the port.
pub(crate) fn listen(
    serve: impl Fn(BufReader<TcpStream>) -> Result<()> + Send + Sync + 'static,
) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr().context("the port")?.port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A token is to leave when it is written.
            let _ = stream.set_nodelay(true);
            let serve = Arc::clone(&serve);
            std::thread::spawn(move || serve(BufReader::new(stream)));
        }
    });
    Ok(port)
}
