//! How long the CPU quota of the container held the process back.

use std::path::{Path, PathBuf};

/// Reads the throttled time of the process's control group.
#[derive(Debug, Clone)]
pub(super) struct Throttling {
    /// `cpu.stat` of the group; `None` where there is none.
    file: Option<PathBuf>,
}

impl Throttling {
    /// Looks for the control group of this process, version 2 or 1.
    pub(super) fn find() -> Self {
        let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self {
            file: candidates(&groups, Path::new("/sys/fs/cgroup")).into_iter().find(|file| file.is_file()),
        }
    }

    /// Time that the group was throttled since it exists, nanoseconds; `None` if the system does not say.
    pub(super) fn total_ns(&self) -> Option<i64> {
        throttled_ns(&std::fs::read_to_string(self.file.as_ref()?).ok()?)
    }
}

/// Where `cpu.stat` may lie, the likeliest first. Within a container the group's own path is often not mounted, but
/// the group is then at the root.
fn candidates(groups: &str, mount: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            files.extend([mount.join(path).join("cpu.stat"), mount.join("cpu.stat")]);
        } else if controllers.split(',').any(|controller| controller == "cpu") {
            for folder in [controllers, "cpu"] {
                files.extend([
                    mount.join(folder).join(path).join("cpu.stat"),
                    mount.join(folder).join("cpu.stat"),
                ]);
            }
        }
    }
    files
}

/// Version 2 counts microseconds, version 1 nanoseconds. A group without quota has no such line in version 2.
fn throttled_ns(stat: &str) -> Option<i64> {
    stat.lines().find_map(|line| match line.split_once(' ')? {
        ("throttled_usec", value) => value.trim().parse::<i64>().ok()?.checked_mul(1_000),
        ("throttled_time", value) => value.trim().parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_are_read() {
        let v2 = "usage_usec 10\nnr_periods 3\nnr_throttled 1\nthrottled_usec 25\n";
        assert_eq!(throttled_ns(v2), Some(25_000));
        assert_eq!(throttled_ns("nr_periods 1\nnr_throttled 1\nthrottled_time 77\n"), Some(77));
        assert_eq!(throttled_ns("usage_usec 10\n"), None);
    }

    #[test]
    fn files_are_looked_for_in_the_group_and_at_the_root() {
        let mount = Path::new("/m");
        let names = |groups| -> Vec<String> {
            candidates(groups, mount).iter().map(|file| file.display().to_string()).collect()
        };
        assert_eq!(names("0::/a/b\n"), ["/m/a/b/cpu.stat", "/m/cpu.stat"]);
        assert_eq!(
            names("5:memory:/x\n3:cpu,cpuacct:/x\n"),
            ["/m/cpu,cpuacct/x/cpu.stat", "/m/cpu,cpuacct/cpu.stat", "/m/cpu/x/cpu.stat", "/m/cpu/cpu.stat"]
        );
        assert!(names("nonsense").is_empty());
    }
}
