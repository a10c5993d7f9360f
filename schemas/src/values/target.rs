//! What a model server's URL says about where its pods are.

/// A Service of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Name of the Service.
    pub name: String,
    /// Its namespace; none means the benchmark's own.
    pub namespace: Option<String>,
}

/// The Service that `base_url` names, if its host is `service`, `service.namespace` or `service.namespace.svc…`.
pub fn target_service(base_url: &str) -> Option<Service> {
    let rest = base_url.strip_prefix("http://").or_else(|| base_url.strip_prefix("https://"))?;
    let host = rest.split(['/', '?', '#', ':']).next()?;
    let labels: Vec<&str> = host.split('.').collect();
    let starts_well = host.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || !labels.iter().all(|label| is_dns_label(label)) || host == "localhost" {
        return None;
    }
    match labels[..] {
        [name] => Some(Service { name: name.to_owned(), namespace: None }),
        [name, namespace] | [name, namespace, "svc", ..] => {
            Some(Service { name: name.to_owned(), namespace: Some(namespace.to_owned()) })
        }
        _ => None,
    }
}

/// What stands between `scheme://` and the path.
pub(super) fn authority(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let letters = scheme.starts_with(|c: char| c.is_ascii_alphabetic());
    let plain = scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-'));
    if !letters || !plain {
        return None;
    }
    rest.split(['/', '?', '#']).next()
}

/// A label of a host name: at most 63 lower-case letters, digits and inner hyphens.
pub(super) fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_dns_part(text)
}

/// Lower-case letters, digits and inner hyphens, in any number.
pub(super) fn is_dns_part(text: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(edge) && text.ends_with(edge) && text.chars().all(|c| edge(c) || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_are_services() {
        let service = |url: &str| target_service(url).map(|service| (service.name, service.namespace));
        let of = |name: &str, namespace: &str| Some((name.to_owned(), Some(namespace.to_owned())));
        assert_eq!(service("http://qwen3-vllm.default:8000"), of("qwen3-vllm", "default"));
        assert_eq!(service("http://a.b.svc.cluster.local/v1"), of("a", "b"));
        assert_eq!(service("https://a.b:1/x?y#z"), of("a", "b"));
        assert_eq!(service("http://a:8000"), Some(("a".to_owned(), None)));
        for url in [
            "http://localhost:8000",
            "http://127.0.0.1",
            "https://api.example.com",
            "",
            "http://A.b",
            "a:80",
            "a",
        ] {
            assert_eq!(service(url), None, "{url}");
        }
    }
}
