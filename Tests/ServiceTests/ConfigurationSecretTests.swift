import Foundation
import PresenceCore
import RedisClient
import Support
import Testing

@testable import presence

@Suite("Configuration: a secret")
struct ConfigurationSecretTests {
    private static let webhookSecret = "whsec_" + Data(repeating: 7, count: 24).base64EncodedString()
    /// A value of each, and what it needs beside it.
    private static let values = [
        "app.secret-key": "swordfish", "auth.api-keys": "swordfish", "auth.read-keys": "swordfish",
        "auth.write-keys": "swordfish", "auth.operate-keys": "swordfish", "callback.sign-token": "swordfish",
        "callback.webhook-secrets": webhookSecret, "callback.url": "http://h/swordfish",
        "connect.jwt-secrets": "swordfish-swordfish-swordfish-swordfish", "redis.url": "redis://:swordfish@h",
    ]
    private static let beside = [
        "PRESENCE_APP_ID": "1", "PRESENCE_APP_SECRET_KEY": "k", "PRESENCE_CALLBACK_URL": "http://h/",
    ]
    private static let keys = ConfigurationKey.all.filter { values[$0.name] != nil }

    private static func environment(
        _ key: ConfigurationKey, _ value: String, isFile: Bool = false
    ) throws -> [String: String] {
        let variable = isFile ? try #require(key.fileKey).variable : key.variable
        return beside.filter { $0.key != key.variable }.merging([variable: value]) { $1 }
    }

    @Test("has its name in the list of these tests")
    func all() {
        let missing = ConfigurationKey.all.filter { $0.isSecret && Self.values[$0.name] == nil }
        #expect(missing.isEmpty, "\(missing.map(\.name))")
    }

    @Test("loses the white space around it, in a variable and in a file alike", arguments: keys)
    func trimmed(_ key: ConfigurationKey) throws {
        let value = try #require(Self.values[key.name])
        for text in [value + "\n", value + "\r\n", " \(value)\t", "\n\(value)", "\u{FEFF}\(value)"] {
            let sources = try ConfigurationSources(flags: [], environment: Self.environment(key, text))
            #expect(try sources.list(key) == [value])
            try withFile("secret", text) { path in
                let sources = try ConfigurationSources(
                    flags: [], environment: Self.environment(key, path, isFile: true))
                #expect(try sources.list(key) == [value])
                _ = try ServiceConfiguration(sources, environment: ["HOME": "/home/someone"])
            }
        }
    }

    @Test("in quotes, or with a blank or a line break within, is refused and not shown", arguments: keys)
    func misspelled(_ key: ConfigurationKey) throws {
        let value = try #require(Self.values[key.name])
        let middle = value.index(value.endIndex, offsetBy: -3)
        let broken = [" ", "\u{A0}", "\t", "\r", "\u{FEFF}", "\u{200B}", "\u{7F}"].map {
            String(value[..<middle]) + $0 + value[middle...]
        }
        let quoted = [
            "\"\(value)\"", "'\(value)'", "“\(value)”", "„\(value)“", "‘\(value)’", "»\(value)«", "”\(value)”",
        ]
        for text in quoted + broken {
            let messages = [
                try refusal([], Self.environment(key, text)),
                try withFile("secret", text) { try refusal([], Self.environment(key, $0, isFile: true)) },
            ]
            for message in messages {
                #expect(message.hasPrefix(key.name), "\(text.debugDescription): \(message)")
                #expect(!message.contains("swordfish") && !message.contains(value), "\(message)")
            }
        }
    }

    @Test("can stand in a file that a flag, a variable or the configuration file names", arguments: keys)
    func files(_ key: ConfigurationKey) throws {
        let value = try #require(Self.values[key.name])
        let fileKey = try #require(key.fileKey)
        try withFile("secret", value) { path in
            let parts = fileKey.name.split(separator: ".")
            try withFile("c.json", #"{"\#(parts[0])": {"\#(parts[1])": "\#(path)"}}"#) { config in
                for (flags, environment) in [
                    ([fileKey.flag, path], [:]), ([], [fileKey.variable: path]), (["--config", config], [:]),
                ] {
                    let sources = try ConfigurationSources(flags: flags, environment: environment)
                    #expect(try sources.list(key) == [value])
                    #expect(try !sources.summary().contains(value))
                }
            }
        }
    }

