//! Takes the flags of the configuration's keys out of a command line, by the rules of Python's argparse: a long option
//! may be cut short as long as it is unambiguous, `--flag=value` is `--flag value`, negative numbers are values, and
//! after `--` there are no options.

use std::ffi::{OsStr, OsString};

use benchmark_schemas::config::{Flag, nearest_flag};
use benchmark_schemas::tree::Node;

/// Upstream's long options beside the flags of keys. Only they and upstream's keys are considered first when an
/// option is cut short, so that what is unambiguous there is so here.
pub(super) const UPSTREAM: [&str; 5] =
    ["help", "config_file", "analyze", "unified_analysis_dir", "log-level"];
/// Our own long options.
pub(super) const OWN: [&str; 4] = ["help-config", "lenient", "resume", "version"];
/// The section of keys that upstream lacks.
const EXTENSIONS: &str = "extensions.";
/// Commands that take flags of keys; the others' arguments are left alone.
const CONFIGURED: [&str; 2] = ["validate", "preflight"];
/// Names that a message lists at most.
const MOST_LISTED: usize = 8;

/// What was taken out of a command line: the rest, and flags with their values.
type Split = (Vec<OsString>, Vec<(Flag, Node)>);

/// Takes the flags out of `arguments`, of which the first names the program.
///
/// # Errors
///
/// All that is wrong with flags and their values.
pub(super) fn split(arguments: Vec<OsString>, flags: &[Flag]) -> Result<Split, Vec<String>> {
    let command = arguments.get(1).and_then(|argument| argument.to_str()).unwrap_or_default();
    let is_command = !command.is_empty() && !command.starts_with('-');
    if is_command && !CONFIGURED.contains(&command) {
        return Ok((arguments, Vec::new()));
    }
    let mut reader = Reader { flags, settings: Vec::new(), faults: Vec::new() };
    let mut rest = Vec::new();
    let mut left = arguments.into_iter().peekable();
    while let Some(argument) = left.next() {
        if argument == "--" {
            rest.push(argument);
            rest.extend(left);
            break;
        }
        let Some(option) = long_option(&argument) else {
            rest.push(argument);
            continue;
        };
        match reader.meant(option) {
            Meant::Flag(flag) => {
                let value = option.value.map(OsString::from);
                let value = value.or_else(|| left.next_if(|argument| !is_option(argument)));
                reader.set(flag, value.as_deref());
            }
            Meant::Other(name) => {
                let value = option.value.map(|value| format!("={value}")).unwrap_or_default();
                rest.push(format!("--{name}{value}").into());
            }
            Meant::Unknown => rest.push(argument),
            // What may be its value goes with it.
            Meant::Wrong => {
                left.next_if(|argument| option.value.is_none() && !is_option(argument));
            }
        }
    }
    if reader.faults.is_empty() { Ok((rest, reader.settings)) } else { Err(reader.faults) }
}

/// A long option as typed, without its dashes.
#[derive(Debug, Clone, Copy)]
struct LongOption<'a> {
    name: &'a str,
    /// What stands after `=`.
    value: Option<&'a str>,
}

fn long_option(argument: &OsStr) -> Option<LongOption<'_>> {
    let typed = argument.to_str()?.strip_prefix("--")?;
    let (name, value) = match typed.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (typed, None),
    };
    // As for argparse, what has a blank in it is a value.
    (!name.contains(' ')).then_some(LongOption { name, value })
}

/// True for what argparse does not take for a value.
fn is_option(argument: &OsStr) -> bool {
    let Some(text) = argument.to_str() else { return false };
    text.len() > 1 && text.starts_with('-') && text.parse::<f64>().is_err() && !text.contains(' ')
}

/// What an option stands for.
enum Meant<'a> {
    /// The flag of a key.
    Flag(&'a Flag),
    /// Another option, by its full name.
    Other(&'a str),
    /// Nothing that is known here.
    Unknown,
    /// Nothing; that is noted.
    Wrong,
}

struct Reader<'a> {
    flags: &'a [Flag],
    settings: Vec<(Flag, Node)>,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    fn meant(&mut self, option: LongOption<'_>) -> Meant<'a> {
        let name = option.name;
        let others = UPSTREAM.iter().chain(&OWN).copied();
        if let Some(flag) = self.flags.iter().find(|flag| flag.name == name) {
            return Meant::Flag(flag);
        }
        if let Some(other) = others.clone().find(|other| *other == name) {
            return Meant::Other(other);
        }
        let (own, upstreams): (Vec<&Flag>, Vec<&Flag>) = self
            .flags
            .iter()
            .filter(|flag| flag.name.starts_with(name))
            .partition(|flag| flag.name.starts_with(EXTENSIONS));
        let begin = |names: &[&'static str]| -> Vec<&'static str> {
            names.iter().copied().filter(|other| other.starts_with(name)).collect()
        };
        let mut candidates = (upstreams, begin(&UPSTREAM));
        if candidates.0.is_empty() && candidates.1.is_empty() {
            candidates = (own, begin(&OWN));
        }
        match (candidates.0.as_slice(), candidates.1.as_slice()) {
            ([flag], []) => Meant::Flag(flag),
            ([], [other]) => Meant::Other(other),
            ([], []) => self.unknown(name),
            (flags, others) => {
                let names = flags.iter().map(|flag| flag.name.as_str()).chain(others.iter().copied());
                self.ambiguous(name, &names.collect::<Vec<_>>());
                Meant::Wrong
            }
        }
    }

    /// An option that nothing begins with: what has a dot was meant for a key.
    fn unknown(&mut self, name: &str) -> Meant<'a> {
        if !name.contains('.') {
            return Meant::Unknown;
        }
        let remedy = match nearest_flag(name, self.flags) {
            Some(flag) => format!("did you mean --{}?", flag.name),
            None => "`--help-config` lists the flags".to_owned(),
        };
        self.faults.push(format!("--{name}: there is no such key ({remedy})"));
        Meant::Wrong
    }

    fn ambiguous(&mut self, name: &str, names: &[&str]) {
        let listed: Vec<String> = names.iter().take(MOST_LISTED).map(|name| format!("--{name}")).collect();
        let more = match names.len().saturating_sub(MOST_LISTED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        self.faults.push(format!("--{name} is ambiguous: it could be {}{more}", listed.join(", ")));
    }

    fn set(&mut self, flag: &Flag, value: Option<&OsStr>) {
        let Some(value) = value else {
            self.faults.push(format!("--{}: a value must follow", flag.name));
            return;
        };
        let Some(text) = value.to_str() else {
            self.faults.push(format!("--{}: its value is not UTF-8", flag.name));
            return;
        };
        match flag.read(text) {
            Ok(Some(node)) => self.settings.push((flag.clone(), node)),
            Ok(None) => {}
            Err(problem) => self.faults.push(problem.to_string()),
        }
    }
}
