//! Where requests go: `server.base_url` and the API's route, taken apart once.

use std::fmt;

use http::Uri;
use url::{Host, Url};

/// `server.base_url` as paths are appended to it: one slash at its end is dropped, nothing else is changed.
#[must_use]
pub fn base_url(configured: &str) -> &str {
    configured.strip_suffix('/').unwrap_or(configured)
}

/// The address of the measured endpoint.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Host name or address, IPv6 without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: bool,
    /// Path of the request line.
    pub(super) path: Uri,
    /// Value of the `Host` header: with the port where it is not the scheme's own.
    pub(super) authority: String,
}

impl Target {
    /// [`base_url`] of `configured` + `route`.
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    pub(super) fn parse(configured: &str, route: &str) -> Result<Self, String> {
        let url = Url::parse(base_url(configured)).map_err(|error| error.to_string())?;
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(format!("its scheme is {other:?}, neither http nor https")),
        };
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err("it names no host".to_owned()),
        };
        let port = url.port_or_known_default().unwrap_or(if tls { 443 } else { 80 });
        let shown = url.host_str().unwrap_or_default();
        let authority = url.port().map_or_else(|| shown.to_owned(), |port| format!("{shown}:{port}"));
        if url.query().is_some() || url.fragment().is_some() {
            return Err("nothing can follow its path".to_owned());
        }
        let path = format!("{}{route}", if url.path() == "/" { "" } else { url.path() });
        let path = path.parse().map_err(|error| format!("its path cannot be sent: {error}"))?;
        Ok(Self { host, port, tls, path, authority })
    }
}

impl fmt::Display for Target {
    /// `host:port`, as upstream's error messages name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(base_url: &str) -> (String, u16, bool, String, String) {
        let target = Target::parse(base_url, "/v1/completions").expect("a good URL");
        (target.host, target.port, target.tls, target.path.to_string(), target.authority)
    }

    #[test]
    fn base_urls_are_taken_apart() {
        let path = "/v1/completions".to_owned();
        let own = |text: &str| text.to_owned();
        assert_eq!(parts("http://h:8000"), (own("h"), 8000, false, path.clone(), own("h:8000")));
        assert_eq!(parts("http://h:8000/"), (own("h"), 8000, false, path.clone(), own("h:8000")));
        assert_eq!(parts("https://api.test"), (own("api.test"), 443, true, path.clone(), own("api.test")));
        assert_eq!(parts("http://[::1]:80"), (own("::1"), 80, false, path, own("[::1]")));
        assert_eq!(parts("http://h/team/v1/").3, "/team/v1/v1/completions");
    }

    #[test]
    fn bad_base_urls_say_why() {
        let fault = |base_url| Target::parse(base_url, "/v1/completions").expect_err("a bad URL");
        insta::assert_snapshot!(fault("qwen3:8000"), @r#"its scheme is "qwen3", neither http nor https"#);
        insta::assert_snapshot!(fault("ftp://h"), @r#"its scheme is "ftp", neither http nor https"#);
        insta::assert_snapshot!(fault("http://"), @"empty host");
        insta::assert_snapshot!(fault("http://h?x=1"), @"nothing can follow its path");
        insta::assert_snapshot!(fault(""), @"relative URL without a base");
    }
}
