//! What the environment gives where the configuration is silent: the key, the headers and the TLS files that the chart
//! mounts from Secrets, and times. Knows the variables; what is done with the values is no matter of its own.
//!
//! A secret that reads as its mask is none: the `config.yaml` of a run's reports has such in their places.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use benchmark_schemas::config::Config;
use benchmark_schemas::problem::{Origin, Problem, Problems};
use benchmark_schemas::secret::Secret;
use benchmark_schemas::tree::Node;
use benchmark_schemas::variables::{API_KEY, CA_FILE, CERT_FILE, HEADERS_FILE, KEY_FILE};

/// Fills in what `config`, which was read from `document`, leaves open, from the process's variables.
///
/// # Errors
///
/// All that is wrong with them, and the secrets that nothing gives.
pub(super) fn complete(config: &mut Config, document: &Node) -> Result<(), Problems> {
    complete_from(config, document, &variables)
}

fn variables(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn complete_from(
    config: &mut Config,
    document: &Node,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Problems> {
    // Secrets in files and variables tend to end with a line break.
    let given = |name| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let mut problems = Vec::new();
    let server = &mut config.server;
    let masked = server.api_key.take_if(|key| key.is_masked()).is_some();
    server.api_key = server.api_key.take().or_else(|| given(API_KEY).map(Secret::new));
    if masked && server.api_key.is_none() {
        problems.push(unmask(document, &["server", "api_key"], &format!("set {API_KEY}")));
    }
    if let Some(file) = given(CA_FILE) {
        config.extensions.get_or_insert_default().ca_path.get_or_insert(file);
    }
    match (given(CERT_FILE), given(KEY_FILE)) {
        (Some(certificate), Some(key)) if server.cert_path.is_none() => {
            (server.cert_path, server.key_path) = (Some(certificate), Some(key));
        }
        (Some(_), None) => problems.push(missing(CERT_FILE, "a certificate needs its key", KEY_FILE)),
        (None, Some(_)) => problems.push(missing(KEY_FILE, "a key needs its certificate", CERT_FILE)),
        _ => {}
    }
    let masked = take_masked_headers(config);
    if let Some(file) = given(HEADERS_FILE) {
        match headers(Path::new(&file)) {
            Ok(read) => add_headers(config, read),
            Err(found) => problems.extend(found),
        }
    }
    let own = config.api.headers.iter().flatten();
    let known: Vec<String> = own.map(|(name, _)| name.to_ascii_lowercase()).collect();
    let lost = masked.iter().filter(|name| !known.contains(&name.to_ascii_lowercase()));
    let remedy = format!("write it into the file that {HEADERS_FILE} names");
    problems.extend(lost.map(|name| unmask(document, &["api", "headers", name], &remedy)));
    Problems::check(problems)
}

/// A secret at `path` of which only the mask is known; `other` is what to do instead of giving it again.
pub(super) fn unmask(document: &Node, path: &[&str], other: &str) -> Problem {
    let origin = document.at(path.iter().copied()).map_or(Origin::Derived, |node| node.origin.clone());
    Problem::new(origin, path.join("."), "is masked", format!("give it again, or {other}"))
}

/// Takes the headers whose values are masked out of `config`; gives their names.
fn take_masked_headers(config: &mut Config) -> Vec<String> {
    let Some(headers) = &mut config.api.headers else { return Vec::new() };
    let masked = headers.iter().filter(|(_, value)| value.is_masked());
    let masked: Vec<String> = masked.map(|(name, _)| name.clone()).collect();
    headers.retain(|_, value| !value.is_masked());
    masked
}

fn missing(variable: &str, fault: &str, other: &str) -> Problem {
    Problem::new(Origin::Argument(variable.into()), "", fault, format!("set {other} too"))
}

/// The headers that a file holds. What its lines say is shown nowhere: it may be secret.
fn headers(file: &Path) -> Result<Vec<(String, Secret)>, Vec<Problem>> {
    let origin = Origin::Argument(HEADERS_FILE.into());
    let text = fs_err::read_to_string(file)
        .map_err(|error| vec![Problem::new(origin, "", error.to_string(), "name a file that can be read")])?;
    let mut headers = Vec::new();
    let mut problems = Vec::new();
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        match line.split_once(':').map(|(name, value)| (name.trim(), value.trim())) {
            Some((name, value)) if is_name(name) => headers.push((name.to_owned(), Secret::new(value))),
            _ => {
                let origin = Origin::File { file: file.to_string_lossy().into(), line: number, column: 1 };
                problems.push(Problem::new(origin, "", "the line is no header", "write Name: value"));
            }
        }
    }
    if problems.is_empty() { Ok(headers) } else { Err(problems) }
}

/// True for a token as HTTP has it (RFC 9110 §5.6.2).
fn is_name(text: &str) -> bool {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_token)
}

