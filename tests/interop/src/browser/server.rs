//! What the page talks to: a server for one page on loopback, as much HTTP as that takes.

use serde_json::Value;
use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the page waits for a command before it asks anew.
const ASK: Duration = Duration::from_secs(5);
/// More than any recording of a test.
const MOST: u64 = 64 << 20;

/// The server. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    script: String,
    commands: Mutex<VecDeque<String>>,
    more: Condvar,
    heard: Mutex<Option<Vec<u8>>>,
    over: AtomicBool,
}

impl Server {
    /// Serves a page with this script; what the page tells goes into the channel.
    ///
    /// # Panics
    /// If loopback has no port.
    pub(super) fn start(script: String, events: Sender<Value>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let shared = Arc::new(Shared {
            script,
            commands: Mutex::default(),
            more: Condvar::new(),
            heard: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if served.over.load(Ordering::Relaxed) {
                    return;
                }
                let (shared, events) = (Arc::clone(&served), events.clone());
                // A page that went away is no failure of the server.
                thread::spawn(move || serve(stream, &shared, &events));
            }
        });
        Self { address, shared }
    }

    /// Where the page is.
    pub(super) fn address(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Hands a command to the page.
    pub(super) fn command(&self, command: &Value) {
        lock(&self.shared.commands).push_back(command.to_string());
        self.shared.more.notify_one();
    }

    /// What the page heard, once it has handed it over.
    pub(super) fn take_heard(&self) -> Option<Vec<u8>> {
        lock(&self.shared.heard).take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the listener, which then sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

/// One connection, for as long as the page keeps it.
fn serve(stream: TcpStream, shared: &Shared, events: &Sender<Value>) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some((path, body)) = request(&mut reader)? {
        let (status, kind, answer) = match path.as_str() {
            "/" => (200, "text/html", PAGE.as_bytes().to_vec()),
            "/phone.js" => (200, "text/javascript", shared.script.as_bytes().to_vec()),
            "/command" => match next_command(shared) {
                Some(command) => (200, "application/json", command.into_bytes()),
                None => (204, "text/plain", Vec::new()),
            },
            "/event" => {
                let event = serde_json::from_slice(&body).unwrap_or(Value::Null);
                let _ = events.send(event);
                (204, "text/plain", Vec::new())
            }
            "/heard" => {
                *lock(&shared.heard) = Some(body);
                (204, "text/plain", Vec::new())
            }
            _ => (404, "text/plain", Vec::new()),
        };
        write!(
            writer,
            "HTTP/1.1 {status} -\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        )?;
        writer.write_all(&answer)?;
    }
    Ok(())
}

/// A script that does not even load is told like everything else that goes wrong.
const PAGE: &str = "<!doctype html><meta charset=utf-8><script>addEventListener('error', (event) => \
     fetch('/event', { method: 'POST', body: JSON.stringify({ event: 'error', error: String(event.message) }) }));\
     </script><script src=/phone.js></script>";

/// Path and body of the next request; `None` when the page has gone.
fn request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field)?;
        let Some((name, value)) = field.split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0).min(MOST);
        }
    }
    let mut body = Vec::new();
    reader.take(length).read_to_end(&mut body)?;
    Ok(Some((path, body)))
}

fn next_command(shared: &Shared) -> Option<String> {
    let commands = lock(&shared.commands);
    let waited = shared
        .more
        .wait_timeout_while(commands, ASK, |commands| commands.is_empty());
    let (mut commands, _) = waited.unwrap_or_else(PoisonError::into_inner);
    commands.pop_front()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::mpsc;

    fn ask(server: &Server, request: &str) -> String {
        let mut stream = TcpStream::connect(server.address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("closed");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }

    #[test]
    fn commands_go_in_and_events_and_sound_come_out() {
        let (sender, events) = mpsc::channel();
        let server = Server::start("phone()".into(), sender);
        assert!(ask(&server, "GET /phone.js HTTP/1.1\r\n\r\n").ends_with("phone()"));
        server.command(&json!({ "command": "answer" }));
        let asked = ask(&server, "POST /command HTTP/1.1\r\n\r\n");
        assert!(asked.ends_with("{\"command\":\"answer\"}"), "{asked}");
        let event = "POST /event HTTP/1.1\r\nContent-Length: 17\r\n\r\n{\"event\":\"ready\"}";
        assert!(ask(&server, event).starts_with("HTTP/1.1 204"));
        let event = events.recv_timeout(Duration::from_secs(5));
        let event = event.expect("it came");
        assert_eq!(event["event"], "ready");
        ask(
            &server,
            "POST /heard HTTP/1.1\r\nContent-Length: 2\r\n\r\nab",
        );
        assert_eq!(server.take_heard(), Some(b"ab".to_vec()));
        assert_eq!(server.take_heard(), None);
    }
}
