//! A far end that takes calls and answers changes of them as the test wants: a few lines of SIP by hand.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Lives as long as the test.
pub struct FarEnd {
    address: String,
    over: Arc<AtomicBool>,
}

impl FarEnd {
    /// Takes every call; refuses each re-INVITE with `status`, or does not answer it at all.
    pub fn that_answers_changes_with(status: Option<u16>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let wait = Some(Duration::from_millis(100));
        socket.set_read_timeout(wait).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        let over = Arc::new(AtomicBool::new(false));
        let ended = over.clone();
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                let mut packet = [0; 65_535];
                if let Ok((length, from)) = socket.recv_from(&mut packet) {
                    let request = String::from_utf8_lossy(&packet[..length]).into_owned();
                    if let Some(reply) = reply(&request, status, &socket) {
                        socket.send_to(reply.as_bytes(), from).unwrap();
                    }
                }
            }
        });
        Self { address, over }
    }

    pub fn address(&self) -> String {
        format!("sip:far@{}", self.address)
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

fn reply(request: &str, change: Option<u16>, socket: &UdpSocket) -> Option<String> {
    let (head, _) = request.split_once("\r\n\r\n")?;
    let (first, fields) = head.split_once("\r\n")?;
    let field = |name: &str| {
        let named = |line: &&str| line.to_ascii_lowercase().starts_with(name);
        fields.split("\r\n").find(named).unwrap_or_default()
    };
    let is_change = field("to:").contains(";tag=");
    let status = match first.split(' ').next()? {
        "INVITE" if is_change => change?,
        "INVITE" | "BYE" | "CANCEL" | "OPTIONS" => 200,
        _ => return None,
    };
    let tag = if is_change { "" } else { ";tag=far" };
    let at = socket.local_addr().ok()?;
    let copied: Vec<&str> = fields
        .split("\r\n")
        .filter(|line| {
            let line = line.to_ascii_lowercase();
            ["via:", "from:", "call-id:", "cseq:"]
                .iter()
                .any(|name| line.starts_with(name))
        })
        .collect();
    let mut reply = format!("SIP/2.0 {status} Told\r\n{}\r\n", copied.join("\r\n"));
    reply += &format!("{}{tag}\r\nContact: <sip:far@{at}>\r\n", field("to:"));
    let body = if first.starts_with("INVITE") && status == 200 {
        reply += "Content-Type: application/sdp\r\n";
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio 40000 RTP/AVP 0\r\n"
    } else {
        ""
    };
    reply += &format!("Content-Length: {}\r\n\r\n{body}", body.len());
    Some(reply)
}
