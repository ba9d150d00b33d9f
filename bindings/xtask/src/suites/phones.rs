//! Real calls: the demo, and the phones and servers of other people.

use super::{Context, Suite};
use crate::namespace::Namespace;
use crate::needs::{self, Need};
use crate::places::reports;
use crate::process::Run;
use crate::summary::Row;
use crate::{demo, peers};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

pub const SUITES: &[Suite] = &[
    Suite {
        name: "demo",
        about: "two phones call each other and speak",
        heavy: true,
        run: two_phones,
    },
    Suite {
        name: "interop/asterisk",
        about: "calls through and into Asterisk",
        heavy: true,
        run: asterisk,
    },
    Suite {
        name: "interop/baresip",
        about: "baresip as the far phone",
        heavy: true,
        run: baresip,
    },
    Suite {
        name: "interop/coturn",
        about: "relays of the TURN server coturn over UDP, TCP and TLS",
        heavy: true,
        run: coturn,
    },
    Suite {
        name: "interop/dtls",
        about: "DTLS-SRTP handshakes with OpenSSL and GnuTLS",
        heavy: true,
        run: dtls,
    },
    Suite {
        name: "interop/sipp",
        about: "SIPp's basic caller and callee",
        heavy: true,
        run: sipp,
    },
    Suite {
        name: "interop/kamailio",
        about: "calls through the proxy Kamailio",
        heavy: true,
        run: kamailio,
    },
    Suite {
        name: "interop/names",
        about: "servers found by DNS, and the next one where the first is gone",
        heavy: true,
        run: names,
    },
    Suite {
        name: "interop/media",
        about: "Asterisk's ways to secure media, as baresip and bare SIP see them",
        heavy: true,
        run: media,
    },
    Suite {
        name: "interop/chromium",
        about: "a browser with JsSIP as the far phone",
        heavy: true,
        run: chromium,
    },
    Suite {
        name: "interop/nat",
        about: "phones behind NATs, in networks of their own",
        heavy: true,
        run: nat,
    },
];

fn asterisk(context: &Context) -> Row {
    interop(context, "asterisk", &[needs::OPENSSL], &[ASTERISK])
}

fn baresip(context: &Context) -> Row {
    interop(
        context,
        "baresip",
        &[needs::OPENSSL, needs::BARESIP],
        &[ASTERISK],
    )
}

fn coturn(context: &Context) -> Row {
    interop(context, "coturn", &[needs::OPENSSL, needs::COTURN], &[])
}

fn dtls(context: &Context) -> Row {
    interop(context, "dtls", &[needs::OPENSSL, needs::GNUTLS], &[])
}

fn sipp(context: &Context) -> Row {
    interop(context, "sipp", &[needs::SIPP], &[])
}

fn kamailio(context: &Context) -> Row {
    interop(
        context,
        "kamailio",
        &[needs::OPENSSL, needs::KAMAILIO],
        &[ASTERISK],
    )
}

fn names(context: &Context) -> Row {
    let needed = [needs::OPENSSL, needs::KAMAILIO, needs::DNSMASQ];
    interop(context, "names", &needed, &[])
}

fn media(context: &Context) -> Row {
    interop(
        context,
        "media",
        &[needs::OPENSSL, needs::BARESIP],
        &[ASTERISK],
    )
}

fn chromium(context: &Context) -> Row {
    let needed = [needs::OPENSSL, needs::KAMAILIO, needs::CHROMIUM];
    interop(context, "chromium", &needed, &[ASTERISK, JSSIP])
}

fn nat(context: &Context) -> Row {
    let needed = [needs::OPENSSL, needs::NAT, needs::KAMAILIO, needs::COTURN];
    interop(context, "nat", &needed, &[ASTERISK])
}

