//! Credentials from where pods have them: web identity by a security token service under a certificate of its own, and pod
//! identity by a container's credentials.

use std::io::BufReader;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::machine;
use crate::proxy::{Action, Proxy};
use crate::rig::{Rig, S3, files, text};
use crate::script;
use crate::stores::config;

/// A certificate for 127.0.0.1 that signs itself, and its key.
const PEM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../runner/src/client/http/test-server.pem");
/// Far from now.
const EXPIRATION: &str = "2099-01-01T00:00:00Z";

/// Serves keys `KEY-1`, `KEY-2`, … to whoever shows the token; gives the port and how many there were.
fn token_service() -> Result<(u16, Arc<AtomicUsize>)> {
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from_pem_file(PEM)?], PrivateKeyDer::from_pem_file(PEM)?)?;
    let (config, given) = (Arc::new(config), Arc::<AtomicUsize>::default());
    let counted = Arc::clone(&given);
    let port = script::listen(move |stream| {
        let connection = ServerConnection::new(Arc::clone(&config))?;
        let stream = BufReader::new(StreamOwned::new(connection, stream.into_inner()));
        script::answer_all(stream, |request| {
            let line = request.head.lines().next().unwrap_or_default();
            for part in
                ["Action=AssumeRoleWithWebIdentity", "RoleArn=arn%3Aaws%3Aiam", "WebIdentityToken=t0ken"]
            {
                anyhow::ensure!(line.contains(part), "{part} is not in {line}");
            }
            let number = counted.fetch_add(1, Ordering::SeqCst) + 1;
            Ok(format!(
                "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
                 <AccessKeyId>KEY-{number}</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>\
                 <SessionToken>session</SessionToken><Expiration>{EXPIRATION}</Expiration></Credentials>\
                 </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
            ))
        })
    })?;
    Ok((port, given))
}

fn assert_all_stored(rig: &Rig, s3: &S3, output: &Output) -> Result<()> {
    assert_eq!(output.status.code(), Some(0), "{}", text(output));
    let objects = s3.objects("results")?;
    for (name, content) in files(&rig.last_reports())? {
        let [object, _] = objects.get(&format!("run/{name}")).with_context(|| name.clone())?;
        assert!(object.as_bytes() == content, "{name}");
    }
    Ok(())
}

fn scene() -> Result<(Rig, S3)> {
    let scene = (Rig::start(&[])?, S3::start()?);
    scene.1.create_bucket("results")?;
    Ok(scene)
}

#[test]
fn web_identity_gives_credentials_and_others_when_they_expire() -> Result<()> {
    const EXPIRED: &str = "<Error><Code>ExpiredToken</Code></Error>";
    let _machine = machine();
    let (rig, s3) = scene()?;
    let (port, given) = token_service()?;
    let token = rig.path("token");
    fs_err::write(&token, "t0ken")?;
    // The first keys are good for the proof only.
    let proxy = Proxy::before(&s3.endpoint, |asked, _| {
        let signed = asked.header("authorization").unwrap_or_default();
        if signed.contains("Credential=KEY-1/") && !asked.is_put_of("/config.yaml") {
            Action::Reply(400, "content-type: application/xml\r\n", EXPIRED)
        } else {
            Action::Pass
        }
    })?;
    let mut command = rig.command(&config(&rig, &proxy.endpoint))?;
    let output = command
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", &token)
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r")
        .env("AWS_ENDPOINT_URL_STS", format!("https://127.0.0.1:{port}"))
        .env("AWS_CA_BUNDLE", PEM)
        .output()?;
    assert_all_stored(&rig, &s3, &output)?;
    assert_eq!(given.load(Ordering::SeqCst), 2, "once for each client");
    let signed = |key: &str| {
        proxy
            .asked()
            .iter()
            .filter(|asked| {
                asked
                    .header("authorization")
                    .is_some_and(|signed| signed.contains(&format!("Credential={key}/")))
            })
            .count()
    };
    assert!(signed("KEY-1") >= 2 && signed("KEY-2") >= 5);
    Ok(())
}

#[test]
fn a_token_service_that_cannot_be_trusted_is_named() -> Result<()> {
    let _machine = machine();
    let (rig, s3) = scene()?;
    let (port, given) = token_service()?;
    let token = rig.path("token");
    fs_err::write(&token, "t0ken")?;
    let mut command = rig.command(&config(&rig, &s3.endpoint))?;
    let output = command
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", &token)
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r")
        .env("AWS_ENDPOINT_URL_STS", format!("https://127.0.0.1:{port}"))
        .output()?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(
        complaint.contains("web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN) tried"),
        "{complaint}"
    );
    assert!(!complaint.contains("t0ken"), "{complaint}");
    assert_eq!((given.load(Ordering::SeqCst), rig.served()?), (0, 0));
    Ok(())
}

#[test]
fn pod_identity_gives_credentials() -> Result<()> {
    let _machine = machine();
    let (rig, s3) = scene()?;
    let token = rig.path("token");
    fs_err::write(&token, "p0d")?;
    let port = script::listen(|stream| {
        script::answer_all(stream, |request| {
            let head = request.head.to_ascii_lowercase();
            anyhow::ensure!(head.contains("\r\nauthorization: p0d\r\n"), "{head}");
            Ok(format!(
                r#"{{"AccessKeyId": "POD-1", "SecretAccessKey": "secret", "Token": "session", "Expiration": "{EXPIRATION}"}}"#
            ))
        })
    })?;
    let proxy = Proxy::before(&s3.endpoint, |asked, _| {
        if asked.header("authorization").is_some_and(|signed| signed.contains("Credential=POD-1/")) {
            Action::Pass
        } else {
            Action::Reply(403, "", "")
        }
    })?;
    let mut command = rig.command(&config(&rig, &proxy.endpoint))?;
    let output = command
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://127.0.0.1:{port}/v1/credentials"))
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token)
        .output()?;
    assert_all_stored(&rig, &s3, &output)
}
