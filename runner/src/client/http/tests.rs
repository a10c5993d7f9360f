//! Real sockets against a small server that follows a script byte by byte.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};

use benchmark_schemas::secret::{MASK, Secret};

use super::*;
use crate::clock::{ClockSource, MonotonicClock, MonotonicSource};
use crate::workload::Drawn;

mod script;
mod tls;

use script::*;

#[test]
fn a_stream_is_stamped_in_order_and_its_connection_used_again() {
    local(async {
        let server = Server::start(|_| {
            vec![
                stream_head(),
                Step::Pause,
                event("one"),
                Step::Pause,
                event(" two"),
                chunk("data: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\ndata: [DONE]\n\n"),
                Step::Pause,
                end(),
            ]
        })
        .await;
        let transport = server.transport(|_| {});
        for _ in 0..3 {
            let (result, facts) = exchange(&transport).await;
            result.expect("an answer");
            assert_eq!(facts.text, "one two");
            assert!(facts.done_seen);
            assert!(facts.usage.is_some());
            let stamps: Vec<_> = [facts.start, facts.sent, facts.head]
                .into_iter()
                .flatten()
                .chain(facts.marks.iter().map(|mark| mark.at))
                .chain(facts.last_byte)
                .collect();
            assert_eq!(stamps.len(), 6);
            assert!(stamps.is_sorted(), "{stamps:?}");
        }
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn the_request_is_what_the_settings_say() {
    local(async {
        let server = Server::start(|_| answer("200 OK", "application/json", "{}")).await;
        let transport = server.transport(|settings| {
            settings.base_url.push_str("/team/");
            settings.api_key = Some(Secret::new("k-1"));
            let header = |name: &str, value: &str| (name.to_owned(), Secret::new(value));
            settings.headers = vec![header("CONTENT-type", "application/x"), header("x-tenant", "a")];
        });
        exchange(&transport).await.0.expect("an answer");
        let text = server.log.borrow().requests[0].replace(&format!(":{}", server.port), ":PORT");
        insta::assert_snapshot!(text.replace("\r\n", "\n"), @r#"
        POST /team/v1/completions HTTP/1.1
        host: 127.0.0.1:PORT
        accept: */*
        user-agent: inference-perf/0.1.0
        content-type: application/x
        authorization: Bearer k-1
        x-tenant: a
        content-length: 15

        {"prompt": "x"}
        "#);
    });
}

#[test]
fn headers_that_cannot_be_sent_are_refused_without_showing_their_value() {
    let refuse = |name: &str, value: &str| {
        let mut settings = settings("http://h".to_owned());
        settings.headers = vec![(name.to_owned(), Secret::new(value))];
        HttpSource::new(&settings).err().expect("refused").to_string()
    };
    insta::assert_snapshot!(refuse("x y", "v"), @"api.headers.x y: it cannot be sent as a header (its name holds characters that header names must not have)");
    insta::assert_snapshot!(refuse("x", "secret\n"), @"api.headers.x: it cannot be sent as a header (its value holds characters that headers must not have)");
    let url = HttpSource::new(&settings("h:8000".to_owned())).err().expect("refused").to_string();
    insta::assert_snapshot!(url, @r#"server.base_url "h:8000" is no usable URL: its scheme is "h", neither http nor https (write it like http://host:8000)"#);
}

#[test]
fn a_connection_that_went_stale_is_no_failure() {
    local(async {
        // Every second request finds its connection closed in its face; it is sent again on a new one.
        let server = Server::start(|number| match number {
            1 => vec![Step::Close],
            3 => vec![Step::Reset],
            _ => answer("200 OK", "application/json", r#"{"choices":[{"text":"x"}]}"#),
        })
        .await;
        let transport = server.transport(|_| {});
        for _ in 0..4 {
            let (result, facts) = exchange(&transport).await;
            result.expect("an answer");
            assert_eq!(facts.text, "x");
            assert!(facts.sent.is_some() && facts.head.is_some());
        }
        assert_eq!(server.connections(), 3);
        assert_eq!(server.log.borrow().requests.len(), 6);
    });
}

#[test]
fn a_new_connection_that_breaks_is_a_failure() {
    local(async {
        let server = Server::start(|number| match number {
            0 => vec![Step::Close],
            1 => vec![Step::Reset],
            2 => vec![send("garbage\r\n\r\n"), Step::Close],
            _ => vec![send("HTTP/1.1 200 OK\r\nconte"), Step::Close],
        })
        .await;
        let transport = server.transport(|_| {});
        assert_eq!(failed(exchange(&transport).await).0, "ServerDisconnectedError: Server disconnected");
        assert_eq!(
            failed(exchange(&transport).await).0,
            "ClientOSError: [Errno 104] Connection reset by peer"
        );
        assert!(failed(exchange(&transport).await).0.starts_with("ClientResponseError: 400"));
        assert_eq!(failed(exchange(&transport).await).0, "ServerDisconnectedError: Server disconnected");
        assert_eq!(server.connections(), 4, "none was tried again");
    });
}

#[test]
fn nobody_listens() {
    local(async {
        let server = Server::start(|_| Vec::new()).await;
        let closed = {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            listener.local_addr().expect("bound").port()
        };
        let transport = server.transport(|settings| settings.base_url = format!("http://127.0.0.1:{closed}"));
        let message = failed(exchange(&transport).await).0.replace(&closed.to_string(), "PORT");
        insta::assert_snapshot!(message, @"ClientConnectorError: Cannot connect to host 127.0.0.1:PORT ssl:default [Connect call failed: Connection refused (os error 111)]");
    });
}

#[test]
fn a_stream_that_is_cut_fails_and_keeps_what_came() {
    local(async {
        let server = Server::start(|number| {
            vec![
                stream_head(),
                event("one"),
                Step::Pause,
                if number == 0 { Step::Close } else { Step::Reset },
            ]
        })
        .await;
        let transport = server.transport(|settings| settings.keep.response = true);
        for _ in 0..2 {
            let (message, facts) = failed(exchange(&transport).await);
            assert!(
                message.starts_with("ClientPayloadError: Response payload is not completed: "),
                "{message}"
            );
            assert_eq!(facts.text, "one");
            assert!(String::from_utf8_lossy(&facts.response).starts_with("data: {"));
        }
    });
}

#[test]
fn a_stream_may_end_with_the_connection_or_without_its_last_blank_line() {
    local(async {
        let server = Server::start(|_| {
            vec![
                send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"),
                send(
                    "data:{\"choices\":[{\"text\":\"one\"}]}\r\n\r\ndata:{\"choices\":[{\"text\":\" two\"}]}",
                ),
                Step::Close,
            ]
        })
        .await;
        let transport = server.transport(|_| {});
        for connections in 1..=2 {
            let (result, facts) = exchange(&transport).await;
            result.expect("an answer");
            assert_eq!(facts.text, "one two");
            assert_eq!(facts.marks.len(), 2);
            assert!(!facts.done_seen);
            assert_eq!(server.connections(), connections);
        }
    });
}

#[test]
fn errors_of_the_server_fail_their_request_and_leave_the_connection() {
    local(async {
        let server = Server::start(|number| match number {
            0 => answer("503 Service Unavailable", "text/plain", "busy"),
            1 => answer("201 Created", "application/json", "{}"),
            2 => vec![
                stream_head(),
                event("one"),
                chunk("data: {\"error\":{\"message\":\"boom\",\"code\":500}}\n\n"),
                end(),
            ],
            _ => answer("200 OK", "application/json", r#"{"error":{"message":"no","type":"NotFound"}}"#),
        })
        .await;
        let transport = server.transport(|_| {});
        assert_eq!(failed(exchange(&transport).await).0, "HTTP Error 503: busy");
        assert_eq!(failed(exchange(&transport).await).0, "HTTP Error 201: {}");
        let (message, facts) = failed(exchange(&transport).await);
        assert_eq!(message, r#"HTTP Error 500: {"error":{"message":"boom","code":500}}"#);
        assert_eq!(facts.text, "one");
        assert!(failed(exchange(&transport).await).0.starts_with("NotFound: "));
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn what_a_gateway_echoes_of_a_secret_is_masked_and_pages_are_cut() {
    local(async {
        let server = Server::start(|_| {
            let page = "x".repeat(100_000);
            answer("401 Unauthorized", "text/plain", &format!("no access for s3cret-api-key: {page}"))
        })
        .await;
        let transport = server.transport(|settings| settings.api_key = Some(Secret::new("s3cret-api-key")));
        let (failure, _) = exchange(&transport).await;
        let message = failure.expect_err("refused").message;
        assert!(message.starts_with(&format!("no access for {MASK}: xxx")), "{message}");
        assert!(message.len() < 10_000, "{} bytes", message.len());
    });
}

#[test]
fn answers_that_are_no_streams() {
    local(async {
        let whole = r#"{"choices":[{"text":"abc"}],"usage":{"completion_tokens":1}}"#;
        let server = Server::start(move |number| match number {
            0 => answer("200 OK", "application/json; charset=utf-8", whole),
            1 => answer("200 OK", "text/html", whole),
            _ => answer("200 OK", "application/json", "abc"),
        })
        .await;
        let transport = server.transport(|settings| settings.streaming = false);
        let (result, facts) = exchange(&transport).await;
        result.expect("an answer");
        assert_eq!((facts.text.as_str(), facts.marks.len()), ("abc", 0));
        assert!(facts.usage.is_some() && facts.last_byte.is_some());
        assert_eq!(
            failed(exchange(&transport).await).0,
            r#"ContentTypeError: 200, message='the response is "text/html", not JSON'"#
        );
        assert!(failed(exchange(&transport).await).0.starts_with("JSONDecodeError: "));
    });
}

#[test]
fn a_wish_for_a_stream_may_be_answered_whole() {
    local(async {
        let server = Server::start(|number| match number {
            0 => answer("200 OK", "application/json", r#" {"choices":[{"text":"abc"}]}"#),
            _ => answer("200 OK", "application/json", "data: {\"choices\":[{\"text\":\"abc\"}]}\n\n"),
        })
        .await;
        let transport = server.transport(|_| {});
        for marks in 0..2 {
            let (result, facts) = exchange(&transport).await;
            result.expect("an answer");
            assert_eq!((facts.text.as_str(), facts.marks.len()), ("abc", marks));
        }
    });
}

#[test]
fn a_response_without_end_fails_before_it_fills_the_memory() {
    local(async {
        let megabyte = "x".repeat(1 << 20);
        let server = Server::start(move |_| {
            let mut steps = vec![stream_head()];
            steps.extend((0..=MAX_RESPONSE_BYTES >> 20).map(|_| chunk(&megabyte)));
            steps.push(Step::Hang);
            steps
        })
        .await;
        let message = failed(exchange(&server.transport(|_| {})).await).0;
        assert_eq!(
            message,
            "ClientPayloadError: Response payload is not completed: larger than 64 MiB, the rest was not read"
        );
    });
}

#[test]
fn an_exchange_that_is_dropped_keeps_its_facts_and_its_connection_is_not_used_again() {
    local(async {
        let server = Server::start(|number| match number {
            0 => vec![Step::Hang],
            1 => vec![stream_head(), event("one"), Step::Hang],
            _ => vec![stream_head(), end()],
        })
        .await;
        let transport = server.transport(|_| {});
        let seen = |count: usize| {
            let log = Rc::clone(&server.log);
            async move {
                while log.borrow().requests.len() < count {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        };
        let cut_after = async |count: usize| {
            let mut facts = Exchange::default();
            let request = request();
            tokio::select! {
                result = transport.exchange(&request, &mut facts) => panic!("{result:?}"),
                () = seen(count) => {}
            }
            facts
        };
        let silent = cut_after(1).await;
        assert!(silent.sent.is_some(), "the request had been written");
        assert_eq!(silent.head, None);
        let partial = cut_after(2).await;
        assert!(partial.head.is_some());
        assert_eq!(partial.text, "one");
        exchange(&transport).await.0.expect("an answer");
        assert_eq!(server.connections(), 3);
    });
}

#[test]
fn connections_are_opened_ahead_and_kept_within_their_limit() {
    local(async {
        let answer = || answer("200 OK", "application/json", "{}");
        let server = Server::start(move |_| [vec![Step::Pause], answer()].concat()).await;
        let ahead = server.transport(|_| {});
        ahead.prepare(3).await;
        ahead.prepare(3).await;
        for _ in 0..4 {
            exchange(&ahead).await.0.expect("an answer");
        }
        assert_eq!(server.connections(), 3);

        let server = Server::start(move |_| [vec![Step::Pause], answer()].concat()).await;
        let limited = transport(&settings(format!("http://127.0.0.1:{}", server.port)), Some(2));
        for (result, _) in join_all((0..6).map(|_| exchange(&limited))).await {
            result.expect("an answer");
        }
        assert_eq!(server.connections(), 2);
    });
}

#[test]
fn connecting_has_its_own_limit() {
    local(async {
        // A server that accepts and says nothing: the TLS handshake never ends.
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = silent.local_addr().expect("bound").port();
        let mut settings = settings(format!("https://127.0.0.1:{port}"));
        settings.connect_timeout = Some(50_000_000);
        let message = failed(exchange(&transport(&settings, None)).await).0;
        assert_eq!(
            message,
            format!(
                "ConnectionTimeoutError: Connection timeout to host https://127.0.0.1:{port}/v1/completions"
            )
        );
    });
}
