//! Runs a program to its end and says what it cost: processor time of its whole process tree, peak of resident memory,
//! and both over time.
//!
//! Processor time is that of the ended process with its children, as the kernel keeps it until the process is reaped.
//! Memory is sampled: the kernel's own high-water marks, summed over the tree, so that only growth within the last
//! interval can be missed.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use model_server_simulator::time::monotonic_now;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// How often the tree is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// One look at a process tree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// When, nanoseconds on the machine's monotonic clock.
    pub(crate) at: u64,
    /// Processor time of the tree so far, user and system, seconds.
    pub(crate) cpu_seconds: f64,
    /// Resident memory of the tree at this instant, bytes.
    pub(crate) resident: u64,
    /// The same as far as it ever was, bytes.
    pub(crate) peak: u64,
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Right before it was started, nanoseconds on the machine's monotonic clock.
    pub(crate) spawned: u64,
    /// When it had ended.
    pub(crate) exited: u64,
    /// Processor time of the whole tree, user and system, seconds.
    pub(crate) cpu_seconds: f64,
    /// Peak of resident memory of the tree, bytes.
    pub(crate) peak: u64,
    /// Its course.
    pub(crate) samples: Vec<Sample>,
    /// What it printed to standard output.
    pub(crate) stdout: String,
    /// What it printed to standard error.
    pub(crate) stderr: String,
    /// Its exit status.
    pub(crate) status: ExitStatus,
}

impl Ended {
    /// Processor time between two instants, seconds, from the samples next to them.
    pub(crate) fn cpu_between(&self, from: u64, to: u64) -> f64 {
        let at = |instant: u64| {
            let after = self.samples.partition_point(|sample| sample.at < instant);
            let sample = self.samples.get(after).or(self.samples.last());
            sample.map_or(0.0, |sample| sample.cpu_seconds)
        };
        at(to) - at(from)
    }

    /// Peak of resident memory, MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        mib(self.peak)
    }
}

/// MiB of `bytes`.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Runs `command` to its end.
///
/// # Errors
/// If it cannot be run, or exits with a failure.
pub(crate) fn measure(command: &mut Command) -> Result<Ended> {
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    let spawned = monotonic_now();
    let mut child =
        command.spawn().with_context(|| format!("{} cannot be started", command.get_program().display()))?;
    let process = child.id();
    let (stop, stopped) = channel();
    let watcher = std::thread::spawn(move || sample_until(process, &stopped));
    let waited = wait_without_reaping(&child);
    let exited = monotonic_now();
    drop(stop);
    let samples = watcher.join().unwrap_or_default();
    let cpu_seconds = Stat::of(process).map(|stat| stat.cpu_seconds(true));
    let status = reap(&mut child)?;
    waited?;
    let text = |file: &mut File| -> Result<String> {
        let mut bytes = Vec::new();
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let ended = Ended {
        spawned,
        exited,
        cpu_seconds: cpu_seconds
            .context("the kernel does not tell the processor time of an ended process")?,
        peak: samples.iter().map(|sample| sample.peak).max().unwrap_or(0),
        samples,
        stdout: text(&mut stdout)?,
        stderr: text(&mut stderr)?,
        status,
    };
    ensure!(ended.status.success(), "{command:?}: {}\n{}{}", ended.status, ended.stdout, ended.stderr);
    Ok(ended)
}

/// Waits until `child` has ended and leaves what the kernel knows of it in place.
fn wait_without_reaping(child: &Child) -> Result<()> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
    loop {
        match waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn reap(child: &mut Child) -> Result<ExitStatus> {
    child.wait().context("an ended process cannot be waited for")
}

fn sample_until(process: u32, stopped: &Receiver<()>) -> Vec<Sample> {
    let mut samples = Vec::new();
    loop {
        samples.extend(sample(process));
        if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
            return samples;
        }
    }
}

/// The tree of `process` now; `None` if it is gone.
fn sample(process: u32) -> Option<Sample> {
    let mut sample = Sample { at: monotonic_now(), cpu_seconds: 0.0, resident: 0, peak: 0 };
    let mut tree = vec![process];
    let mut seen = 0;
    while let Some(&member) = tree.get(seen) {
        seen += 1;
        if let (Some(stat), Ok(status)) = (Stat::of(member), read(member, "status")) {
            sample.cpu_seconds += stat.cpu_seconds(true);
            sample.resident += kibibytes(&status, "VmRSS:") << 10;
            sample.peak += kibibytes(&status, "VmHWM:") << 10;
            tree.extend(children(member));
        }
    }
    (sample.resident > 0).then_some(sample)
}

fn read(process: u32, name: &str) -> std::io::Result<String> {
    fs_err::read_to_string(format!("/proc/{process}/{name}"))
}

fn kibibytes(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Processes that threads of `process` have started and that still run.
fn children(process: u32) -> Vec<u32> {
    let Ok(threads) = fs_err::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| fs_err::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

/// Processor time of a process, clock ticks.
struct Stat {
    own: u64,
    /// Of children that have ended and were waited for.
    children: u64,
}

impl Stat {
    fn of(process: u32) -> Option<Self> {
        let text = read(process, "stat").ok()?;
        // The name in parentheses may hold anything; the fields after it are numbered from 3.
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Self { own: ticks(14)? + ticks(15)?, children: ticks(16)? + ticks(17)? })
    }

    fn cpu_seconds(&self, with_children: bool) -> f64 {
        let ticks = self.own + if with_children { self.children } else { 0 };
        ticks as f64 / rustix::param::clock_ticks_per_second() as f64
    }
}

/// Processor time of the running process `id`, seconds.
pub(crate) fn cpu_seconds_of(id: u32) -> f64 {
    Stat::of(id).map_or(0.0, |stat| stat.cpu_seconds(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_and_memory_are_those_of_the_tree() {
        // A shell whose child works for a while and holds some memory.
        let script = "sh -c 'i=0; x=xxxxxxxxxxxxxxxx; while [ $i -lt 60000 ]; do i=$((i+1)); done; sleep 0.2'; echo done";
        let ended = measure(Command::new("sh").args(["-c", script])).expect("it runs");
        assert_eq!(ended.stdout, "done\n");
        assert!(ended.cpu_seconds > 0.0, "{ended:?}");
        assert!(ended.peak >= 1 << 20, "two shells take more than a megabyte: {}", ended.peak);
        assert!(ended.exited - ended.spawned >= 200_000_000);
        let whole = ended.cpu_between(ended.spawned, ended.exited);
        assert!((0.0..=ended.cpu_seconds).contains(&whole), "{whole}");
    }

    #[test]
    fn a_failure_shows_what_was_printed() {
        let error = measure(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).expect_err("it fails");
        assert!(error.to_string().contains("why"), "{error}");
    }
}
