// swift-tools-version: 6.2
import PackageDescription

// An async function runs where its caller does, often on an event loop; what must not stay there says `@concurrent`.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

func nio(_ product: String) -> Target.Dependency { .product(name: product, package: "swift-nio") }

let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let asn1: Target.Dependency = .product(name: "SwiftASN1", package: "swift-asn1")
let certificates: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let cryptoExtras: Target.Dependency = .product(name: "CryptoExtras", package: "swift-crypto")
let httpClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let jwt: Target.Dependency = .product(name: "JWTKit", package: "jwt-kit")
let lifecycle: Target.Dependency = .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let lifecycleTests: Target.Dependency = .product(
    name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle")
let ssl: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let coreMetrics: Target.Dependency = .product(name: "CoreMetrics", package: "swift-metrics")
let signals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")

// The modules are the stages of the data flow: a stage imports the stage below it, never a sibling. PresenceCore, JSON,
// Logs, Telemetry, UserSig, HTTPServer and PresenceProtocol are below all that use them; only the executable knows all.
let package = Package(
    name: "presence",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "presence", targets: ["presence"]),
        .library(name: "PresenceClient", targets: ["PresenceClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
    ],
    targets: [
        .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"])]),
        .target(name: "Logs", dependencies: [logging], swiftSettings: strict),
        .target(name: "Telemetry", dependencies: [metrics, coreMetrics, nio("NIOPosix")], swiftSettings: strict),
        .target(
            name: "RedisClient",
            dependencies: [
                "CHiredis", "PresenceCore", "Logs", "Telemetry", nio("NIOCore"), nio("NIOPosix"), nio("NIOTLS"), ssl,
                crypto,
                logging,
            ],
            swiftSettings: strict),
        // `@_lifetime` ties the reader to the bytes it reads; SwiftNIO builds on it in the same way.
        .target(
            name: "JSON", dependencies: [nio("NIOCore")],
            swiftSettings: strict + [.enableExperimentalFeature("Lifetimes")]),
        .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "UserSig", dependencies: ["CZlib", "JSON", crypto, nio("NIOCore")], swiftSettings: strict),
        .target(name: "PresenceCore", swiftSettings: strict),
        .target(
            name: "PresenceStore",
            dependencies: ["PresenceCore", "RedisClient", "Telemetry", logging],
            resources: [.embedInCode("Lua")],
            swiftSettings: strict),
        .target(
            name: "Inspection",
            dependencies: ["PresenceCore", "PresenceStore", "RedisClient", "JSON", nio("NIOCore")],
            swiftSettings: strict),
        .target(
            name: "Feed",
            dependencies: [
                "PresenceCore", "PresenceStore", "Logs", "Telemetry", deque, lifecycle, logging, nio("NIOCore"),
            ],
            swiftSettings: strict),
        .target(
            name: "PresenceWorker",
            dependencies: ["PresenceCore", "PresenceStore", "Logs", "Telemetry", deque, heap, lifecycle, logging],
            swiftSettings: strict),
        .target(
            name: "Callbacks",
            dependencies: [
                "PresenceCore", "JSON", "Telemetry", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), ssl, crypto,
            ],
            swiftSettings: strict),
        .target(
            name: "HTTPServer",
            dependencies: [
                "Logs", "Telemetry", deque, lifecycle, logging, nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
            ],
            swiftSettings: strict),
        .target(name: "PresenceProtocol", dependencies: ["JSON", nio("NIOCore")], swiftSettings: strict),
        .target(
            name: "Gateway",
            dependencies: [
                "PresenceCore", "PresenceProtocol", "PresenceStore", "UserSig", "HTTPServer", "JSON", "Logs",
                "Telemetry",
                crypto, deque, jwt, lifecycle, logging,
                nio("NIOCore"), nio("NIOHTTP1"), nio("NIOWebSocket"),
            ],
            swiftSettings: strict),
        .target(
            name: "PresenceClient",
            dependencies: [
                "PresenceCore", "PresenceProtocol", "JSON", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
                nio("NIOWebSocket"), ssl,
            ],
            swiftSettings: strict),
        .target(
            name: "PresenceAPI",
            dependencies: [
                "PresenceCore", "PresenceStore", "Feed", "Inspection", "UserSig", "HTTPServer", "JSON", "Logs",
                "Telemetry", crypto, nio("NIOCore"), nio("NIOHTTP1"), lifecycle, logging,
            ],
            resources: [.embedInCode("openapi.json"), .embedInCode("client.js"), .embedInCode("Page")],
            swiftSettings: strict),
        .executableTarget(
            name: "presence",
            dependencies: [
                "PresenceCore", "RedisClient", "PresenceStore", "PresenceWorker", "Feed", "Callbacks", "UserSig",
                "Gateway",
                "HTTPServer", "PresenceAPI", "PresenceClient", "JSON", "Logs", "Telemetry", "Inspection",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
                crypto, deque, lifecycle, signals, subprocess, logging, nio("NIOCore"),
                nio("NIOPosix"),
            ],
            swiftSettings: strict),
        .target(
            name: "Support",
            dependencies: [
                nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), nio("NIOWebSocket"), ssl, httpClient, lifecycle,
                logging, asn1, certificates, crypto, "HTTPServer", "RedisClient",
            ],
            path: "Tests/Support",
            exclude: ["preloaded_clock.c"],
            swiftSettings: strict),
        .testTarget(name: "JSONTests", dependencies: ["JSON", "Support", nio("NIOCore")], swiftSettings: strict),
        .testTarget(name: "UserSigTests", dependencies: ["UserSig", "CZlib", "Support"], swiftSettings: strict),
        .testTarget(name: "LogsTests", dependencies: ["Logs", "Support", logging], swiftSettings: strict),
        .testTarget(name: "TelemetryTests", dependencies: ["Telemetry", "Support"], swiftSettings: strict),
        .testTarget(
            name: "InspectionTests",
            dependencies: ["Inspection", "PresenceCore", "PresenceStore", "RedisClient", "JSON", "Support"],
            swiftSettings: strict),
        .testTarget(name: "PresenceCoreTests", dependencies: ["PresenceCore"], swiftSettings: strict),
        .testTarget(
            name: "RedisClientTests",
            dependencies: ["RedisClient", "Support", logging, nio("NIOCore"), nio("NIOPosix")],
            swiftSettings: strict),
        .testTarget(
            name: "HTTPServerTests",
            dependencies: [
                "HTTPServer", "Support", logging, lifecycle, nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
                nio("NIOEmbedded"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PresenceStoreTests",
            dependencies: ["PresenceCore", "PresenceStore", "RedisClient", "Support"],
            swiftSettings: strict),
        .testTarget(
            name: "PresenceWorkerTests",
            dependencies: [
                "PresenceCore", "PresenceStore", "PresenceWorker", "RedisClient", "Support", httpClient, logging,
                lifecycleTests, nio("NIOCore"), nio("NIOHTTP1"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PresenceAPITests",
            dependencies: [
                "PresenceAPI", "PresenceCore", "PresenceStore", "Faults", "Feed", "RedisClient", "UserSig", "JSON",
                "HTTPServer", "Support", lifecycle, logging, nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "presence", "Logs", "PresenceWorker", "PresenceStore", "PresenceCore", "RedisClient",
                "Callbacks", "Gateway", "PresenceAPI", "PresenceClient", "PresenceProtocol", "UserSig", "JSON",
                "Support", "HTTPServer", crypto, httpClient, nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"), logging,
            ],
            exclude: ["Clients"],
            swiftSettings: strict),
        .testTarget(
            name: "CompatibleTests",
            dependencies: [
                "CZlib", "UserSig", "PresenceAPI", "JSON", "RedisClient", "Support", httpClient, nio("NIOCore"),
                nio("NIOHTTP1"),
            ],
            exclude: ["Python"],
            swiftSettings: strict),
        .testTarget(
            name: "PresenceProtocolTests",
            dependencies: ["PresenceProtocol", "PresenceCore", "JSON", "Support", "UserSig", nio("NIOCore")],
            swiftSettings: strict),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "Gateway", "PresenceClient", "PresenceCore", "PresenceProtocol", "PresenceStore", "RedisClient",
                "UserSig", "Support", jwt, crypto, cryptoExtras, nio("NIOCore"), nio("NIOPosix"), nio("NIOEmbedded"),
                nio("NIOWebSocket"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "PresenceClientTests",
            dependencies: [
                "PresenceClient", "PresenceProtocol", "JSON", "Support", "HTTPServer", nio("NIOCore"), nio("NIOHTTP1"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "BrowserTests",
            dependencies: ["UserSig", "Support", "HTTPServer", nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1")],
            swiftSettings: strict),
        .testTarget(
            name: "FeedTests",
            dependencies: [
                "Feed", "PresenceCore", "PresenceStore", "RedisClient", "Telemetry", "JSON", "Support", logging,
                nio("NIOCore"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "DashboardTests", dependencies: ["Support", "RedisClient", nio("NIOHTTP1")],
            swiftSettings: strict),
        .target(
            name: "Faults",
            dependencies: [
                "Inspection", "PresenceClient", "PresenceCore", "PresenceStore", "PresenceWorker", "RedisClient",
                "JSON",
                "Support", httpClient, logging, nio("NIOCore"), nio("NIOPosix"), nio("NIOHTTP1"),
            ],
            path: "Tests/Faults",
            swiftSettings: strict),
        .executableTarget(
            name: "fault",
            dependencies: [
                "Faults", "PresenceCore", "Support", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/FaultCommand",
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests",
            dependencies: [
                "Faults", "Feed", "Gateway", "HTTPServer", "JSON", "PresenceCore", "PresenceProtocol", "PresenceStore",
                "PresenceWorker", "RedisClient", "Support", nio("NIOCore"),
            ],
            swiftSettings: strict),
        .testTarget(name: "MonitoringTests", dependencies: ["Support"], swiftSettings: strict),
        .testTarget(
            name: "FaultTests",
            dependencies: [
                "presence", "fault", "Faults", "PresenceClient", "PresenceCore", "PresenceStore", "RedisClient",
                "Support",
            ],
            exclude: ["Histories"],
            swiftSettings: strict),
    ]
)
