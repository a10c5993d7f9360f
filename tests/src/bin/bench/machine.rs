//! The machine that figures were measured on, in a sentence.

/// Processor, cores, memory and kernel.
pub(crate) fn description() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kibibytes: Option<f64> =
        field("/proc/meminfo", "MemTotal").and_then(|text| text.split_whitespace().next()?.parse().ok());
    let memory = kibibytes.map_or_else(String::new, |size| format!(", {:.0} GiB", size / f64::from(1 << 20)));
    let kernel = fs_err::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{cpu}, {cores} cores{memory}, Linux {}.", kernel.trim())
}

/// The text after `key:` in a file of such lines.
fn field(file: &str, key: &str) -> Option<String> {
    let text = fs_err::read_to_string(file).ok()?;
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(found, _)| found.trim() == key).map(|(_, value)| value.trim().to_owned())
}
