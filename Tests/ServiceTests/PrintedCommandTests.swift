import Foundation
import PresenceStore
import RedisClient
import Support
import Testing

/// The shell blocks of the documentation that are run here, by a text each of them has.
enum PrintedCommands: String, CaseIterable {
    case session = "sleep 62"
    case start = "openssl rand -hex 32"
    case firstLook = "presence configuration show"
    case inspection = "HGETALL 'presence:{071}:user:alice'"
    case shardTag = "binascii.crc_hqx"
    case redisUser = "ACL SETUSER presence on '>change-me' '~presence:*'"
    case sentinelUser = "redis-cli -p 26379 ACL SETUSER"
    case redisCertificate = "openssl req -x509"
    case rules = "presence rules adopt"
    case replay = "presence replay"
    case figures = "/metrics"
    case crowd = "presence simulate"
    case overview = "/v1/overview"

    /// Printed on one page, once.
    func block() throws -> DocumentationPage.Block {
        let blocks = try DocumentationPage.all().flatMap(\.blocks)
            .filter { $0.language == "sh" && $0.text.contains(rawValue) }
        return try #require(blocks.count == 1 ? blocks[0] : nil, "\(blocks.count) blocks have \"\(rawValue)\"")
    }

    /// Runs the block in a shell to its end, with these replacements, and gives its output.
    @discardableResult
    func run(in folder: String, replacing replacements: [(String, String)] = []) async throws -> String {
        try await Self.shell(text(replacing: replacements), folder)
    }

    /// With the product the tests run with.
    func text(replacing replacements: [(String, String)] = []) throws -> String {
        try (replacements + [(".build/release/presence", PresenceProcess.binary)]).reduce(block().text) {
            text, replacement in
            guard text.contains(replacement.0) else { return text }
            return text.replacing(replacement.0, with: replacement.1)
        }
    }

    static func shell(_ script: String, _ folder: String) async throws -> String {
        let child = try ChildProcess(
            ["env", "-C", folder, "-u", "XDG_STATE_HOME", "HOME=\(folder)", "bash", "-c", script], folder: folder,
            log: "\(UUID().uuidString).out")
        try await eventually(else: "still runs: \(script)") { !child.isRunning }
        #expect(child.exitStatus == 0, "\(script): \(child.log)")
        return child.log
    }
}

/// Runs what the README and the pages beside it print. Only addresses, durations and numbers of clients differ.
@Suite("The printed commands work as printed:")
struct PrintedCommandTests {
    @Test("The session with curl, the look inside with redis-cli, and what is done with a private Redis")
    func privateRedis() async throws {
        let home = try temporaryFolder("readme")
        defer { removeFolder(home) }
        let settings = [
            "heartbeat.browser-timeout-ms": "4000", "heartbeat.browser-interval-ms": "1000", "outage.gap-ms": "2500",
        ]
        let worker = try await PresenceProcess.start(redis: nil, settings, folder: home, home: home)
        do {
            try await session(worker, home)
            try await inspection(worker, home)
            try await operations(worker, home)
            try await worker.stop()
        } catch {
            try? await worker.stop()
            throw error
        }
    }

    private func session(_ worker: PresenceProcess, _ home: String) async throws {
        let output = try await PrintedCommands.session.run(
            in: home, replacing: [("http://127.0.0.1:8080", worker.url), ("sleep 62", "sleep 6")])
        let answers = output.split(separator: "}{", omittingEmptySubsequences: true)
        #expect(answers.count == 3, "\(output)")
        #expect(answers.first?.contains(#""status":"Online""#) == true, "\(output)")
        #expect(output.contains(#""renewed":1"#), "\(output)")
        #expect(answers.last?.contains(#""status":"Offline""#) == true, "\(output)")
    }

    private func inspection(_ worker: PresenceProcess, _ home: String) async throws {
        let session = try await Backend(worker).session("alice", "Web")
        let lines = try PrintedCommands.inspection.block().lines
        #expect(lines.count == 8)
        var outputs: [String] = []
        for line in lines { outputs.append(try await PrintedCommands.shell(line, home)) }
        #expect(outputs[0] == "071\n", "the shard of alice")
        #expect(outputs[1].contains("Web:default\nstatus=Online generation="))
        #expect(outputs[2] == "presence:{071}:lease:alice:\(session)\n")
        #expect(outputs[3].hasPrefix("alice\n"))
        #expect(outputs[4].contains("reason\nRegister") && outputs[4].contains(session))
        #expect(outputs[5].contains("Online:Web\n1"))
        #expect(outputs[6].contains("fence\n"))
        #expect(outputs[7].split(separator: "\n").count == 2, "one worker and its last sign of life")
        #expect(try await PrintedCommands.shardTag.run(in: home) == "3143.2884\n")
    }

