import Callbacks
import Crypto
import Foundation
import PresenceCore
import Support

@testable import presence

/// Where a test writes a value: the spellings of one key in all the sources it has.
enum Source: String, CaseIterable, Sendable {
    case flag, variable
    /// A text in quotes, in JSON and in YAML.
    case json, yaml
    /// A text without quotes.
    case plainYAML
}

/// A whole configuration, in which one key is written in another way.
struct EveryKey {
    enum Outcome: Equatable {
        /// All that came of it.
        case accepted(String)
        case refused(String)
    }

    /// A good value of every key there is.
    private let good: [String: String]
    private let folder: String

    /// - Parameter folder: where the files are that keys name.
    init(folder: String) throws {
        self.folder = folder
        var good = [
            "config": "\(folder)/empty.yaml", "callback.ca-file": "\(folder)/ca.pem",
            "connect.jwt-public-keys": "\(folder)/p256.pem,\(folder)/rsa.pem",
            "redis.url": "rediss://me:pass@127.0.0.1:6390/1", "redis.ca-file": "\(folder)/authority.pem",
            "redis.certificate-file": "\(folder)/certificate.pem", "redis.key-file": "\(folder)/key.pem",
            "redis.min-replicas": "10", "callback.url": "https://example.org:8443/hook?a=b",
            "callback.webhook-secrets": "whsec_" + Data(repeating: 7, count: 24).base64EncodedString(),
            "app.id": "1400000000", "connect.jwt-secrets": String(repeating: "secret", count: 6),
            "connect.origins": "https://example.org,http://localhost:8000", "login.limits": "Web=10,iPhone=3",
            "platforms.Android.class": "desktop", "platforms.Android.interval-ms": "60000",
            "platforms.Android.timeout-ms": "300000", "platforms.Android.counts-as": "Mac",
        ]
        for key in Self.keys where good[key.name] == nil { good[key.name] = Self.sample(of: key) }
        for key in Self.keys {
            guard let file = key.fileKey else { continue }
            good[file.name] = "\(folder)/\(key.name)"
            try Data((good[key.name] ?? "").utf8).write(to: URL(filePath: "\(folder)/\(key.name)"))
        }
        try Data().write(to: URL(filePath: "\(folder)/empty.yaml"))
        try Data(TestCertificate.localhost.authority.utf8).write(to: URL(filePath: "\(folder)/ca.pem"))
        _ = try TestCertificate.signed.write(to: folder)
        try Data(Self.p256.utf8).write(to: URL(filePath: "\(folder)/p256.pem"))
        try Data(Self.rsa.utf8).write(to: URL(filePath: "\(folder)/rsa.pem"))
        self.good = good
    }

    static let p256 = P256.Signing.PrivateKey().publicKey.pemRepresentation
    static let rsa = """
        -----BEGIN PUBLIC KEY-----
        MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAm2Yu5YyWTWuqqt5S7Nzx
        XYTv+StCsj5FtBBKrd564/tPN8AcjCTJNqN0/eNOfaM2lQnIa22TEJbbAMunYzas
        ESjNHNKF5Im4wb2D+fsL+czwaQ3xlImkYhlyxoWq/mkgGeZajNiHll/LIRHWHtm+
        0z2NmGEZFI7CkJTYspwuC5Yu9QdFDMW/nhUf/MsX6x+ZDJCOgeMAFrSAZ+RpsYro
        WKnHooAFX54OGDpCP3cI2ARl07kGsP2e9x3gLZTg4DmEXaoRsuv5tTTCigCRlWqp
        8Ka7t78cN/mk71BvoBl8lgt6UkvlLtRGB3fXfkMJEL0Qi0h5QkayYjtdRi4FpiUX
        +wIDAQAB
        -----END PUBLIC KEY-----
        """

    /// What is of no use with the private Redis.
    private static let ofRedisNamed = [
        "redis.url", "redis.ca-file", "redis.certificate-file", "redis.key-file", "redis.server-name",
        "redis.min-replicas",
    ]

    static let keys = ConfigurationKey.known + ConfigurationKey.platform("Android").all

    /// What a key that these tests know nothing about gets.
    private static func sample(of key: ConfigurationKey) -> String {
        switch key.kind {
        case .text: key.fallback.isEmpty ? "sample" : key.fallback
        case .list: key.fallback.isEmpty ? "sample,another" : key.fallback
        case .number(let range): key.fallback.isEmpty ? "\(range.lowerBound)" : key.fallback
        case .choice(let words): words.last ?? ""
        case .boolean: key.fallback == "true" ? "false" : "true"
        }
    }

    func good(_ key: ConfigurationKey) -> String { good[key.name] ?? "" }

