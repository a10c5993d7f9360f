//! What the system is asked to do, as `strace` sees it: records reach the disk every second, and a report has its name only
//! when it is whole on the disk. For `make chaos`: it needs strace.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use benchmark_tests::program;

use crate::rig::{Rig, text};
use crate::{figures, long_runs, machine};

/// A call that returned: when it began, its name, its arguments, its result.
struct Call {
    seconds: f64,
    name: String,
    arguments: String,
    result: String,
}

/// Calls in the order in which they returned, of lines such as `123 1700000000.123456 fsync(7) = 0`. Of a call that strace
/// shows in two parts, they are put together.
fn calls(trace: &str) -> Result<Vec<Call>> {
    let mut begun: BTreeMap<&str, (f64, String)> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in trace.lines() {
        let mut words = line.splitn(3, ' ');
        let (process, rest) = (words.next().context("a process")?, line);
        let mut rest = rest.trim_start_matches(process).trim_start().splitn(2, ' ');
        let seconds: f64 = rest.next().context("a time")?.parse()?;
        let rest = rest.next().unwrap_or_default();
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            begun.insert(process, (seconds, start.to_owned()));
            continue;
        }
        let (seconds, whole) = match rest.strip_prefix("<... ") {
            Some(end) => {
                let (_, end) = end.split_once("resumed>").context("the rest of a call")?;
                let (seconds, start) = begun.remove(process).context("the start of a call")?;
                (seconds, start + end)
            }
            None => (seconds, rest.to_owned()),
        };
        let Some((call, result)) = whole.rsplit_once(" = ") else { continue };
        let Some((name, arguments)) = call.split_once('(') else { continue };
        calls.push(Call {
            seconds,
            name: name.to_owned(),
            arguments: arguments.trim_end().trim_end_matches(')').to_owned(),
            result: result.trim().to_owned(),
        });
    }
    Ok(calls)
}

/// The file that descriptor `N<path>` of strace's `-y` stands for.
fn path_of(arguments: &str) -> Option<&str> {
    arguments.split_once('<')?.1.split_once('>').map(|(path, _)| path)
}

/// Two quoted paths of a rename.
fn renamed(arguments: &str) -> Vec<&str> {
    arguments.split('"').skip(1).step_by(2).collect()
}

#[test]
fn records_and_reports_reach_the_disk_as_they_should() -> Result<()> {
    if long_runs().is_none() {
        return Ok(());
    }
    let _machine = machine();
    let rig = Rig::start(&["--slots", "64"])?;
    let config = format!(
        "{}data: {{type: mock}}\nload: {{num_workers: 2, interval: 1, stages: [{{rate: 50, duration: 4}}, {{rate: 50, duration: \
         4}}]}}\nstorage: {{local_storage: {{path: reports}}}}\n",
        rig.target()
    );
    let command = rig.command(&config)?;
    let trace = rig.path("trace");
    let output = Command::new("strace")
        .args([
            "-f",
            "-ttt",
            "-y",
            "-e",
            "trace=pwrite64,write,fdatasync,fsync,rename,renameat,renameat2",
            "-o",
        ])
        .arg(&trace)
        .arg(program("inference-perf"))
        .args(command.get_args())
        .current_dir(rig.path(""))
        .output()
        .context("strace (apt-get install strace)")?;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let calls = calls(&fs_err::read_to_string(&trace)?)?;
    let is_done = |call: &&Call| call.result.starts_with('0');
    let of_records =
        |call: &&Call| path_of(&call.arguments).is_some_and(|path| path.ends_with("/spool/records.bin"));

    let written: Vec<f64> = calls
        .iter()
        .filter(|call| call.name == "pwrite64")
        .filter(of_records)
        .map(|call| call.seconds)
        .collect();
    let synced: Vec<f64> = calls
        .iter()
        .filter(|call| call.name == "fdatasync")
        .filter(is_done)
        .filter(of_records)
        .map(|call| call.seconds)
        .collect();
    ensure!(written.len() > 16, "{} writes of records", written.len());
    let longest = written
        .iter()
        .map(|at| synced.iter().find(|synced| *synced >= at).map_or(f64::INFINITY, |synced| synced - at));
    let longest = longest.fold(0.0, f64::max);
    ensure!(longest < 1.0, "records waited {longest} s until they were brought to the disk");

    let mut stored = BTreeSet::new();
    for (at, call) in
        calls.iter().enumerate().filter(|(_, call)| call.name.starts_with("rename") && is_done(call))
    {
        let names = renamed(&call.arguments);
        let [from, to] = names.as_slice() else { continue };
        ensure!(
            std::path::Path::new(&from).extension().is_none_or(|extension| extension != "json"),
            "{from} is no name for what is not whole"
        );
        let is_of = |call: &Call, wanted: &dyn Fn(&str) -> bool| {
            call.name == "fsync"
                && call.result.starts_with('0')
                && path_of(&call.arguments).is_some_and(wanted)
        };
        let last_write = calls[..at].iter().rposition(|call| {
            call.name == "write" && path_of(&call.arguments).is_some_and(|path| path.ends_with(from))
        });
        let synced = calls[..at].iter().rposition(|call| is_of(call, &|path| path.ends_with(from)));
        ensure!(last_write.is_some() && synced > last_write, "{from} was renamed before it was on the disk");
        let folder = to.rsplit_once('/').context("a folder")?.0;
        ensure!(
            calls[at..].iter().any(|call| is_of(call, &|path| path.ends_with(folder))),
            "the new name of {to} was not brought to the disk"
        );
        stored.insert(to.rsplit('/').next().unwrap_or_default().to_owned());
    }
    for name in ["stage_0_lifecycle_metrics.json", "summary_lifecycle_metrics.json", "manifest.json"] {
        ensure!(stored.contains(name), "{name} is not among {stored:?}");
    }
    figures::note(
        "strace: records to the disk",
        &format!("{} fdatasync, at most {:.0} ms after the write", synced.len(), longest * 1e3),
    )?;
    figures::note(
        "strace: reports",
        &format!("{} files by write, fsync, rename, fsync of the folder", stored.len()),
    )
}
