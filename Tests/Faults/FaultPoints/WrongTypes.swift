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
