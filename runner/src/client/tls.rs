//! TLS settings of the measured path: the system's certificates, further ones from files, a client certificate.
//!
//! The only provider is ring, chosen here by hand, so nothing depends on a process-wide default.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Files that TLS settings come from; all optional.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFiles {
    /// PEM file of certificates to trust beside the system's.
    pub authorities: Option<PathBuf>,
    /// PEM file of the client's certificate and its chain; needs `key`.
    pub certificate: Option<PathBuf>,
    /// PEM file of the key of that certificate; needs `certificate`.
    pub key: Option<PathBuf>,
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file cannot be used.
    #[error("{}: {fault} (give a PEM file that this process can read)", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: String,
    },
    /// Only one of certificate and key is given.
    #[error("a client certificate needs both server.cert_path and server.key_path; only one is given")]
    HalfPair,
    /// The parts do not make a working setting.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

/// Reads `files` and the system's certificates.
///
/// # Errors
///
/// If a file cannot be used, or certificate and key do not fit.
pub fn client_config(files: &TlsFiles) -> Result<Arc<ClientConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!("a certificate of the system cannot be read and is not trusted: {error}");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = &files.authorities {
        for certificate in certificates(path)? {
            roots.add(certificate).map_err(|error| file_error(path, &error))?;
        }
    }
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots);
    let mut config = match (&files.certificate, &files.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| file_error(key, &error))?;
            builder.with_client_auth_cert(certificates(certificate)?, key)?
        }
        _ => return Err(TlsError::HalfPair),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| file_error(path, &error))?;
    if certificates.is_empty() {
        return Err(file_error(path, &"it holds no certificate"));
    }
    Ok(certificates)
}

fn file_error(path: &Path, fault: &dyn std::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), fault: fault.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_alone_is_enough() {
        let config = client_config(&TlsFiles::default()).expect("a configuration");
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
    }

    #[test]
    fn faults_name_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = folder.path().join("empty.pem");
        fs_err::write(&empty, "").expect("a file");
        let fault = |files: TlsFiles| client_config(&files).expect_err("a fault").to_string();
        let message = fault(TlsFiles { authorities: Some(empty.clone()), ..TlsFiles::default() });
        assert_eq!(
            message,
            format!(
                "{}: it holds no certificate (give a PEM file that this process can read)",
                empty.display()
            )
        );
        let missing = folder.path().join("missing.pem");
        let message = fault(TlsFiles { authorities: Some(missing.clone()), ..TlsFiles::default() });
        assert!(message.starts_with(&missing.display().to_string()), "{message}");
        let message = fault(TlsFiles { key: Some(missing), ..TlsFiles::default() });
        insta::assert_snapshot!(message, @"a client certificate needs both server.cert_path and server.key_path; only one is given");
    }
}
