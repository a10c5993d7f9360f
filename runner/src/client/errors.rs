//! Faults of the network under upstream's names: users' dashboards and circuit breakers match on
//! them.

use std::io;

use benchmark_schemas::record::Failure;
use http::StatusCode;

use super::target::Target;
use super::{Fault, Secrets};

fn failure(error_type: &str, message: String) -> Failure {
    Failure { error_type: error_type.to_owned(), message }
}

/// The name does not resolve.
pub(super) fn unresolved(target: &Target, error: &io::Error) -> Fault {
    let message = format!("Cannot connect to host {target} ssl:default [{error}]");
    Fault::of_connection(failure("ClientConnectorDNSError", message))
}

/// No connection within the time allowed.
pub(super) fn connect_timeout(target: &Target) -> Fault {
    let scheme = if target.tls { "https" } else { "http" };
    let url = format!("{scheme}://{}{}", target.authority, target.path);
    failure("ConnectionTimeoutError", format!("Connection timeout to host {url}")).into()
}

/// Refused, unreachable, no descriptor left, …
pub(super) fn unconnected(target: &Target, error: &io::Error) -> Fault {
    let message = format!("Cannot connect to host {target} ssl:default [Connect call failed: {error}]");
    Fault::of_connection(failure("ClientConnectorError", message))
}

/// The TLS handshake failed.
pub(super) fn handshake(target: &Target, error: &io::Error) -> Fault {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let certificate = matches!(tls, Some(rustls::Error::InvalidCertificate(_)));
    let error_type = if certificate { "ClientConnectorCertificateError" } else { "ClientConnectorSSLError" };
    let failure = failure(error_type, format!("Cannot connect to host {target} ssl:True [{error}]"));
    // Another attempt meets the same certificate and the same versions; a connection that broke is another matter.
    Fault { failure, is_of_connection: tls.is_none() }
}

/// The connection broke before the head of the response.
pub(super) fn broken(error: &io::Error) -> Fault {
    // What TLS says of a connection that ends without a farewell.
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return disconnected();
    }
    Fault::of_connection(failure("ClientOSError", os_message(error)))
}

/// The server closed the connection before the head of the response.
pub(super) fn disconnected() -> Fault {
    Fault::of_connection(failure("ServerDisconnectedError", "Server disconnected".to_owned()))
}

/// What came is no response.
pub(super) fn malformed(fault: &str) -> Fault {
    failure("ClientResponseError", format!("400, message='the response is not HTTP: {fault}'")).into()
}

/// The body broke off.
pub(super) fn in_body(cause: &str) -> Failure {
    failure("ClientPayloadError", format!("Response payload is not completed: {cause}"))
}

/// The body is larger than is kept.
pub(super) fn too_large(limit_bytes: usize) -> Failure {
    failure(
        "ClientPayloadError",
        format!(
            "Response payload is not completed: larger than {} MiB, the rest was not read",
            limit_bytes >> 20
        ),
    )
}

/// Bytes of a response's body that a message holds at most.
const LONGEST_MESSAGE_BYTES: usize = 8 << 10;

/// Any status but 200.
pub(super) fn status(status: StatusCode, body: &[u8], secrets: &Secrets) -> Failure {
    // Masked before it is cut: half a secret would not be known for one.
    let mut text = secrets.masked(String::from_utf8_lossy(body).into_owned());
    // The first of a page says what is wrong; whole pages would fill the records.
    text.truncate(text.floor_char_boundary(LONGEST_MESSAGE_BYTES));
    failure(&format!("HTTP Error {}", status.as_u16()), text)
}

/// A whole answer that does not say it is JSON.
pub(super) fn content_type(found: &str) -> Failure {
    failure("ContentTypeError", format!("200, message='the response is {found:?}, not JSON'"))
}

/// The system's message as Python words it.
pub(super) fn os_message(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => {
            let text = error.to_string();
            let text = text.strip_suffix(&format!(" (os error {number})")).unwrap_or(&text);
            format!("[Errno {number}] {text}")
        }
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tls_refuses_is_refused_again() {
        let target = Target::parse("https://h", "/v1/completions").expect("a good URL");
        let refused =
            |error: rustls::Error| handshake(&target, &io::Error::new(io::ErrorKind::InvalidData, error));
        let certificate = refused(rustls::CertificateError::Expired.into());
        let version = refused(rustls::Error::General("no common version".to_owned()));
        let reset = handshake(&target, &io::Error::from_raw_os_error(104));
        let told = |fault: &Fault| (fault.failure.error_type.clone(), fault.is_of_connection);
        assert_eq!(told(&certificate), ("ClientConnectorCertificateError".to_owned(), false));
        assert_eq!(told(&version), ("ClientConnectorSSLError".to_owned(), false));
        assert!(reset.is_of_connection);
    }

    #[test]
    fn messages_have_upstreams_form() {
        let target = Target::parse("http://127.0.0.1:9", "/v1/completions").expect("a good URL");
        let refused = io::Error::from_raw_os_error(111);
        let failures = [
            unconnected(&target, &refused).failure,
            unresolved(&target, &io::Error::other("Name or service not known")).failure,
            connect_timeout(&target).failure,
            status(StatusCode::SERVICE_UNAVAILABLE, b"busy", &Secrets::default()),
            content_type("text/html"),
            too_large(64 << 20),
        ];
        let lines: Vec<_> = failures.iter().map(|f| format!("{}: {}", f.error_type, f.message)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        ClientConnectorError: Cannot connect to host 127.0.0.1:9 ssl:default [Connect call failed: Connection refused (os error 111)]
        ClientConnectorDNSError: Cannot connect to host 127.0.0.1:9 ssl:default [Name or service not known]
        ConnectionTimeoutError: Connection timeout to host http://127.0.0.1:9/v1/completions
        HTTP Error 503: busy
        ContentTypeError: 200, message='the response is "text/html", not JSON'
        ClientPayloadError: Response payload is not completed: larger than 64 MiB, the rest was not read
        "#);
        assert_eq!(os_message(&io::Error::from_raw_os_error(104)), "[Errno 104] Connection reset by peer");
    }
}
