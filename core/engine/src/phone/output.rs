//! What a [`Phone`](super::Phone) asks of its driver.

use tandem_media::{Datagram, StreamCommand};
use tandem_sip::agent::Transmit;
use tandem_sip::locate::Question;
use tandem_sip::transaction::{ConnectionId, TransmitId};
use tandem_store::{EndedCall, NewCall, UnixMillis};
use tandem_types::media::Fingerprint;
use tandem_types::{AccountId, CallId, CallQuality};

use super::{LookupId, ServerQuestion};
use crate::Event;

/// One thing to do, in order.
#[derive(Debug)]
pub enum Output {
    /// Send a SIP message from this account's sockets.
    Sip {
        /// Whose.
        account: AccountId,
        /// What, and where to.
        transmit: Transmit,
    },
    /// Do not send that SIP message any more, if it still waits for its way.
    Withdraw {
        /// Whose.
        account: AccountId,
        /// Which.
        transmit: TransmitId,
    },
    /// Ask the name servers of the account's network, and say what came of it with
    /// [`handle_answer`](super::Phone::handle_answer).
    Locate {
        /// For whom.
        account: AccountId,
        /// What.
        question: Question,
    },
    /// Look a STUN or TURN server up on the account's network, and say what came of it with
    /// [`handle_server`](super::Phone::handle_server).
    FindServer {
        /// For whom.
        account: AccountId,
        /// Which, and by what name.
        question: ServerQuestion,
    },
    /// Look for a NAT64 on the account's network, which seems to have IPv6 alone: ask for the AAAA records of
    /// [`NAT64_DISCOVERY_NAME`](tandem_media::NAT64_DISCOVERY_NAME), and say what came of it with
    /// [`handle_translator`](super::Phone::handle_translator).
    FindTranslator {
        /// For whom.
        account: AccountId,
        /// What the answer is known by.
        id: LookupId,
    },
    /// Close one of this account's connections.
    CloseConnection {
        /// Whose.
        account: AccountId,
        /// Which.
        connection: ConnectionId,
    },
    /// Open a pair of media sockets at the address the account uses, and one at each of a few others that the device
    /// has, and say so with [`handle_media_opened`](super::Phone::handle_media_opened).
    OpenMedia {
        /// For which call.
        call: CallId,
        /// On whose network.
        account: AccountId,
    },
    /// Send a media packet from the call's socket.
    Media {
        /// Which call's.
        call: CallId,
        /// From which of its sockets, where to, and what.
        datagram: Datagram,
    },
    /// Do this to one of the call's connections to TURN servers, and say what becomes of it with
    /// [`handle_media_stream`](super::Phone::handle_media_stream). Connections end with
    /// [`Output::CloseMedia`], once what was to be written is.
    MediaStream {
        /// Which call's.
        call: CallId,
        /// What.
        command: StreamCommand,
    },
    /// Make the safety phrase of these certificates with
    /// [`SafetyPhrase::derive`](crate::SafetyPhrase::derive), on another thread, and bring it with
    /// [`handle_phrase`](super::Phone::handle_phrase).
    DerivePhrase {
        /// Which call's.
        call: CallId,
        /// The certificate of the side that called.
        caller: Fingerprint,
        /// The certificate of the side that was called.
        callee: Fingerprint,
    },
    /// Close the call's media sockets.
    CloseMedia {
        /// Which call's.
        call: CallId,
    },
    /// Write to the call log, and commit, before any later [`Output::Event`] is told.
    Log(LogEntry),
    /// Tell the app.
    Event(Event),
}

/// One change of the call log.
#[derive(Clone, Debug, PartialEq)]
pub enum LogEntry {
    /// A call began.
    Begin(NewCall),
    /// It rings.
    Ringing(CallId, UnixMillis),
    /// Both sides said yes.
    Accepted(CallId, UnixMillis),
    /// It still goes on, and sounded like this.
    Alive(CallId, UnixMillis, CallQuality),
    /// It is over.
    Finish(CallId, EndedCall),
}
