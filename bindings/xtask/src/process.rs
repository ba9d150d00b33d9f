//! Runs a program with a time limit, keeps what it printed, and ends what it started.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a long run says that it is still there.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// One run of a program.
pub struct Run {
    command: Command,
    log: Option<PathBuf>,
    output: Option<PathBuf>,
    limit: Duration,
    heartbeat: bool,
    echo: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Finished {
    /// Whether it ended by itself with exit code 0.
    pub ok: bool,
    /// Why not, in a few words; empty when `ok`.
    pub why: String,
    /// What it printed, both streams in the order of arrival.
    pub printed: String,
}

impl Finished {
    /// Runs it to its end; a program that cannot be started has failed.
    pub fn of(run: Run) -> Self {
        run.finish().unwrap_or_else(|error| Self {
            ok: false,
            why: format!("could not be started: {error}"),
            printed: String::new(),
        })
    }
}

impl Run {
    /// A program with a limit of ten minutes, started in the checkout.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command
            .current_dir(crate::places::root())
            .stdin(Stdio::null());
        let limit = Duration::from_secs(600);
        Self {
            command,
            log: None,
            output: None,
            limit,
            heartbeat: false,
            echo: false,
        }
    }

    /// The cargo that started this program.
    pub fn cargo() -> Self {
        Self::new(crate::places::cargo()).env("CARGO_TERM_COLOR", "never")
    }

    pub fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.command.args(args);
        self
    }

    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Starts it in this folder and not in the checkout.
    pub fn directory(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The whole run is ended after this long.
    pub fn limit(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Adds what it prints to this file.
    pub fn log(mut self, file: &Path) -> Self {
        self.log = Some(file.to_path_buf());
        self
    }

    /// Puts its standard output into this file, apart from the log.
    pub fn output(mut self, file: &Path) -> Self {
        self.output = Some(file.to_path_buf());
        self
    }

    /// Says now and then that it still runs, and what it printed last.
    pub fn heartbeat(mut self) -> Self {
        self.heartbeat = true;
        self
    }

    /// Shows what it prints while it runs.
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// Runs it to its end. An error is a program that could not be started.
    pub fn finish(mut self) -> io::Result<Finished> {
        let log = self.log.take().unwrap_or_else(|| {
            crate::places::reports().join(format!("logs/run-{}.log", std::process::id()))
        });
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().create(true).append(true).open(&log)?;
        let _ = writeln!(file, "{}", said(&self.command));
        let start = file.metadata()?.len();
        match &self.output {
            Some(output) => self.command.stdout(File::create(output)?),
            None => self.command.stdout(file.try_clone()?),
        };
        self.command.stderr(file);
        let mut child = self.command.spawn()?;
        let why = match self.wait(&mut child, &log)? {
            Some(status) if status.success() => String::new(),
            Some(status) => status.to_string(),
            None => format!("ended after its time limit of {} s", self.limit.as_secs()),
        };
        let whole = fs::read(&log)?;
        let start = usize::try_from(start).unwrap_or(0).min(whole.len());
        let printed = String::from_utf8_lossy(&whole[start..]).into_owned();
        Ok(Finished {
            ok: why.is_empty(),
            why,
            printed,
        })
    }

    /// The exit status, or nothing when the limit struck and everything it started was ended.
    fn wait(&self, child: &mut Child, log: &Path) -> io::Result<Option<ExitStatus>> {
        let begin = Instant::now();
        let mut spoke = begin;
        let mut shown = if self.echo {
            fs::metadata(log)?.len()
        } else {
            0
        };
        loop {
            let ended = child.try_wait()?;
            if self.echo {
                shown += show_from(log, shown)?;
            }
            if let Some(status) = ended {
                return Ok(Some(status));
            }
            if begin.elapsed() > self.limit {
                end_tree(child);
                return Ok(None);
            }
            if self.heartbeat && spoke.elapsed() > HEARTBEAT {
                spoke = Instant::now();
                println!(
                    "     {:>4} s  {}",
                    begin.elapsed().as_secs(),
                    last_line(log)
                );
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// A command as a person would type it, more or less.
fn said(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.fold("$".to_owned(), |line, word| {
        line + " " + &word.to_string_lossy()
    })
}

/// The last `count` lines of a text.
pub fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Prints what the log holds from `start` on; answers how many bytes that were.
fn show_from(log: &Path, start: u64) -> io::Result<u64> {
    let mut file = File::open(log)?;
    file.seek(SeekFrom::Start(start))?;
    io::copy(&mut file, &mut io::stdout())
}

fn last_line(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    line.trim().chars().take(100).collect()
}

/// Ends a child and everything it started: politely, then by force.
///
/// By walking the tree of processes and not by process group, so that the children stay in the
/// terminal's own group and Ctrl-C reaches them as the person expects.
fn end_tree(child: &mut Child) {
    let tree = descendants(child.id());
    signal("-TERM", &tree);
    for _ in 0..60 {
        if matches!(child.try_wait(), Ok(Some(_))) {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    signal("-KILL", &tree);
    let _ = child.wait();
}

fn signal(kind: &str, tree: &[u32]) {
    let pids = tree.iter().map(u32::to_string);
    let _ = Command::new("kill")
        .arg(kind)
        .args(pids)
        .stderr(Stdio::null())
        .status();
}

/// A process and all below it, from `/proc`.
fn descendants(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if let Some(parent) = parent_in_stat(&stat) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(pid) = tree.get(next) {
        tree.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    tree
}

/// The parent's pid: second field after the command name, which stands in brackets and may hold any.
fn parent_in_stat(stat: &str) -> Option<u32> {
    let (_, after) = stat.rsplit_once(')')?;
    after.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let file = std::env::temp_dir().join(format!("xtask-{}-{name}.log", std::process::id()));
        let _ = fs::remove_file(&file);
        file
    }

    #[test]
    fn keeps_what_was_printed_and_the_exit_code() {
        let log = scratch("printed");
        let run = Run::new("sh")
            .args(["-c", "echo out; echo err >&2; exit 3"])
            .log(&log);
        let finished = run.finish().expect("sh starts");
        assert!(!finished.ok);
        assert_eq!(finished.why, "exit status: 3");
        assert_eq!(finished.printed, "out\nerr\n");
        let _ = fs::remove_file(log);
    }

    #[test]
    fn the_time_limit_ends_grandchildren_too() {
        let log = scratch("limit");
        let run = Run::new("sh")
            .args(["-c", "sleep 61 & echo $!; wait"])
            .log(&log)
            .limit(1);
        let finished = run.finish().expect("sh starts");
        assert!(
            !finished.ok && finished.why.contains("time limit"),
            "{finished:?}"
        );
        let grandchild: u32 = finished.printed.trim().parse().expect("a pid");
        let gone = (0..100).any(|_| {
            thread::sleep(Duration::from_millis(20));
            let stat = fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        });
        assert!(gone, "the sleeping grandchild is still there");
        let _ = fs::remove_file(log);
    }

    #[test]
    fn finds_the_parent_behind_any_command_name() {
        assert_eq!(parent_in_stat("12 (a) b (c)) S 7 12 12 0"), Some(7));
        assert_eq!(parent_in_stat("nonsense"), None);
    }
}
