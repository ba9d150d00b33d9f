//! A network of its own for a program: only loopback, nothing leaves it and no port is taken in it.

use crate::needs;
use crate::process::Run;

/// The words to put before a command, so that it runs in a fresh network with loopback up.
///
/// It is also the first process of a pid namespace: when it ends, or is ended, the kernel ends
/// whatever it left running.
pub struct Namespace {
    before: Vec<&'static str>,
}

const AS_ROOT: &[&str] = &[
    "unshare",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];
const AS_USER: &[&str] = &[
    "unshare",
    "--user",
    "--map-root-user",
    "--net",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
];
/// And before other programs, where that is allowed: a phone that waits for the processor stutters.
const WITH_LOOPBACK: &[&str] = &[
    "sh",
    "-c",
    "PATH=$PATH:/usr/sbin:/sbin; ip link set lo up && exec nice -n -10 \"$@\"",
    "sh",
];

impl Namespace {
    /// What this machine allows, or why it does not.
    pub fn enter() -> Result<Self, String> {
        needs::ensure(needs::NAMESPACE)?;
        let ways = if needs::is_root() {
            [AS_ROOT, AS_USER]
        } else {
            [AS_USER, AS_ROOT]
        };
        for way in ways {
            let before: Vec<&str> = way.iter().chain(WITH_LOOPBACK).copied().collect();
            let namespace = Self { before };
            let tried = namespace.run("true").limit(20).finish();
            if tried.is_ok_and(|finished| finished.ok) {
                return Ok(namespace);
            }
        }
        Err("this machine allows no network namespace (`unshare --net`)".to_owned())
    }

    /// A program inside.
    pub fn run(&self, program: &str) -> Run {
        let [first, rest @ ..] = self.before.as_slice() else {
            return Run::new(program);
        };
        Run::new(first).args(rest).arg(program)
    }
}
