//! A program that a test started: logged, bounded in time, and ended with the test.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take to end when asked.
const PATIENCE: Duration = Duration::from_secs(4);

/// A running program. Dropping it ends it, by its pid.
#[derive(Debug)]
pub struct Program {
    name: String,
    child: Child,
}

impl Program {
    /// Starts it; what it prints goes to `log`, unless the command says otherwise for its standard
    /// output.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let log = File::create(log).expect("the log can be written");
        let both = log.try_clone().expect("the log can be written twice");
        Self::start_with(name, command.stdout(both), log.into())
    }

    /// The same with its standard output left as the command has it.
    pub(crate) fn start_with(name: &str, command: &mut Command, errors: Stdio) -> Self {
        let child = command.stdin(Stdio::null()).stderr(errors).spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self {
            name: name.to_owned(),
            child,
        }
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let begin = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if begin.elapsed() < limit => thread::sleep(Duration::from_millis(10)),
                Ok(None) => return None,
                Err(error) => panic!("{}: {error}", self.name),
            }
        }
    }

    /// Asks it to end as a person would with Ctrl-C.
    pub fn interrupt(&mut self) {
        self.signal("INT");
    }

    /// Asks it to end as a service manager or a shutdown would.
    pub fn terminate(&mut self) {
        self.signal("TERM");
    }

    /// Ends it as a crash would: at once, without a word to anybody.
    pub fn kill(&mut self) {
        // At once: no shell on the way. A pid that was waited for is left alone.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn signal(&mut self, name: &str) {
        // Only while it is ours: once waited for, the pid may be somebody else's.
        if let Ok(None) = self.child.try_wait() {
            let kill = format!("kill -{name} {}", self.child.id());
            let _ = Command::new("sh").args(["-c", &kill]).status();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.signal("TERM");
        if self.wait(PATIENCE).is_none() {
            self.kill();
        }
    }
}

/// Asks again and again until there is an answer; `None` when time is up.
pub fn wait_until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if begin.elapsed() > limit {
            return None;
        }
        thread::sleep(Duration::from_millis(25));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_ends_with_its_guard() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut sleeping = Command::new("sleep");
        let program = Program::start("sleep", sleeping.arg("60"), &folder.path().join("log"));
        let pid = program.pid();
        drop(program);
        assert!(
            !Path::new(&format!("/proc/{pid}/exe")).exists(),
            "still there"
        );
    }

    #[test]
    fn waiting_has_an_end() {
        assert_eq!(wait_until(Duration::from_millis(60), || None::<u8>), None);
        assert_eq!(wait_until(Duration::from_secs(5), || Some(7)), Some(7));
    }
}
