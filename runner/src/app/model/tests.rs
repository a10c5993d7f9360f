//! The list of models, asked of a server that says what is wanted.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use super::*;

/// A server for one request; gives what it was asked.
fn server(answer: &'static str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a request");
            request.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).expect("sent");
        String::from_utf8(request).expect("text")
    });
    (format!("http://{address}"), asked)
}

fn config(base_url: &str, api: &str) -> Config {
    let text = format!(
        "api: {{type: {api}, streaming: true, headers: {{x-team: red}}}}\nload: {{stages: [{{rate: 1, duration: 1}}]}}\n\
         server: {{type: vllm, base_url: '{base_url}/', api_key: key-1}}\n"
    );
    Config::from_yaml(&text, "config.yml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn ask(config: &Config) -> Result<String, String> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(Models::default().name(config)).map_err(|error| format!("{error:#}"))
}

#[test]
fn the_first_model_is_asked_for_as_requests_are() {
    let list = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n{\"data\": [{\"id\": \"one\"}, {\"id\": \"two\"}]}";
    for (api, key) in [("chat", "authorization: Bearer key-1"), ("anthropic_messages", "x-api-key: key-1")] {
        let (url, asked) = server(list);
        assert_eq!(ask(&config(&url, api)).as_deref(), Ok("one"));
        let request = asked.join().expect("it was asked");
        assert!(request.starts_with("GET /v1/models HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("{key}\r\n")) && request.contains("x-team: red\r\n"), "{request}");
        assert_eq!(request.contains("anthropic-version: 2023-06-01"), api == "anthropic_messages");
    }
}

#[test]
fn redirects_are_told_and_not_followed() {
    let (url, asked) = server(
        "HTTP/1.1 307 Temporary Redirect\r\nconnection: close\r\nlocation: http://elsewhere.test/\r\ncontent-length: 0\r\n\r\n",
    );
    let message = ask(&config(&url, "completion")).expect_err("no name");
    asked.join().expect("it was asked");
    insta::assert_snapshot!(message.replace(&url, "URL"), @"server.model_name is not set, and URL/v1/models gives none (start the server, or set server.model_name): it redirects to http://elsewhere.test/, which is not followed (set server.base_url to where the server is)");
}

#[test]
fn a_server_that_does_not_exist_is_not_asked() {
    let config = config("http://127.0.0.1:9", "chat");
    let config = Config {
        server: benchmark_schemas::config::Server { kind: ServerType::Mock, ..config.server },
        ..config
    };
    assert_eq!(ask(&config).as_deref(), Ok("mock_model"));
}

#[test]
fn the_list_is_asked_for_once() {
    let list =
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{\"data\": [{\"id\": \"one\"}, {\"id\": \"two\"}]}";
    let (url, asked) = server(list);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let config = config(&url, "chat");
    let mut models = Models::default();
    runtime.block_on(async {
        // The server answers one request and is gone.
        assert_eq!(models.name(&config).await.expect("a name"), "one");
        models.check_adapters(&config, ["two"].into_iter()).await.expect("it is listed");
        let missing = models.check_adapters(&config, ["three"].into_iter()).await.expect_err("it is not");
        insta::assert_snapshot!(missing, @r#"load.lora_traffic_split: the server has no adapter "three"; it lists one, two (load the adapter, or name another)"#);
        let mut known = Models::new(Some(vec!["known".to_owned()]));
        assert_eq!(known.name(&config).await.expect("nobody is asked"), "known");
    });
    asked.join().expect("it was asked");
}
