//! The Swift side in the parts an XCFramework wants: sources, headers, module map.

fn main() {
    uniffi::uniffi_bindgen_swift();
}