    private func operations(_ worker: PresenceProcess, _ home: String) async throws {
        let look = try await PrintedCommands.firstLook.run(in: home, replacing: [("http://127.0.0.1:8080", worker.url)])
        for answer in [#""status":"ready""#, "alice", "login.policy = single", "port = 8080 (default)"] {
            #expect(look.contains(answer), "\(answer): \(look)")
        }
        #expect(!look.contains("presence: ") && !look.contains("Usage: "), "none is refused: \(look)")
        let overview = try await PrintedCommands.overview.run(
            in: home, replacing: [("http://127.0.0.1:8080", worker.url)])
        #expect(overview.contains(#""workers":["#), "\(overview)")
        let crowd = try await PrintedCommands.crowd.run(
            in: home,
            replacing: [
                ("--users 1000", "--url \(worker.socketURL) --users 20"), ("--duration-ms 10000", "--duration-ms 2000"),
            ])
        #expect(crowd.contains("{"))
        let figures = try await PrintedCommands.figures.run(
            in: home, replacing: [("http://127.0.0.1:8080", worker.url)])
        #expect(figures.contains("presence_sessions{"), "\(figures)")
        #expect(try await PrintedCommands.rules.run(in: home).contains("login.policy = single"))
        let shown = try await PrintedCommands.shell("\(PresenceProcess.binary) rules show", home)
        #expect(shown.contains("login.policy = multi"))
        // The receiver that was adopted is one.
        let replayed = try await PrintedCommands.replay.run(in: home)
        #expect(replayed.contains("0 dead letters are delivered once more\n"), "\(replayed)")
    }

    @Test("A Redis user of the service's own, and a worker with keys and a receiver that uses it")
    func user() async throws {
        let folder = try temporaryFolder("acl")
        defer { removeFolder(folder) }
        try await RedisServer.withRedis { server in
            let client = "redis-cli -p \(server.port)"
            let deleted = try await PrintedCommands.shell("\(client) ACL DELUSER presence", folder)
            #expect(deleted == "1\n")
            #expect(try await PrintedCommands.redisUser.run(in: folder, replacing: [("redis-cli", client)]) == "OK\n")
            try await RedisClient.with(server.serviceURL) { redis in
                let keys = KeySpace(prefix: "presence", shards: 1)
                let store = PresenceStore(redis: redis, keys: keys, options: StoreOptions(worker: "a"))
                let missing = try await store.missingPermissions() + store.missingHintPermissions()
                #expect(missing == [])
            }
            let start = try PrintedCommands.start.text(replacing: [
                (".build/release/presence", "exec \(PresenceProcess.binary)"), (":6379", ":\(server.port)"),
                ("--host 0.0.0.0", "--host 127.0.0.1 --port 0"),
            ])
            try await started(start, in: folder)
        }
    }

    @Test("A certificate to try TLS with, for which the printed start works")
    func certificate() async throws {
        let folder = try temporaryFolder("tls")
        defer { removeFolder(folder) }
        try await PrintedCommands.redisCertificate.run(in: folder)
        let port = try await FreePort.next()
        let server = try ChildProcess(
            [
                "redis-server", "--port", "0", "--tls-port", "\(port)", "--tls-cert-file", "\(folder)/c.pem",
                "--tls-key-file", "\(folder)/k.pem", "--tls-auth-clients", "no", "--save", "", "--dir", folder,
            ],
            folder: folder, log: "redis.log")
        try await eventually(else: "no Redis: \(server.log)") { server.log.contains("Ready to accept connections") }
        let text = try DocumentationPage.named("RedisDeployments").text
        let flags = try #require(text.firstMatch(of: /`presence (serve --redis-url rediss:[^`]*)`/)?.output.1)
        let command = flags.replacing(":6379", with: ":\(port)")
        try await started("exec \(PresenceProcess.binary) \(command) --port 0", in: folder)
        try await server.end(with: SIGTERM)
    }

    @Test("A user of the sentinels' own")
    func sentinel() async throws {
        let folder = try temporaryFolder("sentinel")
        defer { removeFolder(folder) }
        try await RedisSentinels.withSentinels(replicas: 0, sentinels: 1, quorum: 1) { redis in
            let sentinel = redis.sentinels[0]
            let made = try await PrintedCommands.sentinelUser.run(
                in: folder, replacing: [("redis-cli -p 26379", "redis-cli -p \(sentinel.port)")])
            #expect(made == "OK\n")
            let url = redis.serviceURL + "?sentinel-user=presence&sentinel-password=change-me"
            try await PresenceProcess.withWorker(redis: url) { worker in
                let backend = Backend(worker)
                try await eventually(else: "it is not ready: \(worker.child.logEnd)") {
                    try await backend.call(.get, "/health/ready").status == 200
                }
            }
        }
    }

    @Test("A configuration file that adds a platform")
    func platforms() async throws {
        let folder = try temporaryFolder("yaml")
        defer { removeFolder(folder) }
        let file = "\(folder)/presence.yaml"
        let block = try DocumentationPage.named("Configuration").block("yaml")
        try block.text.write(toFile: file, atomically: true, encoding: .utf8)
        let shown = try await PresenceProcess.command(["configuration", "show", "--config", file])
        #expect(shown.contains("platforms.HarmonyOS.push = true"), "\(shown)")
    }

    /// A worker that such a script becomes starts, and ends when it is told to.
    private func started(_ script: String, in folder: String) async throws {
        let worker = try ChildProcess(
            ["env", "-C", folder, "bash", "-c", script], folder: folder, log: "worker.log")
        try await eventually(else: "it does not start: \(worker.log)") {
            try #require(worker.isRunning, "\(worker.log)")
            return worker.log.contains("listening")
        }
        try await worker.end(with: SIGTERM)
        #expect(worker.exitStatus == 0, "\(worker.log)")
    }
}
