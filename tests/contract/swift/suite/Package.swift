// swift-tools-version:6.0
import PackageDescription

let package = Package(
    name: "Contract",
    platforms: [.macOS(.v13)],
    dependencies: [.package(path: "../../../../bindings/swift")],
    targets: [
        .executableTarget(
            name: "answerer", dependencies: [.product(name: "Tandem", package: "swift")]),
        .testTarget(
            name: "ContractTests", dependencies: [.product(name: "Tandem", package: "swift")]),
    ],
    swiftLanguageModes: [.v6]
)
