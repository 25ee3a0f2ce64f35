import Foundation
import Support
import Synchronization
import Testing
import UserSig

@testable import presence

@Suite("SIGHUP", .timeLimit(.minutes(3)))
struct ReloadTests {
    /// A worker whose configuration stands in a file that a test writes anew.
    struct Worker: Sendable {
        let process: PresenceProcess
        let folder: String
        var port: Int { process.port }
        func backend(_ key: String? = nil) -> Backend { Backend(process, key: key) }

        func write(_ name: String = "presence.yaml", _ text: String) throws {
            try Data(text.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
        }

        /// - Returns: what the worker says of it.
        func reload(_ text: String) async throws -> String {
            try write("presence.yaml", text)
            return try await process.reload()
        }

        func status(_ key: String? = nil, _ path: String = "/v1/users/ann") async throws -> Int {
            try await backend(key).call(.get, path).status
        }
    }

    /// Backends that log in without end, with the key that counts when they call.
    private final class Callers: Sendable {
        private struct State {
            var key: String
            /// That of the last call of each.
            var used: [Int: String] = [:]
            var isDone = false
        }

        static let count = 4
        private let worker: Worker
        private let state: Mutex<State>

        init(_ worker: Worker, key: String) {
            self.worker = worker
            state = Mutex(State(key: key))
        }

        /// - Returns: how often each status was answered.
        func call(as number: Int) async throws -> [Int: Int] {
            var counts: [Int: Int] = [:]
            while let key = state.withLock({ $0.isDone ? nil : $0.key }) {
                let answer = try await worker.backend(key).login("u\(number)", "Web")
                counts[answer.status, default: 0] += 1
                state.withLock { $0.used[number] = key }
            }
            return counts
        }

        func use(_ key: String) { state.withLock { $0.key = key } }
        func allUse(_ key: String) -> Bool { state.withLock { $0.used.values.count { $0 == key } == Self.count } }
        func end() { state.withLock { $0.isDone = true } }
    }

    private static func withWorker(
        _ text: String, _ settings: [String: String] = [:], files: [String: String] = [:],
        body: (Worker) async throws -> Void
    ) async throws {
        try await RedisServer.withRedis { redis in
            let folder = try temporaryFolder("reload")
            defer { removeFolder(folder) }
            for (name, content) in files.merging(["presence.yaml": text], uniquingKeysWith: { $1 }) {
                try Data(content.utf8).write(to: URL(filePath: "\(folder)/\(name)"))
            }
            let all = ["config": "\(folder)/presence.yaml", "log.level": ""].merging(settings) { $1 }
                .mapValues { $0.replacing("FOLDER", with: folder) }
            let process = try await PresenceProcess.start(redis: redis.serviceURL, all, folder: folder)
            let worker = Worker(process: process, folder: folder)
            do {
                try await body(worker)
                try await process.kill()
            } catch {
                try? await process.kill()
                throw error
            }
        }
    }

    @Test(
        "Keys change for the next request: new ones count, those taken away no more, and the log says which list it was"
    )
    func keys() async throws {
        try await Self.withWorker("auth: {api-keys: [one]}") { worker in
            let answers = [try await worker.status("one"), try await worker.status("two")]
            #expect(answers == [200, 401])
            let line = try await worker.reload("auth: {api-keys: [two], read-keys: [three]}")
            #expect(
                line.contains(" notice ") && line.contains("changed=auth.api-keys,auth.read-keys needs_restart=none "))
            #expect(!line.contains("two") && !line.contains("three"))
            let then = [
                try await worker.status("one"), try await worker.status("two"), try await worker.status("three"),
                try await worker.backend("three").kick("ann").status,
            ]
            #expect(then == [401, 200, 200, 403])
            #expect(try await worker.reload("auth: {api-keys: [two], read-keys: [three]}").contains("changed=none"))
        }
    }

