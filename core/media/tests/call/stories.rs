//! What two people experience.

use std::time::Duration;

use tandem_media::negotiate::{answer, offer};
use tandem_media::{
    AudioCodec, Capabilities, Component, DtmfError, LocalTransport, MediaEvent, Protection,
    SILENCE_DBOV,
};
use tandem_types::Direction;

use crate::agree::only;
use crate::link::{Call, Weather, alice_address, bob_address};
use crate::speech::{Speech, found, found_after};

const CLEAN: Weather = Weather {
    delay_ms: 40,
    jitter_ms: 0,
    loss_percent: 0,
    broken: false,
};

fn seconds(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// Marker, payload type, sequence number, timestamp, SSRC.
type Header = (bool, u8, u16, u32, u32);

fn rtp_header(bytes: &[u8]) -> Header {
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let number = u16::from_be_bytes([bytes[2], bytes[3]]);
    (
        bytes[1] & 0x80 != 0,
        bytes[1] & 0x7f,
        number,
        word(4),
        word(8),
    )
}

fn sent_rtp(side: &crate::link::Side) -> Vec<(Duration, Header)> {
    let is_rtp = |bytes: &[u8]| !(192..=223).contains(&bytes[1]);
    let packets = side
        .sent
        .iter()
        .filter(|(_, c, bytes)| *c == Component::Rtp && is_rtp(bytes));
    packets
        .map(|(at, _, bytes)| (*at, rtp_header(bytes)))
        .collect()
}

#[test]
fn both_hear_each_other_in_every_codec_and_nothing_is_invented() {
    for codec in AudioCodec::ALL {
        let mut call = Call::up(11, CLEAN, &only(codec));
        call.run(seconds(6));
        for (side, pitch) in [(&call.bob, 110.0), (&call.alice, 190.0)] {
            let original = Speech::all(pitch, 6 * 48_000);
            let share = found(&side.heard(), &original, 150, 0.85);
            assert!(share > 0.95, "{codec}: {share}");
            let stats = side.session.stats();
            assert_eq!(stats.frames_concealed, 0, "{codec}");
            assert_eq!(stats.packets_lost, 0);
            assert!((295..=301).contains(&stats.packets_sent), "{stats:?}");
            let first = side.saw(MediaEvent::FirstAudio).unwrap();
            assert!(
                first <= Duration::from_millis(40 + 60),
                "{codec}: {first:?}"
            );
        }
    }
}

#[test]
fn keys_arrive_once_each_in_order_under_loss_both_ways() {
    let weather = Weather {
        delay_ms: 30,
        jitter_ms: 15,
        loss_percent: 10,
        broken: false,
    };
    for (seed, codec) in [
        (21, AudioCodec::Opus),
        (31, AudioCodec::Pcmu),
        (41, AudioCodec::G722),
    ] {
        let mut call = Call::up(seed, weather, &only(codec));
        call.run(seconds(1));
        call.alice
            .session
            .send_dtmf(call.now, "0123456789*#")
            .unwrap();
        call.bob.session.send_dtmf(call.now, "abcd").unwrap();
        call.run(seconds(6));
        assert_eq!(call.bob.keys(), "0123456789*#", "{codec}");
        assert_eq!(call.alice.keys(), "ABCD", "{codec}");
        assert!(call.alice.saw(MediaEvent::DtmfSent('#')).is_some());
    }
}

#[test]
fn keys_are_refused_where_they_make_no_sense() {
    let mut call = Call::new(1, CLEAN);
    assert_eq!(
        call.alice.session.send_dtmf(call.now, "1"),
        Err(DtmfError::NotRunning)
    );
    let mut call = Call::up(1, CLEAN, &Capabilities::default());
    assert_eq!(
        call.alice.session.send_dtmf(call.now, "1x"),
        Err(DtmfError::NoKey)
    );
    assert_eq!(
        call.alice.session.send_dtmf(call.now, &"1".repeat(65)),
        Err(DtmfError::TooMany)
    );
    let mut terms = call.alice.session.negotiated().unwrap().clone();
    terms.dtmf_payload_type = None;
    call.alice.session.update(call.now, terms).unwrap();
    assert_eq!(
        call.alice.session.send_dtmf(call.now, "1"),
        Err(DtmfError::NotNegotiated)
    );
}

#[test]
fn hold_silences_the_held_and_resume_brings_the_voice_back_where_the_clock_is() {
    let mut call = Call::up(51, CLEAN, &Capabilities::default());
    call.run(seconds(3));
    let before = sent_rtp(&call.bob);
    call.reoffer(&Capabilities::default(), Direction::SendOnly);
    call.run(seconds(10));
    // Bob is held: he sends no media, but reports, and Alice misses nothing.
    let during = sent_rtp(&call.bob).len() - before.len();
    assert!(during <= 1, "{during}");
    assert!(
        call.bob
            .sent
            .iter()
            .any(|(at, _, b)| *at > seconds(4) && b[1] == 201)
    );
    assert!(
        !call
            .alice
            .events
            .iter()
            .any(|(_, e)| matches!(e, MediaEvent::Silent { .. }))
    );
    call.reoffer(&Capabilities::default(), Direction::SendRecv);
    call.run(seconds(4));
    let after = &sent_rtp(&call.bob)[before.len() + during..];
    let (last, first) = (before.last().unwrap(), after.first().unwrap());
    let ((_, _, number, stamp, ssrc), (marker, _, number2, stamp2, ssrc2)) = (last.1, first.1);
    assert!(marker);
    assert_eq!(ssrc2, ssrc);
    assert_eq!(number2, number.wrapping_add(1 + during as u16));
    let elapsed = (first.0 - last.0).as_millis() as u32 * 48;
    assert_eq!(stamp2.wrapping_sub(stamp), elapsed);
    let heard = call.alice.heard();
    let held = &heard[5 * 48_000..12 * 48_000];
    assert!(held.iter().all(|s| s.abs() < 1e-4));
    let original = Speech::all(190.0, 17 * 48_000);
    // The source paused with the call: ten seconds later it goes on where it was.
    let back = [vec![0.0; 10 * 48_000], original].concat();
    assert!(found_after(14, &heard, &back, 200, 0.85) > 0.9);
}

#[test]
fn the_round_trip_measured_is_the_one_there_is() {
    let weather = Weather {
        delay_ms: 75,
        ..CLEAN
    };
    let mut call = Call::up(61, weather, &Capabilities::default());
    call.run(seconds(20));
    for side in [&call.alice, &call.bob] {
        let trip = side.session.stats().round_trip.unwrap();
        assert!(
            trip.abs_diff(Duration::from_millis(150)) < Duration::from_millis(2),
            "{trip:?}"
        );
    }
}

#[test]
fn reports_say_how_much_was_lost_and_how_it_jittered() {
    let weather = Weather {
        delay_ms: 40,
        jitter_ms: 20,
        loss_percent: 10,
        broken: false,
    };
    let mut call = Call::up(71, weather, &Capabilities::default());
    call.run(seconds(60));
    let sample = call.alice.session.sample();
    let peer_loss = sample.peer_loss.unwrap();
    assert!((0.03..0.2).contains(&peer_loss), "{peer_loss}");
    let stats = sample.quality;
    let lost = stats.packets_lost as f64 / (stats.packets_lost + stats.packets_received) as f64;
    assert!((0.07..0.13).contains(&lost), "{lost}");
    // The mean difference of two even draws from 20 ms is 6.7 ms.
    let jitter = stats.jitter.as_secs_f64() * 1000.0;
    assert!((4.0..10.0).contains(&jitter), "{jitter}");
}

#[test]
fn a_goodbye_is_heard_and_after_it_nothing_is_sent() {
    let mut call = Call::up(81, CLEAN, &Capabilities::default());
    call.run(seconds(2));
    call.alice.session.close(call.now);
    call.run(seconds(2));
    let at = call.bob.saw(MediaEvent::RemoteBye).unwrap();
    assert_eq!(at, Duration::from_millis(2040));
    assert!(call.alice.sent.iter().all(|(at, _, _)| *at <= seconds(2)));
    assert_eq!(call.alice.session.poll_timeout(), None);
}

#[test]
fn a_dead_network_is_noticed_after_three_seconds_and_so_is_its_return() {
    let mut call = Call::up(91, CLEAN, &Capabilities::default());
    call.run(seconds(4));
    call.weather.broken = true;
    call.run(seconds(6));
    let silent = |side: &crate::link::Side| {
        let found = side
            .events
            .iter()
            .find(|(_, e)| matches!(e, MediaEvent::Silent { .. }));
        found.map(|(at, _)| *at - seconds(4))
    };
    for side in [&call.alice, &call.bob] {
        let after = silent(side).unwrap();
        assert!(
            after >= seconds(3) && after < Duration::from_millis(3500),
            "{after:?}"
        );
        assert!(side.saw(MediaEvent::Heard).is_none());
    }
    call.weather.broken = false;
    call.run(seconds(1));
    let heard = call.alice.saw(MediaEvent::Heard).unwrap();
    assert!(
        heard < seconds(10) + Duration::from_millis(100),
        "{heard:?}"
    );
}

#[test]
fn muting_sends_silence_and_nothing_else_changes() {
    let mut call = Call::up(101, CLEAN, &only(AudioCodec::Pcma));
    call.run(seconds(2));
    call.bob.session.sample();
    call.alice.session.set_muted(true);
    call.run(seconds(1));
    call.bob.session.sample();
    let packets = call.alice.session.stats().packets_sent;
    call.run(seconds(2));
    assert_eq!(call.alice.session.stats().packets_sent, packets + 100);
    call.alice.session.sample();
    call.run(seconds(1));
    assert_eq!(call.alice.session.sample().level_out_dbov, SILENCE_DBOV);
    // A-law has no zero: its smallest value is −72 dBov.
    let level = call.bob.session.sample().level_in_dbov;
    assert!((SILENCE_DBOV..-65.0).contains(&level), "{level}");
    call.alice.session.set_muted(false);
    call.run(seconds(1));
    assert!(call.bob.session.sample().level_in_dbov > -40.0);
}

#[test]
fn early_media_is_heard_and_nothing_is_sent_before_the_start() {
    let mut call = Call::new(111, CLEAN);
    let local = |rtp| LocalTransport::plain(rtp, rtp);
    let offered = offer(
        &Capabilities::default(),
        &local(alice_address()),
        Protection::Plain,
        Direction::SendRecv,
    );
    call.alice.session.listen(call.now, &offered);
    let answered = answer(
        &offered,
        &Capabilities::default(),
        &local(bob_address()),
        Direction::SendRecv,
        None,
    );
    call.bob
        .session
        .start(call.now, answered.unwrap().1)
        .unwrap();
    call.run(seconds(2));
    assert!(call.alice.sent.is_empty());
    let heard = call.alice.heard();
    assert!(found(&heard, &Speech::all(190.0, 96_000), 200, 0.85) > 0.9);
}

#[test]
fn a_process_that_slept_goes_on_at_the_right_time() {
    let mut call = Call::up(121, CLEAN, &only(AudioCodec::Pcmu));
    call.run(seconds(1));
    // Nobody calls for two seconds.
    call.now += seconds(2);
    call.run(seconds(2));
    let stamps: Vec<_> = sent_rtp(&call.alice);
    let first = stamps.first().unwrap();
    for (at, (_, _, _, stamp, _)) in stamps.iter().skip(100) {
        let clock = (*at - first.0).as_millis() as i64 * 8;
        let said = i64::from(stamp.wrapping_sub(first.1.3));
        assert!((said - clock).abs() <= 12 * 160, "{said} {clock}");
    }
    assert!(call.alice.session.sample().skipped_ticks > 80);
}

#[test]
fn a_change_of_codec_keeps_the_stream_unless_the_clock_changes() {
    let mut call = Call::up(131, CLEAN, &only(AudioCodec::Pcmu));
    call.run(seconds(2));
    for (codec, same_stream) in [(AudioCodec::G722, true), (AudioCodec::Opus, false)] {
        let before = *sent_rtp(&call.alice).last().unwrap();
        let sent = sent_rtp(&call.alice).len();
        call.reoffer(&only(codec), Direction::SendRecv);
        call.run(seconds(3));
        let after = sent_rtp(&call.alice)[sent];
        assert_eq!(after.1.4 == before.1.4, same_stream, "{codec}");
        if same_stream {
            assert_eq!(after.1.2, before.1.2.wrapping_add(1));
            assert_eq!(after.1.3, before.1.3.wrapping_add(160));
        }
        let heard = call.bob.heard();
        let recent = heard.len() / 48_000 - 2;
        let original = Speech::all(110.0, heard.len());
        assert!(
            found_after(recent, &heard, &original, 200, 0.85) > 0.9,
            "{codec}"
        );
    }
}

#[test]
fn media_follows_a_peer_behind_a_nat() {
    let mut call = Call::up(141, CLEAN, &Capabilities::default());
    // Bob's packets come from an address he did not know of.
    call.bob.outside = std::net::SocketAddr::from(([203, 0, 113, 9], 61_000));
    call.run(seconds(1));
    while call.alice.session.poll_output().is_some() {}
    call.now += Duration::from_millis(20);
    call.alice.session.handle_timeout(call.now);
    let mut to = Vec::new();
    while let Some(output) = call.alice.session.poll_output() {
        if let tandem_media::Output::Transmit(datagram) = output {
            to.push(datagram.to);
        }
    }
    assert!(
        !to.is_empty() && to.iter().all(|to| *to == call.bob.outside),
        "{to:?}"
    );
}

#[test]
fn a_peer_that_wants_longer_packets_gets_them() {
    for (packet_ms, packets) in [(10, 200), (40, 50), (60, 33)] {
        let mut call = Call::up(151, CLEAN, &Capabilities::default());
        let mut terms = call.bob.session.negotiated().unwrap().clone();
        terms.packet_ms = packet_ms;
        call.bob.session.update(call.now, terms).unwrap();
        call.run(seconds(2));
        let sent = call.bob.session.stats().packets_sent;
        assert!(sent.abs_diff(packets) <= 2, "{packet_ms} ms: {sent}");
        assert_eq!(
            call.alice.session.stats().frames_concealed,
            0,
            "{packet_ms} ms"
        );
        let heard = call.alice.heard();
        assert!(
            found(&heard, &Speech::all(190.0, 96_000), 250, 0.85) > 0.9,
            "{packet_ms} ms"
        );
    }
}
