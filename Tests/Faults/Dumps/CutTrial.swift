import Foundation
import PresenceCore
import PresenceStore
import RedisClient
import Synchronization

/// What becomes of one cut.
struct CutTrial {
    let log: WrittenLog
    let server: DrivenServer
    let store: PresenceStore

    private var agreement: Agreement { Agreement(server: server, store: store) }

    /// - Parameter isWrittenAnew: whether the file is, before the second start.
    func cut(at place: Int, isWrittenAnew: Bool, _ report: inout CutLogs.Report) async throws {
        report.cuts += 1
        let nowMs = log.timeMs(at: place)
        func note(_ flaws: [String], _ when: String) {
            report.findings += flaws.map { "cut at \(place), \(when): \($0)" }
        }
        try server.set(nowMs: nowMs)
        try await server.restart { try log.put(into: server.logFolder, upTo: place) }
        note(try await agreement.flaws().all, "at the first start")

        try await goOn()
        note(try await agreement.flaws().all, "after a login")
        if isWrittenAnew {
            try await server.command("BGREWRITEAOF")
            try await server.untilLogIsWritten()
        }
        try await server.restart()
        report.starts += 2
        let flaws = try await agreement.flaws()
        if isWrittenAnew {
            return note(flaws.all, "with the file written anew")
        }
        note(flaws.strange, "at the second start")
        if !flaws.all.isEmpty { report.halves += 1 }
        if !flaws.toMend.isEmpty {
            report.mended += 1
            try await agreement.mend()
            note(try await agreement.flaws().toMend, "mended")
        }
        try await fallSilent(nowMs)
        note(try await agreement.flaws().toMend, "in the end")
        note(try await left(), "in the end there is")
    }

    /// Two devices of somebody log in, behind what was cut off.
    private func goOn() async throws {
        let user = Course.pulse
        for platform in [Platform.web, .mac] {
            _ = try await store.login(user, platform: platform, instance: .unnamed, generation: .random())
        }
    }

    /// Time goes by in which nobody is heard of, and a worker sweeps.
    private func fallSilent(_ nowMs: Int) async throws {
        var timeMs = nowMs
        // An outage, which opens a grace; its length; that of PushOnline; what is remembered.
        let (gapMs, graceMs) = (store.options.outageGapMs - 1, store.options.graceMsMax)
        let grace = Array(repeating: gapMs, count: graceMs / gapMs + 2)
        for ms in [10_000_000] + grace + [store.options.pushRetentionMs + 1, gapMs] {
            timeMs += ms
            try server.set(nowMs: timeMs)
            let shards = Array(0..<store.keys.shards)
            let owned = await store.own(shards, leaseMs: Course.leaseMs).answers.mapValues(\.fence)
            let tended = await store.tend(
                owned, leaseMs: Course.leaseMs, renewAtMs: Course.renewAtMs, usersMax: 100)
            for shard in shards {
                guard case .tended(let answer) = tended[shard] else {
                    throw DrivenServer.Unusable("shard \(shard) cannot be swept")
                }
                let settled = await store.settle(answer.due, dueAtMs: answer.dueAtMs)
                if let error = settled.failures.values.first { throw error }
            }
        }
    }

    /// Users who are not Offline, counts that are not 0, and timers.
    private func left() async throws -> [String] {
        let keys = try await server.command("KEYS", "*").array?.compactMap(\.string) ?? []
        let timers = keys.filter { $0.contains(":lease:") || $0.contains(":push:") }
        let presences = try await store.presences(of: Course.users).map { try $0.get() }
        let live = presences.filter { $0.status != .offline }.map { "\($0.user) \($0.status)" }
        let counts = try await store.counts()
        return timers + live + (counts.users.values.contains { $0 != 0 } ? ["\(counts)"] : [])
    }
}

/// How long a file was, and when.
final class Marks: Sendable {
    private let file: String
    private let state = Mutex<[(bytes: Int, atMs: Int)]>([])

    init(file: String) { self.file = file }

    var all: [(bytes: Int, atMs: Int)] { state.withLock { $0 } }

    func add(atMs ms: Int) throws {
        let bytes = try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int ?? 0
        state.withLock { $0.append((bytes, ms)) }
    }
}

extension DrivenServer {
    /// Where its append-only files are.
    var logFolder: String { "\(folder)/appendonlydir" }
}