    /// The sources a key has.
    static func sources(of key: ConfigurationKey) -> [Source] {
        if key.name.hasPrefix("platforms.") { return [.json, .yaml, .plainYAML] }
        return key.name == ConfigurationKey.config.name ? [.flag, .variable] : Source.allCases
    }

    /// Configures all with the key's value written there.
    func outcome(_ key: ConfigurationKey, _ value: String, in source: Source) throws -> Outcome {
        switch source {
        case .flag: try outcome(key, flags: ["\(key.flag)=\(value)"])
        case .variable: try outcome(key, variables: [key.variable: value])
        case .json: try outcome(key, file: json(key, quoted(value)))
        case .yaml: try outcome(key, file: yaml(key, quoted(value)))
        case .plainYAML: try outcome(key, file: yaml(key, value))
        }
    }

    /// The same with the value as it stands in a file.
    func outcome(_ key: ConfigurationKey, raw: String, in source: Source) throws -> Outcome {
        try outcome(key, file: source == .json ? json(key, raw) : yaml(key, raw))
    }

    /// Configures all with the content of the file that a secret's `-file` key names.
    func outcome(_ key: ConfigurationKey, inSecretFile content: String) throws -> Outcome {
        guard let fileKey = key.fileKey else { return .refused(key.name) }
        return try withFile("secret", content) { path in
            try outcome(key, variables: [fileKey.variable: path])
        }
    }

    private func outcome(
        _ key: ConfigurationKey, flags: [String] = [], variables: [String: String] = [:], file: String? = nil
    ) throws -> Outcome {
        var environment = ["HOME": "/home/someone"]
        for other in ConfigurationKey.all where !rulesOut(key, other) {
            environment[other.variable] = good[other.name]
        }
        environment.merge(variables) { $1 }
        guard let file else { return outcome(key, flags, environment) }
        return try withFile("c.yaml", file) { path in
            environment[ConfigurationKey.config.variable] = path
            return outcome(key, flags, environment)
        }
    }

    /// Whether a key must not be given beside the one that is written in another way: it is that one, or contradicts.
    private func rulesOut(_ key: ConfigurationKey, _ other: ConfigurationKey) -> Bool {
        if key.name == other.name || key.name == other.fileKey?.name { return true }
        if key.name == "state.folder" { return Self.ofRedisNamed.contains(other.name) }
        return other.name == "state.folder"
    }

    private func outcome(_ key: ConfigurationKey, _ flags: [String], _ environment: [String: String]) -> Outcome {
        do throws(StartError) {
            let sources = try ConfigurationSources(flags: flags, environment: environment)
            let configuration = try ServiceConfiguration(sources, environment: environment)
            let secret = ConfigurationKey.all.first { $0.fileKey?.name == key.name }
            return .accepted("\(try sources.list(secret ?? key))\n\(text(configuration))")
        } catch {
            return .refused(error.message)
        }
    }

    /// All that was configured, in an order that is the same each time.
    private func text(_ configuration: ServiceConfiguration) -> String {
        var rest = configuration
        var text = ""
        dump(rest.platforms.traits.sorted { $0.key.name < $1.key.name }, to: &text)
        dump(rest.login.instances.sorted { $0.key.name < $1.key.name }, to: &text)
        dump(rest.callback?.extensions.map(\.rawValue).sorted(), to: &text)
        rest.platforms = PlatformTable([:])
        rest.login.instances = [:]
        rest.callback?.extensions = []
        // Certificates and keys show addresses.
        rest.callback?.trusted = .system
        rest.callback?.proofs.webhookSecrets = []
        rest.clientTokens.jwtPublicKeys = []
        // Only where the URL stands in a file.
        rest.redisAnew = nil
        dump(rest, to: &text)
        return text
    }

    private func json(_ key: ConfigurationKey, _ value: String) -> String {
        let parts = key.name.split(separator: ".")
        return parts.map { "{\"\($0)\": " }.joined() + value + String(repeating: "}", count: parts.count)
    }

    private func yaml(_ key: ConfigurationKey, _ value: String) -> String {
        let parts = key.name.split(separator: ".")
        let lines = parts.enumerated().map { String(repeating: "  ", count: $0.offset) + "\($0.element):" }
        return lines.joined(separator: "\n") + " " + value + "\n"
    }

    /// In the form that JSON and YAML have in common.
    private func quoted(_ text: String) -> String {
        let escaped = text.unicodeScalars.map { scalar in
            let isPlain = scalar.value >= 0x20 && scalar.value < 0x7F && scalar != "\"" && scalar != "\\"
            return isPlain || scalar.value > 0xFFFF ? String(scalar) : "\\u" + String(format: "%04X", scalar.value)
        }
        return "\"\(escaped.joined())\""
    }
}
