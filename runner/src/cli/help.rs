//! The list of the flags of the configuration's keys, by section: `--help-config`.

use std::fmt::Write as _;

use benchmark_schemas::config::{Flag, FlagKind};

/// Column in which what a flag means begins.
const COLUMN: usize = 42;
/// The keys of a distribution, which are shown as one.
const DISTRIBUTION: [&str; 8] = ["min", "max", "mean", "std_dev", "total_count", "type", "variance", "skew"];
/// What stands for all sections.
const ALL: &str = "all";

/// The flags of `section` (`load`, `data.shared_prefix`, one key, or `all`); the sections, if it is empty.
///
/// # Errors
///
/// If there is no such section.
pub(super) fn flags(flags: &[Flag], section: &str) -> Result<String, String> {
    if section.is_empty() {
        return Ok(sections(flags));
    }
    let is_in = |flag: &&Flag| {
        let rest = flag.name.strip_prefix(section);
        section == ALL || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let chosen: Vec<&Flag> = flags.iter().filter(is_in).collect();
    if chosen.is_empty() {
        return Err(format!(
            "--help-config {section}: there is no such section; there are\n{}",
            sections(flags)
        ));
    }
    let mut text = String::new();
    let mut shown = None;
    for flag in chosen {
        let mapping = flag.name.rsplit_once('.').map_or("", |(mapping, _)| mapping);
        if is_of_distribution(flags, mapping) {
            if shown != Some(mapping) {
                line(&mut text, &format!("--{mapping}.KEY VALUE"), &flag.within);
                shown = Some(mapping);
            }
            continue;
        }
        line(&mut text, &format!("--{} {}", flag.name, value_name(&flag.kind)), &flag.description);
    }
    if shown.is_some() {
        let _ = writeln!(text, "\nKEY is one of {}.", DISTRIBUTION.join(", "));
    }
    Ok(text)
}

/// The sections with the number of their flags.
fn sections(flags: &[Flag]) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for flag in flags {
        let steps: Vec<&str> = flag.name.split('.').collect();
        // Mappings within `data` are sections of their own.
        let depth = if steps[0] == "data" && steps.len() > 2 { 2 } else { 1 };
        let length = steps[..depth].join(".").len();
        let section = &flag.name[..length];
        match counts.iter_mut().find(|(known, _)| *known == section) {
            Some((_, count)) => *count += 1,
            None => counts.push((section, 1)),
        }
    }
    let mut text = String::from("Sections of the configuration:\n\n");
    for (section, count) in counts {
        let _ = writeln!(text, "  {section:<34}{count} {}", if count == 1 { "flag" } else { "flags" });
    }
    text.push_str("\n`--help-config SECTION` lists the flags of one, `--help-config all` those of all.\n");
    text
}

fn is_of_distribution(flags: &[Flag], mapping: &str) -> bool {
    DISTRIBUTION.iter().all(|key| {
        let has = |flag: &Flag| {
            flag.name.strip_prefix(mapping).and_then(|rest| rest.strip_prefix('.')) == Some(key)
        };
        flags.iter().any(has)
    })
}

/// What stands for a flag's value.
fn value_name(kind: &FlagKind) -> String {
    match kind {
        FlagKind::Text => "TEXT".to_owned(),
        FlagKind::Integer => "INTEGER".to_owned(),
        FlagKind::Number => "NUMBER".to_owned(),
        FlagKind::Boolean => "true|false".to_owned(),
        FlagKind::Choice(names) => names.join("|"),
        FlagKind::Json => "JSON".to_owned(),
        FlagKind::NumberOrJson => "NUMBER|JSON".to_owned(),
    }
}

fn line(text: &mut String, flag: &str, description: &str) {
    let description = description.split("\n\n").next().unwrap_or_default();
    // Two blanks before the flag, and at least two after it.
    let gap = match COLUMN.checked_sub(flag.chars().count() + 2) {
        Some(blanks) if blanks >= 2 => " ".repeat(blanks),
        _ => format!("\n{}", " ".repeat(COLUMN)),
    };
    let _ = writeln!(text, "  {flag}{gap}{description}");
}
