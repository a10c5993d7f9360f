//! Asking the hub for a file: `HEAD` for what it is, `GET` for what is in it.
//!
//! The hub tells `ETag` and commit itself and sends great files on to a store on another host, whose signed addresses
//! are secrets and which must not see the token. So redirects are followed here, one by one.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, HeaderMap, LOCATION, USER_AGENT};
use reqwest::{Method, Response, StatusCode, Url, redirect};
use sha2::{Digest as _, Sha256};

use super::repo::Repo;
use super::{HubError, HubSettings, REVISION};
use crate::hex;

/// Redirects that are followed one after another, at most.
const MAX_REDIRECTS: usize = 10;
/// Greatest file that is fetched, bytes: no tokenizer comes near.
const MAX_BYTES: u64 = 1 << 30;
/// Pauses before further attempts after a passing fault.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1500)];

/// What the hub says of a file.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Name of the content; of a great file, its SHA-256.
    pub(super) etag: Option<String>,
    /// The commit that the revision stands for.
    pub(super) commit: Option<String>,
    /// Length of the content, bytes.
    length: Option<u64>,
}

/// Asks for one file of one model or data set.
pub(super) struct Client<'a> {
    settings: &'a HubSettings,
    repo: &'a Repo,
    file: &'a str,
    url: Url,
    http: reqwest::Client,
}

impl<'a> Client<'a> {
    /// Asks for a file.
    pub(super) fn new(settings: &'a HubSettings, repo: &'a Repo, file: &'a str) -> Result<Self, HubError> {
        let address = format!("{}/{}/resolve/{REVISION}/{file}", settings.endpoint, repo.page());
        Self::at(settings, repo, file, &address)
    }

    /// Asks for the list of all files.
    pub(super) fn listing(settings: &'a HubSettings, repo: &'a Repo) -> Result<Self, HubError> {
        let address = format!("{}/{}/revision/{REVISION}", settings.endpoint, repo.listing());
        Self::at(settings, repo, "list of files", &address)
    }

    fn at(settings: &'a HubSettings, repo: &'a Repo, file: &'a str, address: &str) -> Result<Self, HubError> {
        // Not shown: it may have a password in it.
        let broken = |fault: String| HubError::Unreachable { address: "HF_ENDPOINT".to_owned(), fault };
        let url = Url::parse(address).map_err(|error| broken(error.to_string()))?;
        let http = reqwest::Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(settings.silence)
            .read_timeout(settings.silence)
            .build()
            .map_err(|error| broken(error.without_url().to_string()))?;
        Ok(Self { settings, repo, file, url, http })
    }

    /// The address without credentials.
    pub(super) fn shown(&self) -> String {
        let mut url = self.url.clone();
        // Addresses of hosts can be without; others are refused when they are asked.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        url.to_string()
    }

    /// What the hub says of the file; passing faults are tried again if `insist`.
    pub(super) async fn head(&self, insist: bool) -> Result<Head, HubError> {
        let pauses = if insist { &PAUSES[..] } else { &[] };
        insisting(pauses, || self.walk(Method::HEAD)).await.map(|(head, _)| head)
    }

    /// The content of the file, checked against what `head` says of it; passing faults are tried again.
    pub(super) async fn body(&self, head: &Head) -> Result<Vec<u8>, HubError> {
        self.check_size(head.length)?;
        let content = async || {
            let mut bytes = Vec::new();
            let take = |chunk: &[u8]| {
                bytes.extend_from_slice(chunk);
                self.check_size(Some(bytes.len() as u64))
            };
            self.content(head, Some(MAX_BYTES), take).await?;
            Ok(bytes)
        };
        insisting(&PAUSES, content).await
    }

    /// Writes the content into `file`, of any size, checked in the same way.
    pub(super) async fn download(&self, head: &Head, file: &File) -> Result<(), HubError> {
        let kept = |done: io::Result<()>| {
            done.map_err(|error| HubError::NotKept {
                repo: self.repo.clone(),
                file: self.file.to_owned(),
                fault: error.to_string(),
            })
        };
        let content = async || {
            let mut file = file;
            kept(file.set_len(0).and_then(|()| file.rewind()))?;
            self.content(head, None, |chunk| kept(file.write_all(chunk))).await
        };
        insisting(&PAUSES, content).await
    }

    /// Refuses what is greater than any file that is used; `None` is a size that nobody tells.
    fn check_size(&self, bytes: Option<u64>) -> Result<(), HubError> {
        match bytes {
            Some(bytes) if bytes > MAX_BYTES => Err(HubError::TooLarge {
                repo: self.repo.clone(),
                file: self.file.to_owned(),
                bytes,
                most: MAX_BYTES,
            }),
            _ => Ok(()),
        }
    }

