//! The facts of a release that templates may use.

use benchmark_schemas::problem::{Origin, Problem};

/// Longest name of a release that Helm takes.
const MAX_NAME: usize = 53;

/// The name that stands for one that Helm would make up: as long as Helm's, which ends in the time.
#[must_use]
pub fn generated_name() -> String {
    format!("{}-{}", crate::chart::NAME, "0".repeat(10))
}

/// The name that a name template gives.
///
/// # Errors
///
/// If it is more than text: Helm's functions give random names, times and whatever Go templates can say.
pub fn literal_name(template: &str) -> Result<String, Problem> {
    if template.contains("{{") {
        return Err(Problem::new(
            Origin::Argument("--name-template".into()),
            "",
            "template actions are not known here",
            "write the name itself",
        ));
    }
    Ok(template.to_owned())
}

/// Name and namespace of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    name: String,
    namespace: String,
}

impl Release {
    /// A release, if `name` is one that Helm takes. An empty namespace is `default`.
    pub fn new(name: impl Into<String>, namespace: impl Into<String>) -> Result<Self, Problem> {
        let (name, namespace) = (name.into(), namespace.into());
        if !is_name(&name) {
            return Err(Problem::new(
                Origin::Argument("NAME".into()),
                "",
                format!("`{name}` cannot name a release"),
                format!("write at most {MAX_NAME} lower-case letters, digits, inner hyphens and dots"),
            ));
        }
        let namespace = if namespace.is_empty() { "default".to_owned() } else { namespace };
        Ok(Self { name, namespace })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
}

fn is_name(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= MAX_NAME
        && name.split('.').all(|part| {
            part.starts_with(edge) && part.ends_with(edge) && part.chars().all(|c| edge(c) || c == '-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_helm_takes() {
        for name in ["a", "baseline-test", "a.b", "0"] {
            assert!(Release::new(name, "").is_ok(), "{name}");
        }
        for name in ["", "A", "a_b", "-a", "a-", "a..b", ".a", &"a".repeat(54)] {
            assert!(Release::new(name, "").is_err(), "{name}");
        }
        insta::assert_snapshot!(
            Release::new("My_Release", "").unwrap_err(),
            @"NAME: `My_Release` cannot name a release (write at most 53 lower-case letters, digits, inner hyphens and dots)"
        );
    }

    #[test]
    fn the_namespace_is_default_unless_named() {
        assert_eq!(Release::new("a", "").unwrap().namespace(), "default");
        assert_eq!(Release::new("a", "b").unwrap().namespace(), "b");
    }
}
