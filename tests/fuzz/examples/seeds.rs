//! Writes the seeds that are no text: `cargo run -p tandem-fuzz --example seeds`.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    for (name, bytes) in rtp() {
        write("rtp", name, &bytes)?;
    }
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

/// Sequence number, timestamp and source of the packets below.
const MEDIA: [u8; 10] = [0, 1, 0, 0, 0, 160, 1, 2, 3, 4];

fn rtp() -> Vec<(&'static str, Vec<u8>)> {
    let one_byte = [0xbe, 0xde, 0, 1, 0x10, 0x80, 0, 0];
    let two_bytes = [0x10, 0, 0, 1, 1, 2, 7, 7];
    let report_block = [
        5, 6, 7, 8, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let name = [
        0x81, 202, 0, 3, 1, 2, 3, 4, 1, 4, b'a', b'b', b'c', b'd', 0, 0,
    ];
    let goodbye = [0x81, 203, 0, 1, 1, 2, 3, 4];
    let sender = [&[0x81, 200, 0, 12, 1, 2, 3, 4][..], &[0; 20], &report_block].concat();
    vec![
        ("pcmu", [&[0x80, 0], &MEDIA[..], &[0xff; 20]].concat()),
        (
            "extension-and-padding",
            [
                &[0xb1, 0x6f],
                &MEDIA[..],
                &[9; 4],
                &one_byte,
                &[1, 2, 3, 0, 2],
            ]
            .concat(),
        ),
        (
            "two-byte-extension",
            [&[0x90, 0xe5], &MEDIA[..], &two_bytes, &[5, 10, 0, 160]].concat(),
        ),
        ("reports", [&sender[..], &name, &goodbye].concat()),
        ("receiver-report", vec![0x80, 201, 0, 1, 1, 2, 3, 4]),
        ("feedback", vec![0x81, 206, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]),
    ]
}
