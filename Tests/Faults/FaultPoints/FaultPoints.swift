import PresenceCore
import PresenceStore
import RedisClient
import Support

/// Every operation of the store is failed at every command it sends, before it is sent and after it was executed, and
/// repeated: by the client of Redis, or by who called. In the end all that stands in Redis is what stands there where
/// nothing failed, and the answer is the same. The server's clock stands still, so that this is so to the millisecond.
package enum FaultPoints {
    package struct Report: Sendable {
        /// Operations, or pairs of them.
        package var rounds = 0
        /// Commands that were failed, or had something happen before them.
        package var points = 0
        /// Calls that were made.
        package var operations = 0
        package var findings: [String] = []
    }

    /// More than any operation has.
    private static let commandsMost = 40
    private static let attemptsMost = 5

    /// - Parameter plant: a fault that is put back.
    package static func run(plant: Plant? = nil) async throws -> Report { try await plant.planted { try await run() } }

    private static func run() async throws -> Report {
        try await DrivenServer.with { server in
            try await CommandProxy.with(to: server.socketPath) { proxy in
                var report = Report()
                for isRepeatedByClient in [true, false] {
                    try await RedisClient.with("unix://\(proxy.socketPath)", options: options(isRepeatedByClient)) {
                        let lane = Lane(
                            server: server, proxy: proxy, faulted: store(on: $0), direct: store(on: server.redis))
                        for operation in FaultedOperation.all {
                            report.rounds += 1
                            try await lane.fail(operation, &report)
                        }
                    }
                }
                return report
            }
        }
    }

    private static func options(_ isRepeatedByClient: Bool) -> RedisClientOptions {
        var options = RedisClientOptions.patient
        options.reconnectPauseFirst = .milliseconds(1)
        options.reconnectPauseMost = .milliseconds(2)
        options.repeatPauseFirst = .milliseconds(1)
        if !isRepeatedByClient { options.attemptsMax = 1 }
        return options
    }

    static func store(on redis: RedisClient) -> PresenceStore {
        var options = StoreOptions(worker: "w")
        options.hasReceiver = true
        return PresenceStore(redis: redis, keys: KeySpace(prefix: "s", shards: 1), options: options)
    }

    struct Lane {
        let server: DrivenServer
        let proxy: CommandProxy
        /// Goes through the proxy.
        let faulted: PresenceStore
        let direct: PresenceStore

        func fail(_ operation: FaultedOperation, _ report: inout Report) async throws {
            let expected = try await outcome(of: operation, nil, 0)
            for isBefore in [true, false] {
                for number in 1...commandsMost {
                    let fault: CommandProxy.Fault = isBefore ? .before : .after
                    let found = try await outcome(of: operation, fault, number)
                    report.operations += 1
                    guard found.isFired else { break }
                    report.points += 1
                    if let difference = found.difference(from: expected) {
                        report.findings.append(
                            "\(operation.name), command \(number) failed \(isBefore ? "before" : "after"): \(difference)"
                        )
                    }
                }
            }
        }

        /// - Parameter number: of the command that is failed; 1 for the first.
        private func outcome(
            of operation: FaultedOperation, _ fault: CommandProxy.Fault?, _ number: Int
        ) async throws -> Outcome {
            try server.set(nowMs: DrivenServer.startMs)
            try await server.command("FLUSHALL")
            let attempt = try await operation.prepare(FaultedOperation.Stage(server: server, store: direct))
            if let fault { proxy.fail(number, fault) }
            var attemptsLeft = attemptsMost
            while true {
                do {
                    let answer = try await attempt(faulted)
                    return Outcome(isFired: proxy.disarm(), answer: answer, all: try await left())
                } catch {
                    attemptsLeft -= 1
                    if attemptsLeft == 0 { throw error }
                }
            }
        }

        /// All that stands in Redis, but for the random name of its data.
        private func left() async throws -> Set<String> {
            Set(
                try await server.all().map {
                    $0.hasPrefix("[\"s:meta\"") ? $0.replacing(/"id=\w+"/, with: "\"id\"") : $0
                })
        }
    }

    struct Outcome {
        var isFired: Bool
        var answer: String
        /// All that stands in Redis, a line for each key.
        var all: Set<String>

        func difference(from expected: Outcome) -> String? {
            if answer != expected.answer { return "answered \(answer), not \(expected.answer)" }
            guard all != expected.all else { return nil }
            return "there is \(all.subtracting(expected.all).sorted()), not \(expected.all.subtracting(all).sorted())"
        }
    }
}

extension DrivenServer {
    /// All that it holds: of each key its name, when it ends, and what is in it.
    func all() async throws -> Set<String> {
        let script = """
            local all = {}
            for _, key in ipairs(redis.call('KEYS', '*')) do
              local kind, value = redis.call('TYPE', key).ok, nil
              if kind == 'hash' then value = redis.call('HGETALL', key)
              elseif kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
              elseif kind == 'string' then value = redis.call('GET', key)
              elseif kind == 'stream' then value = redis.call('XRANGE', key, '-', '+')
              elseif kind == 'list' then value = redis.call('LRANGE', key, 0, -1) end
              all[#all + 1] = cjson.encode({ key, redis.call('PEXPIRETIME', key), kind == 'hash' and sorted(value) or value })
            end
            return all
            """
        let sorted = """
            local function sorted(flat)
              local pairs = {}
              for i = 1, #flat, 2 do pairs[#pairs + 1] = flat[i] .. '=' .. flat[i + 1] end
              table.sort(pairs)
              return pairs
            end

            """
        let reply = try await command("EVAL", sorted + script, "0")
        return Set(reply.array?.compactMap(\.string) ?? [])
    }
}