    /// Hands the content to `take` as it comes; one of more than `most` bytes is given up at once.
    async fn content(
        &self,
        head: &Head,
        most: Option<u64>,
        mut take: impl FnMut(&[u8]) -> Result<(), HubError>,
    ) -> Result<(), HubError> {
        let (told, mut response) = self.walk(Method::GET).await?;
        if most.is_some() {
            self.check_size(response.content_length())?;
        }
        let (mut length, mut digest) = (0u64, Sha256::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            length += chunk.len() as u64;
            digest.update(&chunk);
            take(&chunk)?;
        }
        let announced = head.length.filter(|_| told.etag == head.etag);
        if let Some(announced) = announced.filter(|announced| *announced != length) {
            return Err(self.broken(format!("{length} bytes came, {announced} were announced")));
        }
        let is_digest =
            |etag: &&String| etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        if let Some(etag) = head.etag.as_ref().filter(is_digest)
            && hex::encode(&digest.finalize()) != etag.to_ascii_lowercase()
        {
            return Err(self.broken("what came does not have the announced SHA-256".to_owned()));
        }
        Ok(())
    }

    /// Sends requests along redirects. `HEAD` ends where the hub sends on to another host; `GET` at the content.
    async fn walk(&self, method: Method) -> Result<(Head, Response), HubError> {
        let mut url = self.url.clone();
        let mut head = Head::default();
        for _ in 0..MAX_REDIRECTS {
            let at_hub = url.origin() == self.url.origin();
            let mut request = self.http.request(method.clone(), url.clone()).header(USER_AGENT, AGENT);
            if let Some(token) = self.settings.token.as_ref().filter(|_| at_hub) {
                request = request.header(AUTHORIZATION, format!("Bearer {}", token.expose()));
            }
            let response = request.send().await.map_err(|error| self.unreachable(error))?;
            if at_hub {
                head.learn(response.headers());
            }
            let next = self.next(&url, &response)?;
            match next {
                Some(next) if method == Method::HEAD && next.origin() != self.url.origin() => {
                    return Ok((head, response));
                }
                Some(next) => url = next,
                None if response.status().is_success() => return Ok((head, response)),
                None => return Err(self.refusal(&response, at_hub)),
            }
        }
        Err(self.broken(format!("more than {MAX_REDIRECTS} redirects")))
    }

    /// Where a redirect leads.
    fn next(&self, url: &Url, response: &Response) -> Result<Option<Url>, HubError> {
        if !response.status().is_redirection() || response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let next = location.and_then(|location| url.join(location).ok());
        let next = next.filter(|next| matches!(next.scheme(), "http" | "https"));
        next.map(Some).ok_or_else(|| self.broken("a redirect leads nowhere".to_owned()))
    }

    /// What an answer that is no success says of the file.
    fn refusal(&self, response: &Response, at_hub: bool) -> HubError {
        let status = response.status().as_u16();
        let code = response.headers().get("x-error-code").and_then(|value| value.to_str().ok());
        let (repo, endpoint) = (self.repo.clone(), self.origin());
        let with_token = self.settings.token.is_some();
        match (status, code) {
            _ if !at_hub => HubError::Status { address: self.shown(), status },
            (_, Some("GatedRepo")) | (403, None) => {
                let page = format!("{endpoint}/{}", self.repo.page());
                HubError::Gated { repo, status, page, with_token }
            }
            // The hub says the same of models that are not there and of those that are hidden.
            (401 | 404, Some("RepoNotFound")) => HubError::NoModel { repo, endpoint, status, with_token },
            (404, Some("EntryNotFound") | None) => HubError::NoFile { repo, file: self.file.to_owned() },
            (401, _) if with_token => HubError::Refused { repo, status },
            (401, _) => HubError::NoModel { repo, endpoint, status, with_token },
            _ => HubError::Status { address: self.shown(), status },
        }
    }

    /// The hub's address without credentials and path.
    fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn broken(&self, fault: String) -> HubError {
        HubError::Broken { address: self.shown(), fault }
    }

    fn unreachable(&self, error: reqwest::Error) -> HubError {
        let fault = if error.is_timeout() {
            format!("no answer within {} s", self.settings.silence.as_secs_f64())
        } else {
            crate::cause::innermost(&error.without_url()).to_string()
        };
        HubError::Unreachable { address: self.shown(), fault }
    }
}

/// What `attempt` gives, which is made once more after each of `pauses` as long as its faults are passing.
async fn insisting<T>(
    pauses: &[Duration],
    attempt: impl AsyncFn() -> Result<T, HubError>,
) -> Result<T, HubError> {
    for pause in pauses {
        match attempt().await {
            Err(error) if error.is_passing() => {
                tracing::debug!("{error}; trying again");
                tokio::time::sleep(*pause).await;
            }
            done => return done,
        }
    }
    attempt().await
}

const AGENT: &str = concat!("inference-perf/", env!("CARGO_PKG_VERSION"));

/// The innermost cause: what is around it only says that a request failed.
impl Head {
    /// Takes what the headers say; of a redirected file the hub's own answer says it first.
    fn learn(&mut self, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let linked = text("x-linked-etag");
        let etag = linked
            .or_else(|| text(ETAG.as_str()))
            .map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
        let length = match linked {
            Some(_) => text("x-linked-size"),
            None => text(CONTENT_LENGTH.as_str()),
        };
        // A redirect within the hub may tell nothing yet.
        if etag.is_some() {
            self.length = length.and_then(|length| length.parse().ok());
            self.etag = etag;
        }
        self.commit = text("x-repo-commit").map(str::to_owned).or(self.commit.take());
    }
}