    @Test("Keys in files of their own are rotated under traffic without one refused call")
    func rotation() async throws {
        let files = ["api": "old-key\n", "webhook": Self.webhookSecret(1)]
        try await ScriptedReceiver.with([.ok]) { receiver in
            let settings = [
                "auth.api-keys-file": "FOLDER/api", "callback.url": receiver.url,
                "callback.webhook-secrets-file": "FOLDER/webhook",
            ]
            try await Self.withWorker("", settings, files: files) { worker in
                let callers = Callers(worker, key: "old-key")
                let statuses = try await withThrowingTaskGroup(of: [Int: Int].self) { group in
                    for number in 0..<Callers.count { group.addTask { try await callers.call(as: number) } }
                    for (last, next) in [("old-key", "key-2"), ("key-2", "key-3")] {
                        try worker.write("api", "\(last)\n\(next)\n")
                        #expect(try await worker.process.reload().contains("changed=auth.api-keys "))
                        callers.use(next)
                        // Calls with the last key that are under way end before it is taken away.
                        try await eventually(else: "callers stay with the last key") { callers.allUse(next) }
                        try worker.write("api", next)
                        #expect(try await worker.process.reload().contains("changed=auth.api-keys "))
                        #expect(try await worker.status(last) == 401)
                    }
                    callers.end()
                    return try await group.reduce(into: [:]) { $0.merge($1, uniquingKeysWith: +) }
                }
                #expect(statuses.keys.sorted() == [201], "\(statuses)")
                #expect(statuses[201, default: 0] > 20)
            }
        }
    }

    @Test("Callbacks are signed with the secrets that count, those before and after, and by a token that changed")
    func signatures() async throws {
        try await ScriptedReceiver.with([.ok]) { receiver in
            let settings = [
                "callback.url": receiver.url, "callback.webhook-secrets-file": "FOLDER/webhook",
            ]
            try await Self.withWorker("", settings, files: ["webhook": Self.webhookSecret(1)]) { worker in
                func signatures(after change: () async throws -> Void) async throws -> Int {
                    let before = receiver.requests.count
                    try await change()
                    try await eventually(else: "nothing is delivered") { receiver.requests.count > before }
                    return receiver.requests.last?.matches(of: /v1,[A-Za-z0-9+\/]+=/).count ?? 0
                }
                let one = try await signatures { _ = try await worker.backend().login("ann", "Web") }
                #expect(one == 1)
                try worker.write("webhook", Self.webhookSecret(1) + "\n" + Self.webhookSecret(2))
                let line = try await worker.reload("callback: {sign-token: token}")
                #expect(line.contains(#"changed=callback.sign-token,callback.webhook-secrets "#))
                let two = try await signatures { _ = try await worker.backend().login("bob", "Web") }
                #expect(two == 2)
                #expect(receiver.requests.last?.contains("&Sign=") == true)
            }
        }
    }

    @Test("Whose certificate the receiver must show changes with the file that callback.ca-file names")
    func receiverCA() async throws {
        try await ScriptedReceiver.with([.ok], certificate: .signed) { receiver in
            let settings = ["callback.url": receiver.tlsURL, "callback.ca-file": "FOLDER/ca.pem"]
            let files = ["ca.pem": TestCertificate.localhost.authority]
            try await Self.withWorker("", settings, files: files) { worker in
                _ = try await worker.backend().login("ann", "Web")
                try await eventually(else: "it is not tried") { receiver.opened > 0 && receiver.open == 0 }
                #expect(receiver.requests.isEmpty)
                try worker.write("ca.pem", "no certificate")
                let refused = try await worker.process.reload()
                #expect(refused.contains(" error ") && refused.contains("callback.ca-file"))
                try worker.write("ca.pem", TestCertificate.signed.authority)
                #expect(try await worker.process.reload().contains("changed=callback.ca-file "))
                try await eventually(else: "nothing is delivered") { !receiver.requests.isEmpty }
            }
        }
    }

