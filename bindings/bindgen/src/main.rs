//! Kotlin or Swift out of a built library: `uniffi-bindgen generate --language kotlin --out-dir DIR LIB`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
