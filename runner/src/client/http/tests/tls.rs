//! TLS against a server with a certificate of its own.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::*;

const PEM: &[u8] = include_bytes!("../test-server.pem");

async fn tls_server() -> u16 {
    let key = PrivateKeyDer::from_pem_slice(PEM).expect("a key");
    let certificate = CertificateDer::from_pem_slice(PEM).expect("a certificate");
    let config =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("a configuration");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::task::spawn_local(greet(stream));
            }
        }
    });
    port
}

async fn greet(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    while read_request(&mut stream).await.is_some() {
        let reply = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(reply.as_bytes()).await.expect("sent");
        stream.flush().await.expect("sent");
    }
}

#[test]
fn tls_trusts_only_what_it_is_told_to() {
    local(async {
        let port = tls_server().await;
        let mut settings = settings(format!("https://127.0.0.1:{port}"));
        let message = failed(exchange(&transport(&settings, None)).await).0;
        assert!(message.starts_with("ClientConnectorCertificateError: "), "{message}");

        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ca.pem");
        fs_err::write(&file, PEM).expect("a file");
        settings.tls.authorities = Some(file);
        let trusting = transport(&settings, None);
        let (result, facts) = exchange(&trusting).await;
        result.expect("an answer");
        assert!(facts.sent <= facts.head && facts.sent.is_some());
    });
}
