//! `report.html`: the call on one page that works without a network and without scripts.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::events::Stats;
use super::judge::{Evidence, Verdict};
use super::party::Party;
use super::plot::{Plot, Series, escaped};
use super::timeline::Timeline;
use crate::audio::Audio;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1f2328; --faint: #6b7280; --rule: #d7dbe0; --page: #ffffff;
        --c0: #2563c9; --c1: #c2540a; --good: #1a7f37; --bad: #c02626; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7eb; --faint: #9aa3ae; --rule: #3a4048;
        --page: #16191d; --c0: #79a8ff; --c1: #ff9d5c; --good: #57c873; --bad: #ff7b72; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page);
       max-width: 760px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.good { color: var(--good); } .bad { color: var(--bad); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { font-weight: 600; color: var(--faint); }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
figure { margin: 1.2rem 0; } figcaption { font-weight: 600; } svg { width: 100%; height: auto; }
svg text { font-size: 11px; fill: var(--faint); } .grid { stroke: var(--rule); fill: none; }
polyline { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); }
.legend { margin: 0; font-size: .85rem; } .legend span { margin-right: 1rem; } .axis { color: var(--faint); }
.k0::before, .k1::before { content: ''; display: inline-block; width: 1.2em; height: 3px; margin-right: .4em;
       vertical-align: middle; } .k0::before { background: var(--c0); } .k1::before { background: var(--c1); }
";

/// The whole page.
pub fn html(evidence: &Evidence, verdict: &Verdict, timeline: &Timeline) -> String {
    let Evidence {
        alice,
        bob,
        alice_voice,
        bob_voice,
        ..
    } = evidence;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <title>Tandem: one call</title><style>{STYLE}</style></head><body>\n<h1>Tandem: one call</h1>\n"
    );
    page.push_str(&result(verdict));
    page.push_str("<h2>Sound</h2>\n");
    page.push_str(&words("alice", "bob", bob_voice, alice));
    page.push_str(&words("bob", "alice", alice_voice, bob));
    page.push_str("<h2>Media</h2>\n");
    let start = timeline.start_unix_ms();
    let both = |value: fn(&Stats) -> Option<f64>| {
        vec![series(alice, start, value), series(bob, start, value)]
    };
    for (title, range, value) in MEASURES {
        page.push_str(
            &Plot {
                title,
                range: *range,
                series: both(*value),
            }
            .to_html(),
        );
    }
    page.push_str("<h2>Timeline</h2>\n");
    let rows = timeline.in_order();
    let rows = rows
        .iter()
        .map(|e| [e.at_ms.to_string(), e.who.to_owned(), e.what.clone()].to_vec());
    page.push_str(&table(&["ms", "who", "what"], rows.collect()));
    for party in [alice, bob] {
        page.push_str(&history(party));
    }
    page.push_str("</body></html>\n");
    page
}

