//! Against a server that answers from a script.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use benchmark_schemas::config::ApiType;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const LIST: &str = r#"{"data":[{"id":"m"},{"id":"adapter"}]}"#;

/// A server that answers `/health` and `/v1/models` from its scripts, the last answer again and again.
async fn server(health: &[u16], models: &[(u16, &str)]) -> String {
    server_with_requests(health, models, Arc::default(), false).await
}

/// The same, which notes requests in `asked`, and refuses them or not.
async fn server_with_requests(
    health: &[u16],
    models: &[(u16, &str)],
    asked: Arc<Mutex<Vec<String>>>,
    refused: bool,
) -> String {
    let health: VecDeque<(u16, String)> = health.iter().map(|status| (*status, String::new())).collect();
    let models: VecDeque<(u16, String)> =
        models.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
    let scripts = Arc::new(Mutex::new((health, models)));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap_or_default();
            let is_health = head[..read].starts_with(b"GET /health ");
            let (status, body) = if head[..read].starts_with(b"POST ") {
                asked.lock().unwrap().push(String::from_utf8_lossy(&head[..read]).into_owned());
                (if refused { 400 } else { 200 }, "no such parameter".to_owned())
            } else {
                let mut scripts = scripts.lock().unwrap();
                let script = if is_health { &mut scripts.0 } else { &mut scripts.1 };
                if script.len() > 1 { script.pop_front().unwrap() } else { script[0].clone() }
            };
            let answer = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}/")
}

fn target(base_url: String, model: &str) -> Target {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let body = BodyOptions { ignore_eos: false, ..BodyOptions::new(ApiType::Completion, "") };
    Target { client, base_url, model: Some(model.to_owned()), body }
}

async fn outcome(health: &[u16], models: &[(u16, &str)], model: &str, seconds: u64) -> Result<(), String> {
    let target = target(server(health, models).await, model);
    let base_url = target.base_url.trim_end_matches('/').to_owned();
    let outcome = wait(&target, Duration::from_secs(seconds)).await;
    outcome.map(drop).map_err(|error| error.to_string().replace(&base_url, "http://server"))
}

#[tokio::test]
async fn a_healthy_server_with_the_model_is_ready() {
    assert_eq!(outcome(&[200], &[(200, LIST)], "m", 0).await, Ok(()));
    assert_eq!(outcome(&[200], &[(200, LIST)], "adapter", 0).await, Ok(()));
}

#[tokio::test]
async fn one_request_is_sent_and_must_be_answered() {
    for refused in [false, true] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let base_url = server_with_requests(&[200], &[(200, LIST)], Arc::clone(&asked), refused).await;
        let outcome = wait(&target(base_url.clone(), "adapter"), Duration::from_mins(1)).await;
        let asked = asked.lock().unwrap();
        let [request] = asked.as_slice() else { panic!("one request: {asked:?}") };
        assert!(request.starts_with("POST /v1/completions HTTP/1.1\r\n"), "{request}");
        assert!(
            request.contains(r#"{"model": "adapter", "prompt": "Hello", "max_tokens": 1, "#),
            "{request}"
        );
        if refused {
            let error = outcome.unwrap_err().to_string();
            insta::assert_snapshot!(
                error.replace(base_url.trim_end_matches('/'), "http://server"),
                @"the target cannot be measured: http://server/v1/completions answers a request with 400 Bad Request: no such parameter"
            );
        } else {
            outcome.unwrap();
        }
    }
}

#[tokio::test]
async fn the_list_of_models_is_given_where_there_is_one() {
    let listed =
        |models| async move { wait(&target(server(&[200], models).await, "m"), Duration::ZERO).await };
    assert_eq!(listed(&[(200, LIST)]).await, Ok(Some(vec!["m".to_owned(), "adapter".to_owned()])));
    assert_eq!(listed(&[(404, "")]).await, Ok(None));
}

#[tokio::test]
async fn redirects_are_not_followed_and_not_waited_for() {
    assert_eq!(outcome(&[302], &[(200, LIST)], "m", 0).await, Ok(()), "the list tells more than the health");
    insta::assert_snapshot!(
        outcome(&[200], &[(307, "")], "m", 600).await.unwrap_err(),
        @"the target cannot be measured: http://server/v1/models redirects to somewhere else, which is not followed (set server.base_url to where the server is)"
    );
}

#[tokio::test]
async fn paths_that_a_server_lacks_are_not_missed() {
    assert_eq!(outcome(&[404], &[(200, LIST)], "m", 0).await, Ok(()));
    assert_eq!(outcome(&[405], &[(404, "")], "any", 0).await, Ok(()));
}

#[tokio::test]
async fn a_server_that_still_loads_is_waited_for() {
    assert_eq!(outcome(&[503, 200], &[(200, r#"{"data":[]}"#), (200, LIST)], "m", 60).await, Ok(()));
}

#[tokio::test]
async fn the_wait_is_bounded_and_says_what_was_missing() {
    insta::assert_snapshot!(
        outcome(&[503], &[(200, LIST)], "m", 1).await.unwrap_err(),
        @"the target is not ready after 1 s: http://server/health answers 503 Service Unavailable (start the model server, or wait longer: INFERENCE_PERF_PREFLIGHT, in the chart benchmark.preflight.waitSeconds)"
    );
    insta::assert_snapshot!(
        outcome(&[200], &[(200, r#"{"data":[]}"#)], "m", 1).await.unwrap_err(),
        @"the target is not ready after 1 s: http://server/v1/models lists no model yet (start the model server, or wait longer: INFERENCE_PERF_PREFLIGHT, in the chart benchmark.preflight.waitSeconds)"
    );
}

#[tokio::test]
async fn what_waiting_cannot_mend_is_said_at_once() {
    insta::assert_snapshot!(
        outcome(&[200], &[(200, LIST)], "other", 600).await.unwrap_err(),
        @"the target cannot be measured: it does not serve the model `other` (set server.model_name, in the chart benchmark.target.modelName, to one of: m, adapter)"
    );
    insta::assert_snapshot!(
        outcome(&[200], &[(401, "")], "m", 600).await.unwrap_err(),
        @"the target cannot be measured: http://server/v1/models answers 401 Unauthorized (give the key as INFERENCE_PERF_API_KEY, in the chart benchmark.target.apiKey.existingSecret)"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_ready() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = wait(&target(base_url.clone(), "m"), Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, NotReady::InTime { seconds: 0, .. }), "{error:?}");
    insta::assert_snapshot!(
        error.to_string().replace(&base_url, "http://server"),
        @"the target is not ready after 0 s: http://server/health: Connection refused (os error 111) (start the model server, or wait longer: INFERENCE_PERF_PREFLIGHT, in the chart benchmark.preflight.waitSeconds)"
    );
}