/// Something that no package of Debian 12 brings: the variable that tells the tests where it is.
type Fetched = (&'static str, fn() -> Result<PathBuf, String>);

const ASTERISK: Fetched = ("TANDEM_ASTERISK", peers::asterisk);
const JSSIP: Fetched = ("TANDEM_JSSIP", peers::jssip);

/// Builds first, outside; then runs the test program in a network of its own.
fn interop(context: &Context, name: &str, needed: &[&[Need]], fetched: &[Fetched]) -> Row {
    let prepare = || -> Result<_, String> {
        needs::ensure(needed.iter().copied().flatten())?;
        let namespace = Namespace::enter()?;
        let mut places = Vec::new();
        for (variable, fetch) in fetched {
            places.push((*variable, fetch()?));
        }
        Ok((namespace, places))
    };
    let (namespace, places): (_, Vec<(&str, PathBuf)>) = match prepare() {
        Ok(prepared) => prepared,
        Err(why) => return Row::skipped(why),
    };
    let phones = match demo::build_phone() {
        Ok(tandem) => tandem,
        Err(why) => return Row::check(false, why),
    };
    let program = match test_program(context, name) {
        Ok(program) => program,
        Err(why) => return Row::check(false, why),
    };
    context.real_time_tests(|tests| {
        // One after the other: the peers have fixed ports, and sound wants an idle machine.
        let run = match tests {
            [] => namespace.run(&program).args(["--test-threads", "1"]),
            chosen => namespace.run(&program).args(chosen),
        };
        let run = run
            .limit(600)
            .env("RUST_BACKTRACE", "0")
            .env("TANDEM_BIN", &phones)
            .env("TANDEM_REPORTS", reports());
        places
            .iter()
            .fold(run, |run, (variable, place)| run.env(variable, place))
    })
}

/// The built test program of `tests/interop/tests/NAME.rs`.
fn test_program(context: &Context, name: &str) -> Result<String, String> {
    let messages = reports().join("logs/interop-build.json");
    let arguments = [
        "test",
        "--package",
        "tandem-interop",
        "--no-run",
        "--message-format",
        "json",
    ];
    let build = Run::cargo()
        .args(arguments)
        .args(["--test", name])
        .output(&messages)
        .limit(1800);
    let finished = context.run(build);
    if !finished.ok {
        return Err(format!("it does not build: {}", finished.why));
    }
    let text = fs::read_to_string(&messages).map_err(|error| error.to_string())?;
    let mut built = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    built
        .find(|message| message["target"]["name"] == name && message["executable"].is_string())
        .and_then(|message| message["executable"].as_str().map(str::to_owned))
        .ok_or_else(|| format!("cargo built no test program `{name}`"))
}

/// Runs `demo --json --pcap` and looks at what it answered and left.
fn two_phones(context: &Context) -> Row {
    let prepared = needs::ensure(needs::TSHARK).and_then(|()| demo::build());
    let phones = match prepared {
        Ok(phones) => phones,
        Err(why) => return Row::check(false, why),
    };
    let first = one_demo(context, &phones);
    if first.failed == 0 {
        return first;
    }
    // As for the other suites in real time: a machine that was busy elsewhere for a second is no fault.
    println!("     a second try: {}", first.reason);
    let mut second = one_demo(context, &phones);
    if second.failed == 0 {
        second.reason = format!("at the second try; before: {}", first.reason);
    }
    second
}

fn one_demo(context: &Context, phones: &demo::Phones) -> Row {
    let answer = reports().join("logs/demo.json");
    let run = phones.run(&["--json", "--pcap"]).output(&answer).limit(180);
    let finished = context.run(run);
    let mut row = Row::default();
    let mut wrong = Vec::new();
    let mut look = |what: &str, problem: Result<(), String>| match problem {
        Ok(()) => row.passed += 1,
        Err(problem) => {
            row.failed += 1;
            wrong.push(format!("{what}: {problem}"));
        }
    };
    look(
        "exit code",
        if finished.ok {
            Ok(())
        } else {
            Err(finished.why)
        },
    );
    look(
        "JSON",
        fs::read(&answer)
            .map_err(|e| e.to_string())
            .and_then(|text| judge(&text)),
    );
    look("files", files());
    look("capture", capture(context));
    row.reason = wrong.join("; ");
    row
}

/// What a caller would notice, from the demo's own answer.
fn judge(answer: &[u8]) -> Result<(), String> {
    let answer: Value = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    let must = |holds: bool, what: &str| {
        if holds {
            Ok(())
        } else {
            Err(format!("{what}: {answer}"))
        }
    };
    must(answer["ok"] == true, "not ok")?;
    let calls = answer["calls"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    must(!calls.is_empty(), "no call")?;
    for call in calls {
        must(
            call["protocol"] == "sip" && call["media"][0] == "audio",
            "not a SIP call with sound",
        )?;
        must(call["encrypted"] == true, "the call is not encrypted")?;
        must(
            call["ring_ms"].is_number() && call["first_audio_ms"].is_number(),
            "no times",
        )?;
        let heard = |who: &str| call["audio_similarity"][who].as_f64().unwrap_or(-1.0);
        let control = |which: &str| call["controls"][which].as_f64().unwrap_or(2.0);
        must(
            heard("alice") >= 0.8 && heard("bob") >= 0.8,
            "the speech did not arrive",
        )?;
        must(control("silence") <= 0.6, "silence passes for speech")?;
        must(
            control("other_speaker") <= 0.6,
            "another speaker passes for the right one",
        )?;
        let real = heard("alice").min(heard("bob"));
        must(
            control("one_second_cut") <= real - 0.05,
            "a second less goes unnoticed",
        )?;
    }
    for who in ["alice", "bob"] {
        let history = answer["history"][who].as_array();
        must(
            history.is_some_and(|calls| !calls.is_empty()),
            "the history is empty",
        )?;
    }
    Ok(())
}

fn demo_folder() -> PathBuf {
    reports().join("demo")
}

fn files() -> Result<(), String> {
    for name in ["alice-heard.wav", "bob-heard.wav", "report.html"] {
        let size = fs::metadata(demo_folder().join(name))
            .map_err(|e| format!("{name}: {e}"))?
            .len();
        if size < 1000 {
            return Err(format!("{name} has only {size} bytes"));
        }
    }
    Ok(())
}

/// A capture that tshark takes for SIP and RTP.
fn capture(context: &Context) -> Result<(), String> {
    let entries = fs::read_dir(demo_folder()).map_err(|error| error.to_string())?;
    let is_capture = |file: &PathBuf| {
        file.extension()
            .is_some_and(|extension| extension == "pcap" || extension == "pcapng")
    };
    let captures: Vec<PathBuf> = entries
        .flatten()
        .map(|e| e.path())
        .filter(is_capture)
        .collect();
    if captures.is_empty() {
        return Err("there is none".to_owned());
    }
    let printed = |filter: &str| {
        captures.iter().fold(String::new(), |text, file| {
            let tshark = Run::new("tshark").arg("-r").arg(file);
            // RTP has no mark of its own: tshark finds it by the SDP, or by looks when asked to.
            let tshark = tshark.args(["-o", "rtp.heuristic_rtp:TRUE", "-Y", filter]);
            text + &context.run(tshark.limit(60)).printed
        })
    };
    for (filter, sign) in [("sip.Method == \"INVITE\"", "INVITE"), ("rtp", "RTP")] {
        if printed(filter).matches(sign).count() < 2 {
            return Err(format!("tshark finds no {sign} in it"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::judge;
    use serde_json::{Value, json};

    fn good() -> Value {
        json!({
            "ok": true,
            "calls": [{
                "protocol": "sip", "media": ["audio"], "encrypted": true,
                "ring_ms": 12, "first_audio_ms": 40,
                "audio_similarity": {"alice": 0.95, "bob": 0.96},
                "controls": {"silence": 0.0, "other_speaker": 0.2, "one_second_cut": 0.5},
                "end_reason": "local-hang-up",
            }],
            "history": {"alice": [{}], "bob": [{}]},
        })
    }

    #[test]
    fn a_good_demo_passes() {
        judge(good().to_string().as_bytes()).expect("good");
    }

    #[test]
    fn everything_a_caller_would_notice_fails_it() {
        let mut deaf = good();
        deaf["calls"][0]["audio_similarity"]["bob"] = json!(0.1);
        let mut gullible = good();
        gullible["calls"][0]["controls"]["one_second_cut"] = json!(0.94);
        let mut forgetful = good();
        forgetful["history"]["alice"] = json!([]);
        let mut open = good();
        open["calls"][0]["encrypted"] = json!(false);
        let mut silent = good();
        silent["calls"] = json!([]);
        for bad in [deaf, gullible, forgetful, open, silent] {
            assert!(judge(bad.to_string().as_bytes()).is_err(), "{bad}");
        }
        assert!(judge(b"Compiling ...\n{}").is_err());
    }
}
