//! Whether the disk has room for what a run builds. One that fills up in the middle fails a suite with words about
//! anything but the disk.

use crate::places::{built, root};
use std::path::Path;
use std::process::Command;

const GB: u64 = 1 << 30;
/// What `target` grows to at least in a run of every suite, begun from a clean clone and without files for a second build.
/// Less cannot be enough; this is no promise that it is.
pub const EVERYTHING: u64 = 8 * GB;
/// The same for a few suites.
pub const A_FEW: u64 = 3 * GB;
/// Even a build of which everything is there writes logs, links programs and lets phones record.
const LEAST: u64 = GB;

/// Makes sure that `whole` bytes have room, counting what is built already.
pub fn ensure(whole: u64) -> Result<(), String> {
    let target = built();
    let place = match target.is_dir() {
        true => target.clone(),
        false => root(),
    };
    // Who cannot be asked does not stop anybody.
    let Some(free) = free(&place) else {
        return Ok(());
    };
    enough(whole, held(&target), free, &target)
}

fn enough(whole: u64, held: u64, free: u64, target: &Path) -> Result<(), String> {
    let wanted = whole.saturating_sub(held).max(LEAST);
    if free >= wanted {
        return Ok(());
    }
    let gb = |bytes: u64| bytes as f64 / GB as f64;
    Err(format!(
        "{:.1} GB of disk are free where {} is, and this run needs {:.1} GB there at least, beside the {:.1} GB that it holds. \
         Make room, or build elsewhere: CARGO_TARGET_DIR=/some/where cargo xtask test",
        gb(free),
        target.display(),
        gb(wanted),
        gb(held),
    ))
}

fn free(place: &Path) -> Option<u64> {
    let asked = Command::new("df").arg("-Pk").arg(place).output().ok()?;
    read_free(&String::from_utf8_lossy(&asked.stdout))
}

/// From the table of POSIX: file system, blocks, used, available, share, place.
fn read_free(table: &str) -> Option<u64> {
    let mut columns = table.lines().nth(1)?.split_whitespace().skip(3);
    let kilobytes: u64 = columns.next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn held(target: &Path) -> u64 {
    let asked = Command::new("du").arg("-sk").arg(target).output();
    let printed = asked.map(|asked| asked.stdout).unwrap_or_default();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let first = printed.split_whitespace().next();
    first
        .and_then(|kilobytes| kilobytes.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_room_is_read_from_the_table() {
        let table = "Filesystem     1024-blocks     Used Available Capacity Mounted on\n\
            /dev/vda         263174212 55574016  40894464      58% /\n";
        assert_eq!(read_free(table), Some(40_894_464 * 1024));
        assert_eq!(read_free("df: no such file"), None);
        assert!(free(&root()).is_some_and(|free| free > 0));
    }

    #[test]
    fn what_is_built_already_needs_no_room() {
        let target = Path::new("target");
        assert!(enough(14 * GB, 0, 15 * GB, target).is_ok());
        assert!(enough(14 * GB, 12 * GB, 3 * GB, target).is_ok());
        let why = enough(14 * GB, 2 * GB, 3 * GB, target).expect_err("too little");
        assert!(why.contains("3.0 GB") && why.contains("12.0 GB"), "{why}");
        // A full disk is none to run on, whatever is there.
        assert!(enough(14 * GB, 14 * GB, GB / 2, target).is_err());
    }
}
