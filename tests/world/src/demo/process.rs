//! The two client processes: started, listened to, and ended whatever happens.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::party::Exit;

/// Which of the processes, in the order they were started.
pub type ProcessId = usize;

/// What a process did.
#[derive(Debug)]
pub enum Output {
    /// It printed a line.
    Line(ProcessId, String),
    /// It closed its standard output: it is about to end.
    Closed(ProcessId),
}

/// The running processes. Dropping it kills what still runs.
pub struct Processes {
    children: Vec<Child>,
    sender: Sender<Output>,
    receiver: Receiver<Output>,
}

impl Processes {
    /// None yet.
    pub fn new() -> Self {
        let (sender, receiver) = channel();
        Self {
            children: Vec::new(),
            sender,
            receiver,
        }
    }

    /// Starts `command`, its standard error going to the file `log`.
    pub fn start(&mut self, mut command: Command, log: &Path) -> io::Result<ProcessId> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?);
        let mut child = command.spawn()?;
        let id = self.children.len();
        let stdout = child.stdout.take().expect("it is piped");
        self.children.push(child);
        let sender = self.sender.clone();
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines();
            for line in lines.map_while(Result::ok) {
                if sender.send(Output::Line(id, line)).is_err() {
                    return;
                }
            }
            // The demo may be gone already; then nobody wants to know.
            let _ = sender.send(Output::Closed(id));
        });
        Ok(id)
    }

    /// What happens next; `None` once `deadline` has passed.
    pub fn next(&self, deadline: Instant) -> Option<Output> {
        let left = deadline.saturating_duration_since(Instant::now());
        // This side holds a sender too, so the only error is that time is up.
        self.receiver.recv_timeout(left).ok()
    }

    /// How a process ended; it is killed if it has not by `deadline`.
    pub fn end(&mut self, id: ProcessId, deadline: Instant) -> Exit {
        let Some(child) = self.children.get_mut(id) else {
            return Exit::Hung;
        };
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return status.code().map_or(Exit::Killed, Exit::Code),
                Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(10)),
                Ok(None) | Err(_) => {
                    kill(child);
                    return Exit::Hung;
                }
            }
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.children {
            if let Ok(None) = child.try_wait() {
                kill(child);
            }
        }
    }
}

/// Killing a process that ended meanwhile fails, which is as good.
fn kill(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn lines_arrive_with_their_process_and_a_hung_one_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let mut processes = Processes::new();
        let script = "echo one; echo two; echo noise >&2; exit 3";
        let quick = processes
            .start(shell(script), &dir.path().join("quick.log"))
            .unwrap();
        let slow = processes
            .start(shell("exec sleep 600"), &dir.path().join("slow.log"))
            .unwrap();

        let deadline = Instant::now() + Duration::from_secs(20);
        let mut lines = Vec::new();
        loop {
            match processes.next(deadline).expect("the script ends at once") {
                Output::Line(id, line) => lines.push((id, line)),
                Output::Closed(id) => break assert_eq!(id, quick),
            }
        }
        assert_eq!(
            lines,
            [(quick, "one".to_owned()), (quick, "two".to_owned())]
        );
        assert_eq!(processes.end(quick, deadline), Exit::Code(3));
        assert_eq!(
            std::fs::read_to_string(dir.path().join("quick.log")).unwrap(),
            "noise\n"
        );
        assert_eq!(processes.end(slow, Instant::now()), Exit::Hung);
    }
}
