import Foundation
import PresenceCore
import PresenceStore
import Support

/// An hour-old dump: users log in, heartbeat and leave for an hour after it was saved, with workers at work, and then
/// Redis is killed and starts from it, its clock an hour on. Steps and comparison are those of the simulation: what is
/// loaded is what was there, but for what has ended; who heartbeats goes on if the session was there, and is told that
/// it is gone if not; who does not is told to be lost after the grace, once, and whoever was PushOnline at once; and
/// every version is greater than any of the lost hour.
package enum OldDumps {
    package struct Report: Sendable {
        package var dumps = 0
        package var operations = 0
        /// Sessions of dumps by what became of them.
        package var renewed = 0
        package var lost = 0
        package var expired = 0
        /// Sessions of the lost hour whose clients heard that they are gone.
        package var gone = 0
        package var findings: [String] = []
    }

    package static func run(seeds: Range<UInt64>, findingsMost: Int = 3) async throws -> Report {
        try await DrivenServer.with { server in
            var report = Report()
            for seed in seeds where report.findings.count < findingsMost {
                try await server.begin(withLog: false)
                var course = Course(seed: seed, server: server, isLogWhole: false, isCalm: true)
                do {
                    try await course.loseAnHour(&report)
                } catch {
                    report.findings.append(
                        "seed \(seed), step \(course.steps.count): \(error)\n"
                            + course.steps.suffix(30).map { "    \($0)\n" }.joined())
                }
                report.dumps += 1
                report.operations += course.steps.count
            }
            return report
        }
    }
}

extension Course {
    private static let hourMs = 3_600_000

    fileprivate mutating func loseAnHour(_ report: inout OldDumps.Report) async throws {
        for _ in 0..<30 { try await step() }
        // Some are there, and some have gone, whatever came before.
        for _ in 0..<6 {
            try await login()
            try await compare()
        }
        for (user, held) in Self.users.flatMap({ user in (model.users[user]?.byLogin ?? []).map { (user, $0) } }) {
            guard held.status == .online, rules.pushMs(held.id.platform) > 0, chance(2) else { continue }
            try await disconnect(held.id, of: user, at: workers[0], link: nil)
            try await compare()
        }
        try await save()
        let file = "\(server.folder)/hour-old.rdb"
        try? FileManager.default.removeItem(atPath: file)
        try FileManager.default.copyItem(atPath: "\(server.folder)/dump.rdb", toPath: file)
        let (old, savedMs) = (model, nowMs)
        while nowMs < savedMs + Self.hourMs {
            try await live(forMs: 14_000)
            for _ in 0..<4 { try await step() }
            try await pass(ms: 90_000)
            try await compare()
        }
        let versions = model.users.mapValues(\.version)
        note("Redis is killed, and starts from the dump of \(savedMs - Self.startMs) ms")
        try await server.restart(fromDump: file)
        lose(old)
        model.pass(to: nowMs)
        try await compare()
        try await seeWhatBecomes(of: old, versions, &report)
        try await heal()
    }

    /// Half of those who believe that they are there heartbeat once, then all are silent while workers sweep.
    private mutating func seeWhatBecomes(
        of old: Model, _ versions: [UserID: Int], _ report: inout OldDumps.Report
    ) async throws {
        let there = old.users.mapValues { $0.sessions.values.sorted { $0.id.description < $1.id.description } }
        let before = model.events.mapValues(\.count)
        // The workers of the hour are gone; the receiver takes all.
        for index in workers.indices { workers[index] = SimulatedWorker(workers[index].name, workers[index].store) }
        (sweeps, receiver.moods, receiver.isDown) = ([], [:], false)
        try await pass(ms: Self.leaseMs)
        try await live(forMs: 7_000)
        let beating = try await heartbeatHalf(&report)
        try await live(forMs: 20_000)
        try expect(
            Set(beating.filter { model.users[$0.user]?.held($0.session)?.status == .online }), is: Set(beating),
            .answer,
            "those who heartbeat are Online")
        // The grace, and then the longest timeout.
        for _ in 0..<4 { try await live(forMs: 160_000) }
        let told = model.events.flatMap { $1.dropFirst(before[$0] ?? 0).map(\.change) }
        for (user, sessions) in there {
            for held in sessions { try see(held, of: user, told, isBeating: beating, &report) }
        }
        for change in told {
            let (version, most) = (change.version, versions[change.user] ?? 0)
            guard version > most else { throw Violation(.events, "\(change.id) is not above the \(most) of before") }
        }
    }

    private mutating func heartbeatHalf(_ report: inout OldDumps.Report) async throws -> [UserSession] {
        var renewed: [UserSession] = []
        for user in Self.users {
            for session in given[user] ?? [] where chance(2) {
                let isThere = model.users[user]?.heartbeat(session, nowMs: nowMs) == true
                let beat = UserSession(user: user, session: session)
                let answer = await workers[0].store.heartbeat([beat])
                if let failed = answer.failed.first { throw failed.error }
                try expect(answer.gone.isEmpty, is: isThere, .answer, "heartbeat of \(session)")
                if isThere { renewed.append(beat) } else { report.gone += 1 }
            }
        }
        note("heartbeats of \(renewed.map(\.session.description))")
        report.renewed += renewed.count
        return renewed
    }

    /// A session of the dump has ended once, as the rules say, and was told so.
    private func see(
        _ held: UserModel.Held, of user: UserID, _ told: [StatusChange], isBeating: [UserSession],
        _ report: inout OldDumps.Report
    ) throws {
        let mine = told.filter { $0.user == user && $0.session == held.id }
        let silence = rules.table[held.id.platform].silenceReason
        let hasPush = rules.pushMs(held.id.platform) > 0
        switch held.status {
        case .online:
            try expect(
                mine.prefix(1).map { "\($0.action)/\($0.reason) \($0.status)" },
                is: ["\(Action.disconnect)/\(silence) \(hasPush ? Status.pushOnline : .offline)"], .events,
                "what is told of \(held.id) first")
            if !isBeating.contains(UserSession(user: user, session: held.id)) { report.lost += 1 }
        default:
            try expect(
                mine.map { "\($0.action)/\($0.reason) \($0.status)" },
                is: ["\(Action.logout)/\(Reason.expired) \(Status.offline)"], .events, "what is told of \(held.id)")
            report.expired += 1
        }
    }
}
