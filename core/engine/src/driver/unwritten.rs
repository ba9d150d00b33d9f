//! Changes of the call log that the disk would not take when they happened: kept, and tried again.

use std::collections::VecDeque;

use tandem_store::StoreError;

use crate::phone::LogEntry;

/// Changes kept; beyond that the oldest are lost, and the log says so.
const MOST: usize = 512;

/// Changes that wait for a disk that is full, busy or gone.
#[derive(Default)]
pub(super) struct Unwritten(VecDeque<LogEntry>);

impl Unwritten {
    /// Writes what waits and then `entry`, in order. What fails for a reason that may pass is kept; the call
    /// goes on in any case, as a person talking matters more than its row.
    pub(super) fn write(
        &mut self,
        entry: LogEntry,
        mut write: impl FnMut(&LogEntry) -> Result<(), StoreError>,
    ) {
        self.retry(&mut write);
        if self.0.is_empty() {
            match write(&entry) {
                Ok(()) => return,
                Err(error) => {
                    complain(&error);
                    if !may_pass(&error) {
                        return;
                    }
                }
            }
        }
        if let LogEntry::Alive(..) = entry {
            // The next one says more.
            return;
        }
        self.0.push_back(entry);
        if self.0.len() > MOST {
            self.0.pop_front();
            tracing::error!("the call log lost a change");
        }
    }

    /// Tries what waits, until one fails again.
    pub(super) fn retry(&mut self, mut write: impl FnMut(&LogEntry) -> Result<(), StoreError>) {
        while let Some(entry) = self.0.front() {
            match write(entry) {
                Err(error) if may_pass(&error) => return,
                Err(error) => complain(&error),
                Ok(()) => {}
            }
            self.0.pop_front();
        }
    }
}

fn complain(error: &StoreError) {
    tracing::error!(%error, "the call log was not written");
}

/// Whether the same change may succeed later.
const fn may_pass(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::DiskFull
            | StoreError::Busy
            | StoreError::NotWritable
            | StoreError::Disk(_)
            | StoreError::DiskCode(_)
    )
}

#[cfg(test)]
mod tests {
    use tandem_store::UnixMillis;
    use tandem_types::{CallId, CallQuality, SeededEntropy};

    use super::*;

    /// A disk that is full or broken for a while.
    #[derive(Default)]
    struct Disk {
        trouble: Option<fn() -> StoreError>,
        rows: Vec<LogEntry>,
    }

    impl Disk {
        fn take(&mut self, entry: &LogEntry) -> Result<(), StoreError> {
            match self.trouble {
                Some(error) => Err(error()),
                None => {
                    self.rows.push(entry.clone());
                    Ok(())
                }
            }
        }
    }

    fn entries() -> [LogEntry; 4] {
        let call = CallId::random(&mut SeededEntropy::new(1));
        let at = UnixMillis;
        [
            LogEntry::Ringing(call.clone(), at(1)),
            LogEntry::Accepted(call.clone(), at(2)),
            LogEntry::Alive(call.clone(), at(3), CallQuality::default()),
            LogEntry::Accepted(call, at(4)),
        ]
    }

    #[test]
    fn what_a_full_disk_refused_is_written_in_order_when_there_is_room() {
        let mut disk = Disk::default();
        let mut unwritten = Unwritten::default();
        let [ringing, accepted, alive, last] = entries();
        disk.trouble = Some(|| StoreError::DiskFull);
        for entry in [&ringing, &accepted, &alive] {
            unwritten.write(entry.clone(), |entry| disk.take(entry));
        }
        disk.trouble = None;
        unwritten.write(last.clone(), |entry| disk.take(entry));
        assert_eq!(disk.rows, [ringing, accepted, last]);
    }

    #[test]
    fn a_change_that_can_never_be_written_blocks_none_after_it() {
        let mut disk = Disk::default();
        let mut unwritten = Unwritten::default();
        let [ringing, accepted, ..] = entries();
        disk.trouble = Some(|| StoreError::Busy);
        unwritten.write(ringing, |entry| disk.take(entry));
        disk.trouble = Some(|| StoreError::UnknownCall);
        unwritten.retry(|entry| disk.take(entry));
        disk.trouble = None;
        unwritten.write(accepted.clone(), |entry| disk.take(entry));
        assert_eq!(disk.rows, [accepted]);
    }
}