    @Test("A configuration that is wrong is refused whole, with the sentence a start would give, and the old one stays")
    func refused() async throws {
        try await Self.withWorker("auth: {api-keys: [one]}") { worker in
            for (text, sentence) in [
                ("auth: {api-keys: [two, '']}", "auth.api-keys has an empty entry"),
                ("auth: {api-keys: [two]}\nshards: x", "shards is \\\"x\\\" but must be a whole number from 1 to 4096"),
                ("auth: {api-keys: [two]}\ncolour: red", "colour"), ("auth: {api-keys: [two]", "presence.yaml"),
                ("auth: {api-keys: [two]}\nhost: 0.0.0.0\nheartbeat: {mobile-timeout-ms: 1000}", "at least twice"),
            ] {
                let line = try await worker.reload(text)
                #expect(line.contains(" error ") && line.contains("all stays as it was"), "\(line)")
                #expect(line.contains(sentence), "\(line)")
                let statuses = [try await worker.status("one"), try await worker.status("two")]
                #expect(statuses == [200, 401])
            }
        }
    }

    @Test("What needs a restart is named and does not count, whatever else does")
    func restart() async throws {
        try await Self.withWorker("auth: {api-keys: [one]}") { worker in
            let line = try await worker.reload(
                "auth: {api-keys: [two]}\nhost: localhost\nshards: 7\nplatforms: {TV: {class: browser}}")
            #expect(line.contains(" warning ") && line.contains("changed=auth.api-keys "), "\(line)")
            #expect(line.contains("needs_restart=host,shards,platforms.TV.class "), "\(line)")
            #expect(try await worker.status("two") == 200)
        }
    }

    @Test("The last keys of a worker that others can reach are not taken away")
    func openDoor() async throws {
        try await Self.withWorker("auth: {api-keys: [one]}", ["host": "0.0.0.0"]) { worker in
            let line = try await worker.reload("")
            #expect(line.contains("which others can reach") && line.contains(" error "), "\(line)")
            #expect(try await worker.status() == 401)
        }
        try await Self.withWorker("host: 0.0.0.0\nauth: {api-keys: [one]}") { worker in
            // As a start this would be well, but here the host stays.
            let line = try await worker.reload("host: 127.0.0.1")
            #expect(line.contains("a restart changes all at once"), "\(line)")
            let statuses = [try await worker.status(), try await worker.status("one")]
            #expect(statuses == [401, 200])
        }
    }

    @Test("The level of the log changes")
    func level() async throws {
        try await Self.withWorker("") { worker in
            _ = try await worker.status()
            #expect(!worker.process.log.contains(" debug "))
            #expect(try await worker.reload("log: {level: debug}").contains("changed=log.level "))
            _ = try await worker.backend().call(.get, "/v1/users/zoe")
            try await eventually(else: "no line of a request") { worker.process.log.contains("path=/v1/users/zoe ") }
            _ = try await worker.reload("log: {level: notice}")
            _ = try await worker.backend().call(.get, "/v1/users/yan")
            _ = try await worker.reload("log: {level: notice}")
            #expect(!worker.process.log.contains("/v1/users/yan"))
        }
    }

    @Test("Tokens and origins change for those who come; who is connected stays")
    func clients() async throws {
        let (old, new) = (UserSigKey(sdkAppID: 14, secretKey: "old"), UserSigKey(sdkAppID: 14, secretKey: "new"))
        func target(_ user: String, _ key: UserSigKey) -> String {
            let sig = key.issue(to: user, issuedAt: Int(Date().timeIntervalSince1970), lifetime: 600)
            return "/v1/connect?user=\(user)&platform=Web&token=\(sig)"
        }
        try await Self.withWorker("app: {id: 14, secret-key: old}\nconnect: {origins: ['https://a.example']}") {
            worker in
            try await RawWebSocket.with(
                port: worker.port, target("ann", old), headers: ["Origin": "https://a.example"]
            ) { ann in
                let welcome = try await ann.message()
                #expect(welcome["type"].string == "welcome")
                let line = try await worker.reload(
                    "app: {id: 14, secret-key: new}\nconnect: {origins: ['https://b.example']}")
                #expect(line.contains("changed=app.secret-key,connect.origins "), "\(line)")
                let session = welcome["session"].string ?? ""
                #expect(try await worker.backend().heartbeat([("ann", session)]).body["renewed"].int == 1)
                try await RawWebSocket.with(
                    port: worker.port, target("bob", new), headers: ["Origin": "https://b.example"]
                ) { bob in
                    let message = try await bob.message()
                    #expect(message["type"].string == "welcome")
                }
                for (target, origin) in [
                    (target("bob", old), "https://b.example"), (target("bob", new), "https://a.example"),
                ] {
                    try await RawWebSocket.with(port: worker.port, target, headers: ["Origin": origin]) { socket in
                        let code = try await socket.closeCode()
                        #expect(code >= 4000, "\(target) \(origin)")
                    }
                }
            }
        }
    }

