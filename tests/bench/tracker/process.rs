//! What the system tells of a process.

use std::time::Duration;

/// A tick of the accounting in procfs.
const TICK: Duration = Duration::from_millis(10);

/// User and system time.
pub fn cpu_of(pid: u32) -> Duration {
    let stat = proc_file(pid, "stat");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    let ticks: u32 = fields[11..13].iter().map(|field| field.parse::<u32>().expect("ticks")).sum();
    TICK * ticks
}

/// Resident bytes.
pub fn rss_of(pid: u32) -> u64 {
    let status = proc_file(pid, "status");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("VmRSS");
    let kib: u64 = line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("KiB");
    kib * 1024
}

fn proc_file(pid: u32, name: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{name}")).expect("procfs")
}
