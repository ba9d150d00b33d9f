//! One SIP stream from its opening to its end.

use std::time::Duration;

use tandem_sip::transaction::ConnectionId;
use tandem_types::AccountId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::inbox::{Inbound, Inbox};

/// How long the far end may take to take one message before it counts as gone.
const WRITE_LIMIT: Duration = Duration::from_secs(20);
const READ_AT_ONCE: usize = 16 * 1024;

/// Reads and writes until either side closes, and reports the end. Closing `queue` closes the stream once
/// what it holds is written; nothing that comes in is waited for then.
pub(super) async fn run(
    stream: TcpStream,
    queue: mpsc::Receiver<Vec<u8>>,
    account: AccountId,
    connection: ConnectionId,
    inbox: Inbox,
) {
    let (reader, writer) = stream.into_split();
    tokio::select! {
        () = write(writer, queue) => {}
        () = read(reader, account, connection, &inbox) => {}
    }
    let gone = Inbound::Disconnected {
        account,
        connection,
    };
    inbox.put(gone).await;
}

async fn write(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = queue.recv().await {
        match tokio::time::timeout(WRITE_LIMIT, writer.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return,
        }
    }
    // The far end sees an end of file; that it has gone already is no fault.
    let _ = writer.shutdown().await;
}

async fn read(
    mut reader: OwnedReadHalf,
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
        let running = run(near.unwrap(), queue, AccountId(1), ConnectionId(1), inbox);
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
}
