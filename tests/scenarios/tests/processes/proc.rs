//! What Linux tells about a process.

use std::collections::BTreeSet;
use std::fs;

/// Resident memory in KiB.
pub fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let size = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    size.expect("a size in kB")
}

/// Open file descriptors.
pub fn descriptors(pid: u32) -> usize {
    links(pid).len()
}

/// Threads.
pub fn threads(pid: u32) -> usize {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    tasks.count()
}

/// The local ports of its IPv4 datagram sockets.
pub fn udp_ports(pid: u32) -> Vec<u16> {
    let sockets: BTreeSet<String> = links(pid).into_iter().collect();
    let table = fs::read_to_string(format!("/proc/{pid}/net/udp")).expect("it runs");
    let port = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, inode) = (fields.get(1)?, fields.get(9)?);
        let ours = sockets.contains(&format!("socket:[{inode}]"));
        let port = u16::from_str_radix(local.rsplit(':').next()?, 16).ok()?;
        ours.then_some(port)
    };
    table.lines().skip(1).filter_map(port).collect()
}

fn links(pid: u32) -> Vec<String> {
    let folder = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    // One that was closed meanwhile has no name any more.
    let names = folder
        .flatten()
        .filter_map(|entry| fs::read_link(entry.path()).ok());
    names.map(|name| name.display().to_string()).collect()
}
