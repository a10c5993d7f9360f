//! Google Cloud Storage: a local server that speaks as much of its API as uploads need, with both ways to credentials.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use benchmark_tests::run_ok;

use crate::machine;
use crate::rig::{Rig, files, text};
use crate::script::{self, Request};

/// Objects by `bucket/key`, with the authorisation that each came with.
type Objects = Arc<Mutex<BTreeMap<String, (Vec<u8>, String)>>>;

/// Serves bucket `results`; gives its address and what lies in it.
fn store() -> Result<(String, Objects)> {
    let objects = Objects::default();
    let kept = Arc::clone(&objects);
    let port = script::listen(move |mut stream| {
        while let Some(request) = Request::read(&mut stream)? {
            let (status, etag) = answer(&kept, &request);
            let head = format!("HTTP/1.1 {status} X\r\n{etag}content-length: 0\r\n\r\n");
            stream.get_mut().write_all(head.as_bytes())?;
        }
        Ok(())
    })?;
    Ok((format!("http://127.0.0.1:{port}"), objects))
}

fn answer(objects: &Objects, request: &Request) -> (u16, &'static str) {
    let header = |name: &str| {
        let lines = request.head.lines().filter_map(|line| line.split_once(':'));
        lines.map(|(key, value)| (key, value.trim())).find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    let mut words = request.head.split(' ');
    let (Some("PUT"), Some(path)) = (words.next(), words.next()) else { return (405, "") };
    let Some((_, authorization)) = header("authorization") else { return (401, "") };
    let Some(key) = decoded(path.trim_start_matches('/')) else { return (400, "") };
    if !key.starts_with("results/") {
        return (404, "");
    }
    let mut objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
    let absent_only = header("x-goog-if-generation-match").is_some_and(|(_, generation)| generation == "0");
    if absent_only && objects.contains_key(&key) {
        return (412, "");
    }
    objects.insert(key, (request.body.clone(), authorization.to_owned()));
    (200, "etag: \"e\"\r\nx-goog-generation: 1\r\n")
}

/// A path without its percent signs; `None` if it has one too many.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(bytes).ok()
}

fn config(rig: &Rig, bucket: &str) -> String {
    format!(
        "{}data: {{type: mock}}\nload: {{stages: [{{rate: 10, duration: 1}}]}}\nstorage:\n  local_storage: {{path: {}}}\n  \
         google_cloud_storage: {{bucket_name: {bucket}, path: 'run/{{timestamp}}'}}\n",
        rig.target(),
        rig.reports()
    )
}

fn run(rig: &Rig, address: &str, bucket: &str, adapt: impl Fn(&mut Command)) -> Result<Output> {
    let mut command = rig.command(&config(rig, bucket))?;
    command.env("STORAGE_EMULATOR_HOST", address).env("HOME", rig.path("home"));
    adapt(&mut command);
    Ok(command.output()?)
}

/// Every local file lies in the store under one folder, and all came with an authorisation that begins with `start`.
fn assert_all_stored(rig: &Rig, objects: &Objects, start: &str) -> Result<()> {
    let objects = objects.lock().unwrap_or_else(PoisonError::into_inner);
    let local = files(&rig.last_reports())?;
    assert!(local.contains_key("manifest.json"));
    let folder =
        objects.keys().next().and_then(|key| key.rsplit_once('/')).context("an object")?.0.to_owned();
    assert!(folder.starts_with("results/run/20"), "{folder}");
    for (name, content) in local {
        let (object, authorization) =
            objects.get(&format!("{folder}/{name}")).with_context(|| name.clone())?;
        assert!(*object == content, "{name}");
        assert!(authorization.starts_with(start), "{authorization}");
    }
    Ok(())
}

#[test]
fn a_key_file_signs_for_itself() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&[])?;
    let (address, objects) = store()?;
    let key =
        run_ok("openssl".as_ref(), ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])?;
    let file = rig.path("key.json");
    let account = serde_json::json!({
        "type": "service_account", "project_id": "p", "private_key_id": "k", "private_key": key,
        "client_email": "a@p.iam.gserviceaccount.com", "client_id": "1",
    });
    fs_err::write(&file, account.to_string())?;
    let output = run(&rig, &address, "results", |command| {
        command.env("GOOGLE_APPLICATION_CREDENTIALS", &file);
    })?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    // The head of a JSON web token.
    assert_all_stored(&rig, &objects, "Bearer eyJ")?;
    assert!(text(&output).contains("Results: gs://results/run/20"), "{}", text(&output));

    let output = run(&rig, &address, "absent", |command| {
        command.env("GOOGLE_APPLICATION_CREDENTIALS", &file);
    })?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("create the bucket, or correct storage.google_cloud_storage"), "{complaint}");
    Ok(())
}

#[test]
fn workload_identity_gives_a_token() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&[])?;
    let (address, objects) = store()?;
    let port = script::listen(|stream| {
        script::answer_all(stream, |request| {
            let head = request.head.to_ascii_lowercase();
            anyhow::ensure!(head.contains("\r\nmetadata-flavor: google\r\n"), "{head}");
            Ok(r#"{"access_token": "t0ken", "expires_in": 3599, "token_type": "Bearer"}"#.to_owned())
        })
    })?;
    let output = run(&rig, &address, "results", |command| {
        command.env("GCE_METADATA_HOST", format!("127.0.0.1:{port}"));
    })?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_all_stored(&rig, &objects, "Bearer t0ken")
}

#[test]
fn sources_of_credentials_are_named() -> Result<()> {
    let _machine = machine();
    let rig = Rig::start(&[])?;
    let (address, _) = store()?;
    let absent = script::listen(|_| Ok(()))?;
    let output = run(&rig, &address, "results", |command| {
        let nowhere = format!("127.0.0.1:{absent}");
        command.env("GCE_METADATA_HOST", &nowhere).env("GCE_METADATA_IP", &nowhere);
    })?;
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let complaint = String::from_utf8_lossy(&output.stderr);
    for part in ["GOOGLE_APPLICATION_CREDENTIALS not set", "workload identity", "gs://results/run/20"] {
        assert!(complaint.contains(part), "{part} is not in {complaint}");
    }
    assert_eq!(rig.served()?, 0);
    Ok(())
}
