//! One SIP stream from its opening to its end.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tandem_sip::transaction::ConnectionId;
use tandem_types::AccountId;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::client::TlsStream;

use super::inbox::{Inbound, Inbox};

/// How long the far end may take to take one message before it counts as gone.
const WRITE_LIMIT: Duration = Duration::from_secs(20);
/// How long a far end that has said its last still gets answers: it may have closed its half alone, as some
/// tools do who send one request. Whatever this side answers by itself is ready much sooner, and a registration
/// that has really lost its connection must not wait for long.
const HALF_CLOSED: Duration = Duration::from_millis(500);
const READ_AT_ONCE: usize = 16 * 1024;

/// An open stream.
pub(super) enum Wire {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Wire {
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Plain(stream) => stream.local_addr(),
            Self::Secure(stream) => stream.get_ref().0.local_addr(),
        }
    }
}

/// Reads and writes until either side closes, and reports the end. Closing `queue` closes the stream once
/// what it holds is written; nothing that comes in is waited for then.
pub(super) async fn run(
    wire: Wire,
    queue: mpsc::Receiver<Vec<u8>>,
    account: AccountId,
    connection: ConnectionId,
    inbox: Inbox,
) {
    match wire {
        Wire::Plain(stream) => {
            let (reader, writer) = stream.into_split();
            exchange(reader, writer, queue, account, connection, &inbox).await;
        }
        Wire::Secure(stream) => {
            let (reader, writer) = tokio::io::split(*stream);
            exchange(reader, writer, queue, account, connection, &inbox).await;
        }
    }
    let gone = Inbound::Disconnected {
        account,
        connection,
    };
    inbox.put(gone).await;
}

async fn exchange(
    reader: impl AsyncRead + Unpin,
    writer: impl AsyncWrite + Unpin,
    queue: mpsc::Receiver<Vec<u8>>,
    account: AccountId,
    connection: ConnectionId,
    inbox: &Inbox,
) {
    let writing = write(writer, queue);
    tokio::pin!(writing);
    let ended = tokio::select! {
        () = &mut writing => true,
        () = read(reader, account, connection, inbox) => false,
    };
    if !ended {
        let _ = tokio::time::timeout(HALF_CLOSED, writing).await;
    }
}

async fn write(mut writer: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = queue.recv().await {
        let writing = async {
            writer.write_all(&bytes).await?;
            // TLS keeps what it could not hand over.
            writer.flush().await
        };
        match tokio::time::timeout(WRITE_LIMIT, writing).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    // The far end sees an end of file; that it has gone already, or never takes it, is no fault.
    let _ = tokio::time::timeout(HALF_CLOSED, writer.shutdown()).await;
}

async fn read(
    mut reader: impl AsyncRead + Unpin,
    account: AccountId,
    connection: ConnectionId,
    inbox: &Inbox,
) {
    let mut buffer = vec![0; READ_AT_ONCE];
    loop {
        let length = match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => length,
        };
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        let inbound = Inbound::Stream {
            account,
            connection,
            bytes,
        };
        if !inbox.put(inbound).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// A stream at work, its far end, the way to write to it, and what it reports.
    async fn running() -> (
        TcpStream,
        mpsc::Sender<Vec<u8>>,
        mpsc::Receiver<Inbound>,
        tokio::task::JoinHandle<()>,
    ) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(near, listener.accept());
        let (writer, queue) = mpsc::channel(4);
        let (inbox, reports) = Inbox::new();
        let near = Wire::Plain(near.unwrap());
        let running = run(near, queue, AccountId(1), ConnectionId(1), inbox);
        (far.unwrap().0, writer, reports, tokio::spawn(running))
    }

    #[tokio::test]
    async fn a_closed_stream_writes_what_waits_and_is_gone_though_the_far_end_stays() {
        let (mut far, writer, mut reports, task) = running().await;
        writer.send(b"BYE".to_vec()).await.unwrap();
        drop(writer);
        // The far end neither closes nor stops talking: this side holds nothing open for it.
        task.await.unwrap();
        assert!(matches!(
            reports.recv().await,
            Some(Inbound::Disconnected { .. })
        ));
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"BYE");
    }

    #[tokio::test]
    async fn a_far_end_that_closes_is_reported_once() {
        let (far, _writer, mut reports, task) = running().await;
        drop(far);
        task.await.unwrap();
        assert!(matches!(
            reports.recv().await,
            Some(Inbound::Disconnected { .. })
        ));
        assert!(reports.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_far_end_that_closed_its_half_still_gets_the_answer() {
        let (mut far, writer, mut reports, task) = running().await;
        far.write_all(b"OPTIONS").await.unwrap();
        far.shutdown().await.unwrap();
        assert!(matches!(
            reports.recv().await,
            Some(Inbound::Stream { bytes, .. }) if bytes == b"OPTIONS"
        ));
        // The engine takes its time to answer.
        tokio::time::sleep(Duration::from_millis(50)).await;
        writer.send(b"200".to_vec()).await.unwrap();
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        assert_eq!(heard, b"200");
        task.await.unwrap();
        assert!(matches!(
            reports.recv().await,
            Some(Inbound::Disconnected { .. })
        ));
    }
}
