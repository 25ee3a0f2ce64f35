import PresenceCore
import PresenceStore
import RedisClient
import Support

/// Two operations on one user at once: the second is done whole before each of the commands of the first. What comes
/// of it, answers and all, is what comes of the one after the other, in one order or the other.
package enum Interleavings {
    private static let commandsMost = 40

    package static func run() async throws -> FaultPoints.Report {
        try await DrivenServer.with { server in
            try await CommandProxy.with(to: server.socketPath) { proxy in
                try await RedisClient.with("unix://\(proxy.socketPath)", options: .patient) { redis in
                    let pair = Pair(
                        server: server, proxy: proxy, held: FaultPoints.store(on: redis),
                        direct: FaultPoints.store(on: server.redis))
                    var report = FaultPoints.Report()
                    for first in Call.allCases {
                        for second in Call.allCases {
                            report.rounds += 1
                            try await pair.meet(first, second, &report)
                        }
                    }
                    return report
                }
            }
        }
    }

    /// What is called for a user whose phone fell silent and is not settled yet.
    enum Call: String, CaseIterable {
        case loginElsewhere, loginAgain, heartbeat, disconnect, logout, kick, resume, settle

        /// - Parameter number: of the session it makes.
        func attempt(_ number: Int) throws -> FaultedOperation.Attempt {
            let (user, phone) = (FaultedOperation.Stage.ann, try FaultedOperation.Stage.session(.android, 1))
            return switch self {
            case .loginElsewhere: FaultedOperation.login(.mac, number)
            case .loginAgain: FaultedOperation.login(.android, number)
            case .heartbeat: FaultedOperation.heartbeat(phone)
            case .disconnect: FaultedOperation.disconnect(phone)
            case .logout: { "\(try await $0.logout(user, session: phone))" }
            case .kick:
                { [operation = OperationID(try Generation("k\(number)"))] in
                    "\(try await $0.kick(user, operation: operation))"
                }
            case .resume: { "\(try await $0.resume(user, session: phone, link: number))" }
            case .settle: FaultedOperation.settle([user])
            }
        }
    }

    private struct Pair {
        let server: DrivenServer
        let proxy: CommandProxy
        /// Goes through the proxy.
        let held: PresenceStore
        let direct: PresenceStore

        private struct Outcome: Hashable {
            var answers: [String]
            /// All that stands in Redis but for deadlines, which may be earlier than need be.
            var all: Set<String>
        }

        func meet(_ first: Call, _ second: Call, _ report: inout FaultPoints.Report) async throws {
            let (one, other) = (try first.attempt(8), try second.attempt(9))
            let inOrder = try await outcome { [try await one(direct), try await other(direct)] }
            let turned = try await outcome { [try await other(direct), try await one(direct)].reversed() }
            for number in 1...commandsMost {
                let met = Answer()
                try await prepare()
                proxy.fail(number, .meanwhile { [direct] _ in await met.take(try await other(direct)) })
                let answer = try await one(held)
                guard proxy.disarm() else { return }
                report.points += 1
                report.operations += 2
                let found = Outcome(answers: [answer, await met.text], all: try await left())
                guard found != inOrder, found != turned else { continue }
                report.findings.append(
                    "\(second) before command \(number) of \(first): \(found.answers) and \(found.all.sorted()), not "
                        + "\(inOrder.answers) and \(inOrder.all.sorted()), nor \(turned.answers) and "
                        + "\(turned.all.sorted())")
            }
        }

        private func outcome(_ body: () async throws -> [String]) async throws -> Outcome {
            try await prepare()
            return Outcome(answers: try await body(), all: try await left())
        }

        private func prepare() async throws {
            try server.set(nowMs: DrivenServer.startMs)
            try await server.command("FLUSHALL")
            let stage = FaultedOperation.Stage(server: server, store: direct)
            try await stage.login(.android, 1, link: 7)
            try await stage.pass(ms: 401_000)
            _ = try await stage.owned()
        }

        private func left() async throws -> Set<String> {
            try await server.all().filter { !$0.contains(":deadlines\"") }
        }
    }

    private actor Answer {
        var text = ""

        func take(_ text: String) { self.text = text }
    }
}
