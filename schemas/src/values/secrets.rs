//! Which names stand for credentials. Values end up in a ConfigMap, so none may be among them.

/// True if `name`, a key or an HTTP header, names a credential.
pub fn is_secret_name(name: &str) -> bool {
    const WHOLE: [&str; 3] = ["authorization", "proxy-authorization", "cookie"];
    const LAST: [&str; 9] = [
        "api-key",
        "api_key",
        "apikey",
        "subscription-key",
        "subscription_key",
        "subscriptionkey",
        "token",
        "secret",
        "password",
    ];
    let name = name.to_lowercase();
    WHOLE.contains(&name.as_str())
        || LAST.iter().any(|last| {
            name.strip_suffix(last).is_some_and(|rest| rest.is_empty() || rest.ends_with(['-', '_']))
        })
}

/// True if the authority of `url` carries a user or a password.
pub(super) fn has_user_info(url: &str) -> bool {
    super::target::authority(url).is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_known_by_name() {
        for name in [
            "Authorization",
            "proxy-authorization",
            "x-api-key",
            "API_KEY",
            "apiKey",
            "X-Auth-Token",
            "token",
        ] {
            assert!(is_secret_name(name), "{name}");
        }
        for name in
            ["hfToken", "max_tokens", "tokenizer", "x-request-id", "existingSecret", "authorization-mode"]
        {
            assert!(!is_secret_name(name), "{name}");
        }
    }
}