/// A plot of the media: title, the range shown at least, and where its values come from.
type Measure = (&'static str, (f64, f64), fn(&Stats) -> Option<f64>);

const MEASURES: &[Measure] = &[
    ("Level sent (dBov)", (-90.0, 0.0), |stats| {
        stats.level_in_dbov
    }),
    ("Level played (dBov)", (-90.0, 0.0), |stats| {
        stats.level_out_dbov
    }),
    ("Packets lost (total)", (0.0, 1.0), |stats| {
        Some(stats.packets_lost as f64)
    }),
    ("Jitter (ms)", (0.0, 1.0), |stats| Some(stats.jitter_ms)),
    ("Round trip (ms)", (0.0, 1.0), |stats| stats.round_trip_ms),
];

fn result(verdict: &Verdict) -> String {
    let mut html = if verdict.is_ok() {
        "<p class=\"good\"><strong>The call worked.</strong></p>\n".to_owned()
    } else {
        let items = verdict
            .problems
            .iter()
            .map(|p| format!("<li>{}</li>", escaped(p)));
        let items: String = items.collect();
        format!(
            "<p class=\"bad\"><strong>The call did not work:</strong></p><ul class=\"bad\">{items}</ul>\n"
        )
    };
    let ms = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{ms} ms"));
    let controls = verdict.speech.controls();
    let rows = [
        ("Bob's phone rang after", ms(verdict.ring_ms)),
        ("First sound after the answer", ms(verdict.first_audio_ms)),
        (
            "Similarity of what alice heard",
            format!("{:.3}", verdict.speech.alice.heard.score),
        ),
        (
            "Similarity of what bob heard",
            format!("{:.3}", verdict.speech.bob.heard.score),
        ),
        ("Control: silence", format!("{:.3}", controls.silence)),
        (
            "Control: the other speaker",
            format!("{:.3}", controls.other_speaker),
        ),
        (
            "Control: one second cut out",
            format!("{:.3}", controls.one_second_cut),
        ),
        (
            "Why it ended",
            verdict.end_reason.clone().unwrap_or_else(|| "–".to_owned()),
        ),
    ];
    let rows = rows
        .map(|(what, value)| vec![what.to_owned(), value])
        .to_vec();
    html.push_str(&table(&["", ""], rows));
    html
}

/// What was said and what was heard, as levels over the same seconds.
fn words(ear: &str, mouth: &str, said: &Audio, listener: &Party) -> String {
    let heard = listener.heard.as_ref();
    let series = vec![
        Series {
            name: format!("{mouth} said"),
            points: envelope(said),
        },
        Series {
            name: format!("{ear} heard"),
            points: heard.map(envelope).unwrap_or_default(),
        },
    ];
    let title = format!("What {ear} heard of {mouth} (dB below full scale)");
    Plot {
        title: &title,
        range: (-80.0, 0.0),
        series,
    }
    .to_html()
}

/// The level of every 50 ms.
fn envelope(audio: &Audio) -> Vec<(f64, f64)> {
    const STEP: Duration = Duration::from_millis(50);
    let steps = audio.duration().as_millis() / STEP.as_millis();
    let level = |n: u32| {
        let (from, to) = (STEP * n, STEP * (n + 1));
        (
            from.as_secs_f64(),
            audio.slice(from, to).level_dbfs().max(-80.0),
        )
    };
    (0..steps as u32).map(level).collect()
}

fn series(party: &Party, start_unix_ms: u64, value: fn(&Stats) -> Option<f64>) -> Series {
    let seconds = |at: u64| at.saturating_sub(start_unix_ms) as f64 / 1_000.0;
    let stats = party.stats();
    let points = stats
        .iter()
        .filter_map(|(at, stats)| Some((seconds(*at), value(stats)?)));
    Series {
        name: party.name.to_owned(),
        points: points.collect(),
    }
}

fn history(party: &Party) -> String {
    let mut html = format!("<h2>{}'s history</h2>\n", party.name);
    let rows = match &party.history {
        Ok(rows) => rows,
        Err(why) => {
            add(
                &mut html,
                format_args!("<p class=\"bad\">{}</p>", escaped(why)),
            );
            return html;
        }
    };
    for row in rows {
        let mut fields = Vec::new();
        flatten("", row, &mut fields);
        html.push_str(&table(&["field", "value"], fields));
    }
    html
}

/// Fields of `value` as rows; those of an object inside it by `object.field`.
fn flatten(name: &str, value: &Value, rows: &mut Vec<Vec<String>>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let dot = if name.is_empty() { "" } else { "." };
                flatten(&format!("{name}{dot}{key}"), value, rows);
            }
        }
        Value::String(text) => rows.push(vec![name.to_owned(), text.clone()]),
        other => rows.push(vec![name.to_owned(), other.to_string()]),
    }
}

fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut html = "<div class=\"scroll\"><table>".to_owned();
    if head.iter().any(|title| !title.is_empty()) {
        let titles: String = head
            .iter()
            .map(|title| format!("<th>{title}</th>"))
            .collect();
        add(&mut html, format_args!("<tr>{titles}</tr>"));
    }
    for row in rows {
        let cell = |text: &String| format!("<td>{}</td>", escaped(text));
        let cells: String = row.iter().map(cell).collect();
        add(&mut html, format_args!("<tr>{cells}</tr>"));
    }
    html.push_str("</table></div>\n");
    html
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_inside_a_row_becomes_rows_of_its_own() {
        let mut rows = Vec::new();
        let row = json!({"peer": "sip:<bob>", "quality": {"packets_lost": 3}});
        flatten("", &row, &mut rows);
        assert_eq!(rows, [["peer", "sip:<bob>"], ["quality.packets_lost", "3"]]);
        assert!(table(&[], rows).contains("<td>sip:&lt;bob&gt;</td>"));
    }

    #[test]
    fn the_envelope_follows_the_loudness() {
        let mut samples = vec![0.0; 1_600];
        samples.extend(vec![0.5; 1_600]);
        let levels: Vec<f64> = envelope(&Audio::new(16_000, samples))
            .into_iter()
            .map(|(_, level)| level)
            .collect();
        assert_eq!((levels.len(), levels[0], levels[1]), (4, -80.0, -80.0));
        assert!(
            (levels[2] + 6.0).abs() < 0.1 && (levels[3] + 6.0).abs() < 0.1,
            "{levels:?}"
        );
    }
}
