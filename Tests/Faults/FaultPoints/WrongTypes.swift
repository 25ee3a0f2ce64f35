import PresenceCore
import PresenceStore
import RedisClient
import Support

/// A key of another type in the place of each key of every script, as every operation of the store calls it.
package enum WrongTypes {
    /// What a script made of one.
    package struct Trial: Hashable, Sendable {
        package var script: String
        /// What the key is for: `user`, `events`, ...
        package var key: String
        /// The answer was an error.
        package var isRefused: Bool
        /// Something else stands in Redis than before.
        package var hasChanged: Bool
    }

    private static let commandsMost = 40

    /// The same, as a report.
    static func report() async throws -> FaultPoints.Report {
        let trials = try await run()
        let operations = FaultedOperation.all.count + FaultedOperation.others.count
        return FaultPoints.Report(
            rounds: operations, points: trials.count, operations: trials.count,
            findings: trials.compactMap(\.flaw).sorted())
    }

    package static func run() async throws -> Set<Trial> {
        try await DrivenServer.with { server in
            try await CommandProxy.with(to: server.socketPath) { proxy in
                try await RedisClient.with("unix://\(proxy.socketPath)", options: .patient) { redis in
                    let bench = Bench(server: server, direct: FaultPoints.store(on: server.redis))
                    for script in Scripts.all + Scripts.ofInspection {
                        try await server.command("SCRIPT", "LOAD", script.script.source)
                    }
                    for operation in FaultedOperation.all + FaultedOperation.others {
                        for number in 1...commandsMost {
                            try server.set(nowMs: DrivenServer.startMs)
                            try await server.command("FLUSHALL")
                            let stage = FaultedOperation.Stage(server: server, store: bench.direct)
                            let attempt = try await operation.prepare(stage)
                            proxy.fail(number, .meanwhile { try await bench.tryAll(of: $0) })
                            _ = try await attempt(FaultPoints.store(on: redis))
                            guard proxy.disarm() else { break }
                        }
                    }
                    return await bench.trials.all
                }
            }
        }
    }

    private actor Trials {
        var all: Set<Trial> = []

        func add(_ trial: Trial) { all.insert(trial) }
    }

    private struct Bench {
        let server: DrivenServer
        let direct: PresenceStore
        let trials = Trials()

        /// The scripts by their digests.
        private static let names = Dictionary(
            uniqueKeysWithValues: (Scripts.all + Scripts.ofInspection).map { ($0.script.sha1, $0.script.name) })

        /// Makes the call once for each of its keys, which holds something else then. All is as before in the end.
        func tryAll(of words: [String]) async throws {
            guard words.count > 2, words[0] == "EVALSHA", let name = Self.names[words[1]], let keys = Int(words[2])
            else {
                return
            }
            try await server.command("SAVE")
            for key in Set(words[3..<(3 + keys)]) {
                try await plant(key)
                let before = try await server.all()
                let reply = await server.redis.pipeline([RedisCommand(words: words, routedBy: nil)])[0]
                let isRefused = if case .failure = reply { true } else { false }
                await trials.add(
                    Trial(
                        script: name, key: kind(of: key), isRefused: isRefused,
                        hasChanged: try await server.all() != before))
                try await server.command("DEBUG", "RELOAD", "NOSAVE")
            }
        }

        private func plant(_ key: String) async throws {
            let isText = ["lease", "push", "revoked", "grace", "alarm"].contains(kind(of: key))
            try await server.command("DEL", key)
            try await server.command(isText ? ["RPUSH", key, "1"] : ["SET", key, "1"])
        }

        private func kind(of key: String) -> String {
            let rest = direct.keys.shardKey(key)?.1 ?? String(key.drop { $0 != ":" }.dropFirst())
            return String(rest.prefix { $0 != ":" })
        }
    }
}

extension WrongTypes.Trial {
    /// Where a script goes on without what a key should hold. All others refuse.
    private static let tolerated: [String: Set<String>] = [
        // Deliveries that took several attempts are noted for people alone; what is counted has been delivered or not.
        "acknowledge_events": ["attempts"], "finish_aside": ["attempts", "cursor"],
        "drop_dead": ["attempts", "cursor"],
        // Mirrors of the records are counted anew, timers written anew, and what is forgotten only lets a repeat count.
        "login_session": ["counts", "cursor", "lease", "push", "recent", "revoked"],
        "disconnect_session": ["counts", "cursor", "lease", "push", "recent"],
        "logout_session": ["counts", "cursor", "lease", "push", "recent"],
        "kick_user": ["counts", "cursor", "lease", "push", "recent", "revoked"],
        "settle_users": ["counts", "cursor", "grace", "lease", "push"],
        "resume_session": ["lease", "recent", "revoked"], "revive_session": ["lease"], "rearm_users": ["lease"],
        "tend_shard": ["alarm", "aside", "events", "grace"],
        // What is none of ours holds up nobody else: it is put off, or goes.
        "own_shard": ["owner"], "adopt_rules": ["rules"], "note_layout": ["meta"], "register_worker": ["workers"],
        "open_outbox": ["aside", "counts", "cursor", "dead", "deadlines", "events"],
        "mend_counts": ["counts"], "mend_users": ["lease", "push"],
    ]

    /// What may not be; nil where it is refused before the first write, or tolerated.
    package var flaw: String? {
        if !hasChanged { return nil }
        if isRefused { return "\(script) refuses \(key) after it has written" }
        if script == "settle_users", key == "user" { return nil }
        return Self.tolerated[script]?.contains(key) == true ? nil : "\(script) goes on without \(key)"
    }
}