    @Test(
        "It never ends the process, from the moment that it can do anything about it, and counts while Redis is waited for"
    )
    func start() async throws {
        let folder = try temporaryFolder("reload")
        defer { removeFolder(folder) }
        let (port, redisPort) = (try await FreePort.next(), try await FreePort.next())
        try Data("auth: {api-keys: [one]}".utf8).write(to: URL(filePath: "\(folder)/presence.yaml"))
        let child = try ChildProcess(
            [
                PresenceProcess.binary, "serve", "--port", "\(port)", "--redis-url", "redis://127.0.0.1:\(redisPort)",
                "--config", "\(folder)/presence.yaml",
            ], folder: folder, log: "log")
        defer { child.signal(SIGKILL) }
        try await eventually(else: "SIGHUP is not taken") { child.takes(SIGHUP) }
        try await eventually(else: "it does not wait: \(child.log)") {
            child.signal(SIGHUP)
            #expect(child.takes(SIGHUP))
            return child.log.contains("Waiting for Redis") && child.log.contains("read anew")
        }
        try Data("auth: {api-keys: [two]}".utf8).write(to: URL(filePath: "\(folder)/presence.yaml"))
        child.signal(SIGHUP)
        try await eventually(else: "it does not say so: \(child.log)") { child.log.contains("changed=auth.api-keys ") }
        #expect(child.isRunning)
        try await child.end(with: SIGTERM)
        #expect(child.exitStatus == 0)
    }

    @Test("Every key says whether it counts at once, in the table and in the help")
    func table() async throws {
        // In one line: it is wrapped to a width.
        let help = try await PresenceProcess.command(["serve", "--help"])
            .split(whereSeparator: \.isWhitespace).joined(separator: " ")
        for key in ConfigurationKey.all {
            let row = ConfigurationKey.markdownTable.split(separator: "\n").first { $0.hasPrefix("| `\(key.name)` |") }
            #expect(row?.contains(key.isReloaded ? " | SIGHUP | " : " | restart | ") == true, "\(key.name)")
            let entry = help.components(separatedBy: "\(key.flag) <").last?.components(separatedBy: key.meaning).first
            #expect(entry?.contains("(SIGHUP)") == key.isReloaded, "\(key.name)")
        }
        #expect(
            ConfigurationKey.all.filter(\.isReloaded).map(\.name) == [
                "auth.api-keys", "auth.read-keys", "auth.write-keys", "auth.operate-keys", "log.level",
                "callback.sign-token", "callback.webhook-secrets", "callback.ca-file", "app.secret-key", "app.admins",
                "connect.jwt-secrets", "connect.jwt-public-keys", "connect.jwt-audience", "connect.jwt-issuer",
                "connect.origins",
            ])
    }

    private static func webhookSecret(_ byte: UInt8) -> String {
        "whsec_" + Data(repeating: byte, count: 24).base64EncodedString()
    }
}

extension ChildProcess {
    /// Whether the signal does not end it: it is caught, or ignored.
    fileprivate func takes(_ signal: CInt) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return false }
        return status.matches(of: /Sig(?:Ign|Cgt|Blk):\s*([0-9a-f]+)/).contains { match in
            (UInt64(match.1, radix: 16) ?? 0) & (1 << (signal - 1)) != 0
        }
    }
}