/// Adds `headers` but for those that the configuration gives itself.
fn add_headers(config: &mut Config, headers: Vec<(String, Secret)>) {
    let own = config.api.headers.get_or_insert_default();
    let known: Vec<String> = own.keys().map(|name| name.to_ascii_lowercase()).collect();
    own.extend(headers.into_iter().filter(|(name, _)| !known.contains(&name.to_ascii_lowercase())));
}

/// The time that the variable `name` holds, in seconds; `None` where it is not set or empty. `example` is shown to who
/// writes something else.
///
/// # Errors
///
/// If it is no whole number of seconds.
pub(super) fn seconds_of(name: &str, example: u64) -> Result<Option<Duration>> {
    seconds(name, std::env::var(name).ok().as_deref(), example)
}

/// The port that the variable `name` holds; `None` where it is not set or empty.
///
/// # Errors
///
/// If it is no port.
pub(super) fn port_of(name: &str) -> Result<Option<u16>> {
    let value = std::env::var(name).unwrap_or_default();
    match value.trim() {
        "" => Ok(None),
        text => match text.parse() {
            Ok(port) => Ok(Some(port)),
            Err(_) => bail!("{name}: `{text}` is no port (write a number such as 9464, or unset it)"),
        },
    }
}

fn seconds(name: &str, value: Option<&str>, example: u64) -> Result<Option<Duration>> {
    let Some(value) = value.map(str::trim).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.parse() {
        Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
        Err(_) => {
            bail!(
                "{name}: `{value}` is no whole number of seconds (write one such as {example}, or unset it)"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use benchmark_schemas::variables::{HOLD_SECONDS, PREFLIGHT};
    use benchmark_schemas::yaml::{self, Dialect};

    use super::*;

    /// The configuration with `variables`.
    fn completed(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
        let text = format!("load: {{stages: [{{rate: 1, duration: 1}}]}}\ndata: {{type: mock}}\n{text}");
        let document = yaml::parse(&text, "config.yml", Dialect::Config).expect("a document");
        let mut config = Config::from_node(document.clone()).expect("a configuration");
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
        complete_from(&mut config, &document, &|name| find(name).map(|(_, value)| (*value).to_owned()))
            .map_err(|problems| problems.to_string())?;
        Ok(config)
    }

    fn shown(config: &Config) -> [Option<&str>; 4] {
        let server = &config.server;
        let ca = config.extensions.as_ref().and_then(|extensions| extensions.ca_path.as_deref());
        let key = server.api_key.as_ref().map(Secret::expose);
        [key, server.cert_path.as_deref(), server.key_path.as_deref(), ca]
    }

    const ALL: [(&str, &str); 4] = [(API_KEY, "k\n"), (CERT_FILE, "c"), (KEY_FILE, "d"), (CA_FILE, "a")];

    #[test]
    fn the_configuration_comes_before_the_environment() {
        let silent = completed("server: {base_url: 'https://a'}", &ALL).expect("sound");
        assert_eq!(shown(&silent), [Some("k"), Some("c"), Some("d"), Some("a")]);
        let own = "server: {base_url: 'https://a', api_key: 1k, cert_path: 1c, key_path: 1d}\nextensions: {ca_path: 1a}";
        let own = completed(own, &ALL).expect("sound");
        assert_eq!(shown(&own), [Some("1k"), Some("1c"), Some("1d"), Some("1a")]);
        let empty = completed("server: {base_url: 'https://a'}", &[(API_KEY, " \n"), (CA_FILE, "")]);
        assert_eq!(shown(&empty.expect("sound")), [None; 4]);
    }

    #[test]
    fn headers_are_those_of_the_file_and_of_the_configuration() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("headers");
        fs_err::write(&file, "X-Team: a: b\n\nx-route:c\nX-TEAM-2:\n").expect("a file");
        let path = file.to_string_lossy();
        let text = "server: {base_url: 'http://a'}\napi: {headers: {X-Route: own}}";
        let config = completed(text, &[(HEADERS_FILE, &path)]).expect("sound");
        let headers = config.api.headers.expect("headers");
        let shown: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(shown, [("X-Route", "own"), ("X-Team", "a: b"), ("X-TEAM-2", "")]);
    }

    #[test]
    fn what_is_masked_was_not_given() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("headers");
        fs_err::write(&file, "x-team: a\nX-Other: b\n").expect("a file");
        let path = file.to_string_lossy();
        let text = "server: {base_url: 'http://a', api_key: '********'}\napi: {headers: {X-Team: '********', X-Own: own}}";
        let config = completed(text, &[(API_KEY, "k"), (HEADERS_FILE, &path)]).expect("sound");
        assert_eq!(shown(&config)[0], Some("k"));
        let headers = config.api.headers.expect("headers");
        let shown: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.expose())).collect();
        assert_eq!(shown, [("X-Own", "own"), ("x-team", "a"), ("X-Other", "b")]);
        let message = completed(text, &[]).expect_err("nothing gives them");
        insta::assert_snapshot!(message, @"
        config.yml:3:41: server.api_key: is masked (give it again, or set INFERENCE_PERF_API_KEY)
        config.yml:4:25: api.headers.X-Team: is masked (give it again, or write it into the file that INFERENCE_PERF_HEADERS_FILE names)
        ");
    }

    #[test]
    fn faults_are_told_at_once_without_what_is_secret() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("headers");
        fs_err::write(&file, "X-Team: a\ns3cret\nX Team: s3cret\n").expect("a file");
        let path = file.to_string_lossy();
        let variables = [(HEADERS_FILE, &*path), (KEY_FILE, "k")];
        let message = completed("server: {base_url: 'http://a'}", &variables).expect_err("faults");
        insta::assert_snapshot!(message.replace(&*path, "headers"), @"
        headers:2:1: the line is no header (write Name: value)
        headers:3:1: the line is no header (write Name: value)
        INFERENCE_PERF_KEY_FILE: a key needs its certificate (set INFERENCE_PERF_CERT_FILE too)
        ");
        let absent = [(HEADERS_FILE, "/no/such/file")];
        let message = completed("server: {base_url: 'http://a'}", &absent).expect_err("a fault");
        insta::assert_snapshot!(message, @"INFERENCE_PERF_HEADERS_FILE: failed to open file `/no/such/file`: No such file or directory (os error 2) (name a file that can be read)");
    }

    #[test]
    fn times_are_whole_numbers_of_seconds() {
        let of = |value| seconds("X", value, 1).expect("a number of seconds");
        assert_eq!(of(None), None);
        assert_eq!(of(Some("")), None);
        assert_eq!(of(Some("90")), Some(Duration::from_secs(90)));
        assert_eq!(of(Some(" 600\n")), Some(Duration::from_mins(10)));
        let fault = seconds(HOLD_SECONDS, Some("-1"), 3600).expect_err("negative");
        insta::assert_snapshot!(fault, @"INFERENCE_PERF_HOLD_SECONDS: `-1` is no whole number of seconds (write one such as 3600, or unset it)");
        let fault = seconds(PREFLIGHT, Some("10m"), 600).expect_err("a unit");
        insta::assert_snapshot!(fault, @"INFERENCE_PERF_PREFLIGHT: `10m` is no whole number of seconds (write one such as 600, or unset it)");
    }
}
