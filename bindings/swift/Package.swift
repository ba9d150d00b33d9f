// swift-tools-version:6.0
import PackageDescription

/// `Tandem` is what an app imports. `TandemFFI` is generated from the core and checked in, because a
/// Swift package cannot run cargo; `cargo xtask bindings --check` compares it with the core.
let package = Package(
    name: "Tandem",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Tandem", targets: ["Tandem"])],
    targets: [
        .systemLibrary(name: "TandemCoreFFI"),
        // The generator writes for language mode 5; what is written by hand is checked in mode 6.
        .target(
            name: "TandemFFI", dependencies: ["TandemCoreFFI"],
            swiftSettings: [.swiftLanguageMode(.v5)]),
        .target(name: "Tandem", dependencies: ["TandemFFI"]),
    ],
    swiftLanguageModes: [.v6]
)
