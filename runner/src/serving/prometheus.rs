//! Asks a Prometheus server: several queries at a time, none for longer than [`QUERY_TIMEOUT`], all of a window within
//! [`WINDOW_TIMEOUT`]. What goes wrong stands in place of the answer.

use std::time::Duration;

use benchmark_schemas::record::PromQlAnswer;
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout_at};
use url::Url;

use super::{Unread, bounded};
use crate::cause::innermost;

/// Time that one query may take.
pub const QUERY_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that all queries of a window may take.
pub const WINDOW_TIMEOUT: Duration = Duration::from_mins(1);
/// Queries under way at once.
const AT_ONCE: usize = 8;
/// Bytes of an answer at most; one number is asked for.
const MOST_ANSWER_BYTES: usize = 1 << 20;
/// Characters of a refusal that are kept.
const SHOWN: usize = 200;

/// A Prometheus server.
#[derive(Debug, Clone)]
pub struct Prometheus {
    client: reqwest::Client,
    endpoint: Url,
}

impl Prometheus {
    /// The server at `url`.
    ///
    /// # Errors
    ///
    /// If the address is none, or there can be no HTTP client.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().timeout(QUERY_TIMEOUT).build()?;
        let base = url.strip_suffix('/').unwrap_or(url);
        Ok(Self { client, endpoint: Url::parse(&format!("{base}/api/v1/query"))? })
    }

    /// The answers to `queries`, evaluated at `time`, seconds since the Unix epoch.
    ///
    /// The first is asked alone: if the server cannot be reached, the others need not find that out for themselves.
    pub async fn ask(&self, queries: Vec<String>, time: f64) -> Vec<PromQlAnswer> {
        let deadline = Instant::now() + WINDOW_TIMEOUT;
        let mut queries = queries.into_iter();
        let Some(first) = queries.next() else { return Vec::new() };
        let outcome = self.query(&first, time, deadline).await;
        let unreachable = match &outcome {
            Err(Fault::Unreachable(fault)) => Some(fault.clone()),
            Ok(_) | Err(Fault::Refused(_)) => None,
        };
        let mut answers = vec![answer(first, outcome)];
        if let Some(fault) = unreachable {
            answers.extend(queries.map(|query| PromQlAnswer { query, outcome: Err(fault.clone()) }));
            return answers;
        }
        let rest = futures_util::stream::iter(queries.map(|query| async move {
            let outcome = self.query(&query, time, deadline).await;
            answer(query, outcome)
        }));
        answers.extend(rest.buffered(AT_ONCE).collect::<Vec<_>>().await);
        answers
    }

    async fn query(&self, query: &str, time: f64, deadline: Instant) -> Result<String, Fault> {
        let late = |_| Fault::Unreachable("no answer in time".to_owned());
        timeout_at(deadline, self.body(query, time)).await.map_err(late)?
    }

    async fn body(&self, query: &str, time: f64) -> Result<String, Fault> {
        let unreachable = |error| Fault::Unreachable(fault(error));
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("query", query).append_pair("time", &time.to_string());
        let answer = self.client.get(url).send().await.map_err(unreachable)?;
        let status = answer.status();
        let body = bounded(answer, MOST_ANSWER_BYTES).await.map_err(|fault| match fault {
            Unread::Broken(error) => unreachable(error),
            too_large @ Unread::TooLarge { .. } => Fault::Refused(format!("the answer {too_large}")),
        })?;
        let body = String::from_utf8_lossy(&body).into_owned();
        if !status.is_success() {
            let shown: String = body.chars().take(SHOWN).collect();
            return Err(Fault::Refused(format!("HTTP {}: {shown}", status.as_u16())));
        }
        Ok(body)
    }
}

/// Why there is no answer.
enum Fault {
    /// The next query would not fare better.
    Unreachable(String),
    /// It may.
    Refused(String),
}

fn answer(query: String, outcome: Result<String, Fault>) -> PromQlAnswer {
    let outcome = outcome.map_err(|(Fault::Unreachable(fault) | Fault::Refused(fault))| fault);
    PromQlAnswer { query, outcome }
}

/// What went wrong, with its causes but without the address, which may be long and is known.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(super) fn fault(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    if error.is_connect() {
        return "no connection can be made".to_owned();
    }
    innermost(&error).to_string()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers every request on a connection of its own, and counts them.
    async fn ask(reply: &'static str, queries: usize) -> (Vec<PromQlAnswer>, Vec<String>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (heard, mut asked) = tokio::sync::mpsc::unbounded_channel();
        let server = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let count = stream.read(&mut request).await.unwrap_or(0);
                let line =
                    String::from_utf8_lossy(&request[..count]).lines().next().unwrap_or_default().to_owned();
                let _ = heard.send(line);
                let _ = stream.write_all(reply.as_bytes()).await;
            }
        });
        let prometheus = Prometheus::new(&format!("http://{address}/")).expect("a client");
        let queries = (0..queries).map(|number| format!("up{{n='{number}'}}")).collect();
        let answers = prometheus.ask(queries, 1_700_000_000.25).await;
        server.abort();
        let mut lines = Vec::new();
        while let Ok(line) = asked.try_recv() {
            lines.push(line);
        }
        (answers, lines)
    }

    #[tokio::test]
    async fn answers_come_in_the_order_of_the_queries() {
        let reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
        let (answers, lines) = ask(reply, 20).await;
        assert_eq!(lines.len(), 20);
        insta::assert_snapshot!(lines[0], @"GET /api/v1/query?query=up%7Bn%3D%270%27%7D&time=1700000000.25 HTTP/1.1");
        let expected = (0..20).map(|number| PromQlAnswer {
            query: format!("up{{n='{number}'}}"),
            outcome: Ok("{}".to_owned()),
        });
        assert_eq!(answers, expected.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_refusal_concerns_one_query() {
        let reply = "HTTP/1.1 400 Bad Request\r\nContent-Length: 5\r\nConnection: close\r\n\r\nparse";
        let (answers, lines) = ask(reply, 3).await;
        assert_eq!(lines.len(), 3);
        assert!(answers.iter().all(|answer| answer.outcome == Err("HTTP 400: parse".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn who_never_answers_is_not_waited_for() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let prometheus = Prometheus::new(&format!("http://{address}")).expect("a client");
        let begin = Instant::now();
        let answers = prometheus.ask(vec!["up".to_owned(); 141], 1.0).await;
        assert!(begin.elapsed() <= 2 * QUERY_TIMEOUT, "{:?}", begin.elapsed());
        assert!(answers.iter().all(|answer| answer.outcome == Err("no answer in time".to_owned())));
    }

    #[tokio::test]
    async fn who_cannot_be_reached_is_asked_once() {
        let (answers, lines) = ask("", 5).await;
        assert_eq!((lines.len(), answers.len()), (1, 5));
        assert!(answers.iter().all(|answer| answer.outcome == answers[0].outcome && answer.outcome.is_err()));
    }
}
