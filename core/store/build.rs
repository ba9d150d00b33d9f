//! Builds the one SQLite of the whole program: SQLite3 Multiple Ciphers, cut down to what `store` uses.
//!
//! `rusqlite` brings its own SQLite, without a cipher; its `in_gecko` feature (bindings only, the
//! program brings the library) leaves that out. `src/cipher.rs` says why this cipher.

/// What this crate needs of SQLite, and nothing else: a feature that is not compiled has no bugs.
const OPTIONS: &[(&str, &str)] = &[
    // One cipher: ChaCha20 with Poly1305. No AES, so no AES instructions to detect either.
    ("HAVE_CIPHER_AEGIS", "0"),
    ("HAVE_CIPHER_AES_128_CBC", "0"),
    ("HAVE_CIPHER_AES_256_CBC", "0"),
    ("HAVE_CIPHER_ASCON128", "0"),
    ("HAVE_CIPHER_CHACHA20", "1"),
    ("HAVE_CIPHER_RC4", "0"),
    ("HAVE_CIPHER_SQLCIPHER", "0"),
    ("SQLITE3MC_OMIT_AES_HARDWARE_SUPPORT", "1"),
    // Keys and pages are wiped when SQLite gives memory back.
    ("SQLITE3MC_SECURE_MEMORY", "1"),
    // A temporary file would hold plain text, and Android has no folder for one.
    ("SQLITE_TEMP_STORE", "3"),
    // What `rusqlite` expects.
    ("SQLITE_CORE", "1"),
    ("SQLITE_DEFAULT_FOREIGN_KEYS", "1"),
    ("SQLITE_THREADSAFE", "1"),
    ("HAVE_ISNAN", "1"),
    ("HAVE_LOCALTIME_R", "1"),
    ("HAVE_USLEEP", "1"),
    // What SQLite's authors recommend to leave out where nothing old depends on it.
    ("SQLITE_DEFAULT_MEMSTATUS", "0"),
    ("SQLITE_DQS", "0"),
    ("SQLITE_LIKE_DOESNT_MATCH_BLOBS", "1"),
    ("SQLITE_OMIT_DEPRECATED", "1"),
    ("SQLITE_OMIT_LOAD_EXTENSION", "1"),
    ("SQLITE_OMIT_SHARED_CACHE", "1"),
];

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let source = sqlite3mc_src::source_dir().join(sqlite3mc_src::SOURCE_FILE);
    let mut build = cc::Build::new();
    build.file(&source).warnings(false);
    for (name, value) in OPTIONS {
        build.define(name, *value);
    }
    // So that the linker drops what nobody calls, and no symbol of ours meets a system SQLite's.
    build
        .flag_if_supported("-ffunction-sections")
        .flag_if_supported("-fdata-sections")
        .flag_if_supported("-fvisibility=hidden");
    // `whole-archive`: `libsqlite3-sys` comes after this crate on the linker's line, and a linker that
    // reads once would find the archive unwanted. It is a single object, so nothing more is linked.
    build.cargo_metadata(false).compile("tandem_sqlite");
    let out = std::env::var("OUT_DIR").unwrap_or_default();
    println!("cargo:rustc-link-search=native={out}");
    println!("cargo:rustc-link-lib=static:+whole-archive=tandem_sqlite");
}
