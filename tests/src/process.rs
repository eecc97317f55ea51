//! What the operating system says of a process.

use std::fs;

/// MiB that a process holds in memory; None where there is no `/proc`, and once the process is gone.
pub fn resident_mib(pid: u32) -> Option<f64> {
    resident(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?)
}

/// The line of `/proc/PID/status`, which is in KiB.
fn resident(status: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kib / 1_024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_set_is_read_from_its_line() {
        let status = "Name:\tsurety\nVmPeak:\t  900 kB\nVmRSS:\t   20480 kB\nThreads:\t4\n";
        assert_eq!(resident(status), Some(20.0));
    }

    #[test]
    fn a_process_that_is_gone_holds_nothing() {
        assert_eq!(resident("Name:\tsurety\nState:\tZ (zombie)\n"), None);
    }
}