    @Test("is not given twice by one source; a higher source beats the file of a lower one")
    func twice() throws {
        try withFile("secret", "from-file") { path in
            let message = try refusal([], ["PRESENCE_AUTH_API_KEYS": "x", "PRESENCE_AUTH_API_KEYS_FILE": path])
            #expect(
                message.contains("auth.api-keys is set by PRESENCE_AUTH_API_KEYS, and auth.api-keys-file is set by"))
            #expect(try configure(["--auth-api-keys", "x"], ["PRESENCE_AUTH_API_KEYS_FILE": path]).apiKeys == ["x"])
            #expect(
                try configure(["--auth-api-keys-file", path], ["PRESENCE_AUTH_API_KEYS": "x"]).apiKeys == ["from-file"])
        }
    }

    @Test("that is a list has one entry a line in a file, or commas")
    func lines() throws {
        for text in ["one\ntwo\n", "one\r\ntwo\r\n", "one, two", "one\n two"] {
            let configuration = try withFile("keys", text) { try configure(["--auth-api-keys-file", $0]) }
            #expect(configuration.apiKeys == ["one", "two"])
        }
        let message = try withFile("keys", "one\n\ntwo") { try refusal(["--auth-api-keys-file", $0]) }
        #expect(message.contains("auth.api-keys has an empty entry"), "\(message)")
    }

    @Test("whose file cannot be used is refused, naming the file")
    func unusable() throws {
        func message(_ path: String) throws -> String { try refusal(["--auth-api-keys-file", path]) }
        #expect(
            try message("/nowhere")
                == "auth.api-keys-file names \"/nowhere\", which cannot be read: No such file or directory; it is set by "
                + "--auth-api-keys-file.")
        #expect(try message("/etc").contains("which cannot be read: Is a directory"))
        #expect(try message("/dev/zero").contains("which is longer than 65536 bytes"))
        let pipe = "\(FileManager.default.temporaryDirectory.path)/\(UUID().uuidString)"
        #expect(mkfifo(pipe, 0o600) == 0)
        defer { unlink(pipe) }
        #expect(try message(pipe).contains("which is a pipe or a terminal"))
        let empty = try withFile("empty", " \n", body: message)
        #expect(empty.contains("which is empty"))
        let binary = try withFile("binary", Data([0xFF, 0xFE, 0x61]), body: message)
        #expect(binary.contains("which cannot be read as UTF-8 text"))
    }

    @Test("is never in a refusal", arguments: ["--redis-url", "--callback-url"])
    func secrets(_ flag: String) throws {
        let message = try refusal([flag, "swordfish"])
        #expect(!message.isEmpty && !message.contains("swordfish"), "\(message)")
    }

    @Test("can be read by the commands, too, and theirs alone is")
    func commands() async throws {
        try await RedisServer.withRedis { redis in
            try await withWorkerFile(redis.url + "\n") { path in
                let shown = try await PresenceProcess.command(["rules", "show", "--redis-url-file", path])
                #expect(shown.contains("No service keeps presence there"), "\(shown)")
            }
        }
        let sources = try ConfigurationSources(
            flags: [], environment: ["PRESENCE_APP_SECRET_KEY_FILE": "/nowhere"], secrets: [.redisURL])
        #expect(try sources.redis() == nil)
    }

    private func withWorkerFile(_ text: String, body: (String) async throws -> Void) async throws {
        let folder = try temporaryFolder("secret")
        defer { removeFolder(folder) }
        try Data(text.utf8).write(to: URL(filePath: folder + "/url"))
        try await body(folder + "/url")
    }
}
