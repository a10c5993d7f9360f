//! A run over TLS to a server that wants a client certificate, with all that the chart mounts from Secrets.

use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use anyhow::{Context as _, Result};
use benchmark_tests::program;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::rig::{json, text};
use crate::script;
use crate::shared_machine;

/// A certificate for 127.0.0.1 that signs itself, and its key.
const PEM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../runner/src/client/http/test-server.pem");

const ANSWER: &str = r#"{"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}"#;

/// Serves completions to clients that show the certificate, and hands on the heads of their requests.
fn serve() -> Result<(u16, Receiver<String>)> {
    let certificate = CertificateDer::from_pem_file(PEM)?;
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let clients = WebPkiClientVerifier::builder(Arc::new(roots)).build()?;
    let config = ServerConfig::builder()
        .with_client_cert_verifier(clients)
        .with_single_cert(vec![certificate], PrivateKeyDer::from_pem_file(PEM)?)?;
    let config = Arc::new(config);
    let (heads, received) = channel();
    let port = script::listen(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config))?;
        let stream = BufReader::new(StreamOwned::new(connection, stream.into_inner()));
        script::answer_all(stream, |request| {
            heads.send(request.head.clone())?;
            Ok(ANSWER.to_owned())
        })
    })?;
    Ok((port, received))
}

#[test]
fn secrets_that_are_mounted_reach_the_server() -> Result<()> {
    let _machine = shared_machine();
    let folder = tempfile::tempdir()?;
    let (port, heads) = serve()?;
    let configure = |kind: &str| {
        let config = format!(
            "server: {{type: {kind}, model_name: m, base_url: 'https://127.0.0.1:{port}'}}\n\
             api: {{type: completion}}\ndata: {{type: mock}}\nload: {{stages: [{{rate: 10, duration: 1}}]}}\n\
             storage: {{local_storage: {{path: reports-{kind}}}}}\n"
        );
        fs_err::write(folder.path().join("config.yml"), config)
    };
    fs_err::write(folder.path().join("headers"), "X-Team: s3cret: of the team\n")?;
    let run = |variables: &[(&str, &Path)]| {
        let mut command = Command::new(program("inference-perf"));
        command.current_dir(&folder).args(["-c", "config.yml"]).envs(variables.iter().copied());
        command.output().context("the program")
    };
    let pem = Path::new(PEM);
    let headers = folder.path().join("headers");
    for kind in ["vllm", "sglang", "tgi"] {
        configure(kind)?;
        let output = run(&[
            ("INFERENCE_PERF_CA_FILE", pem),
            ("INFERENCE_PERF_CERT_FILE", pem),
            ("INFERENCE_PERF_KEY_FILE", pem),
            ("INFERENCE_PERF_HEADERS_FILE", &headers),
            ("INFERENCE_PERF_API_KEY", Path::new("s3cret-key")),
        ])?;
        let printed = text(&output);
        assert_eq!(output.status.code(), Some(0), "{printed}");
        let heads: Vec<String> = heads.try_iter().collect();
        assert_eq!(heads.len(), 10, "{printed}");
        for head in heads {
            let head = head.to_ascii_lowercase();
            assert!(head.contains("\r\nx-team: s3cret: of the team\r\n"), "{head}");
            assert!(head.contains("\r\nauthorization: bearer s3cret-key\r\n"), "{head}");
        }
        let summary = json(&folder.path().join(format!("reports-{kind}/summary_lifecycle_metrics.json")))?;
        assert_eq!(summary["successes"]["count"], 10, "{printed}");
        assert!(!printed.contains("s3cret"), "{printed}");
    }

    let half = run(&[("INFERENCE_PERF_CERT_FILE", pem)])?;
    assert_eq!(half.status.code(), Some(1), "{}", text(&half));
    Ok(())
}
