import Foundation
import PresenceCore
import PresenceStore
import Support

/// One append-only file of a course of events, cut off at random places, as by a power cut: from each a redis-server
/// starts, and all that stands there has to fit together, for every change is one script, of which all is kept or
/// nothing. Then the server is used, and starts once more: with the file written anew, as the documentation asks, or
/// without; there half a change may be left, and no more of it than the documentation says: what the doctor mends, and a
/// change that is told to nobody. In the end silence ends everything.
///
/// The same seed makes the same file, and the same cuts.
package enum CutLogs {
    package struct Report: Sendable {
        /// Places the file was cut at, and how long it was.
        package var cuts = 0
        package var bytes = 0
        /// Steps of the course.
        package var operations = 0
        package var starts = 0
        /// Second starts at which half a change was found, and how many the doctor had something to mend of.
        package var halves = 0
        package var mended = 0
        package var findings: [String] = []

        mutating func add(_ other: Report) {
            cuts += other.cuts
            operations += other.operations
            starts += other.starts
            halves += other.halves
            mended += other.mended
            findings += other.findings
        }
    }

    /// Steps of the course.
    private static let steps = 120

    /// - Parameters:
    ///   - servers: how many are at work side by side.
    ///   - isTornApart: what belongs together does not stand together in the file: that has to be found.
    ///   - findingsMost: a server makes no cut after so many.
    package static func run(
        seed: UInt64, cuts: Int, servers: Int = 3, isTornApart: Bool = false, findingsMost: Int = 10
    ) async throws -> Report {
        let log = try await WrittenLog.write(seed: seed, steps: steps, isTornApart: isTornApart)
        var random = SeededGenerator(seed: seed ^ 0xC07)
        // The whole of it is one of them.
        let places =
            [log.bytes.count] + (1..<max(1, cuts)).map { _ in Int.random(in: 0..<log.bytes.count, using: &random) }
        return try await withThrowingTaskGroup(of: Report.self) { group in
            for lane in 0..<max(1, servers) {
                let own = places.enumerated().filter { $0.offset % max(1, servers) == lane }.map(\.element)
                group.addTask { try await run(log, own, findingsMost) }
            }
            var report = Report(bytes: log.bytes.count, operations: log.steps)
            for try await part in group { report.add(part) }
            return report
        }
    }

    private static func run(_ log: WrittenLog, _ places: [Int], _ findingsMost: Int) async throws -> Report {
        try await DrivenServer.with { server in
            var options = log.options
            options.worker = "after"
            // Some courses have a receiver that soon keeps logins out.
            options.eventsBacklogMax = 1_000_000
            let trial = CutTrial(
                log: log, server: server,
                store: PresenceStore(redis: server.redis, keys: log.keys, options: options))
            var report = Report()
            for (index, place) in places.enumerated() where report.findings.count < findingsMost {
                do {
                    try await trial.cut(at: place, isWrittenAnew: index.isMultiple(of: 3), &report)
                } catch {
                    report.findings.append("cut at \(place): \(error)")
                }
            }
            return report
        }
    }
}

/// The append-only file of one course.
struct WrittenLog: Sendable {
    /// The files of the folder, but for the one that grows, by name.
    var others: [String: Data] = [:]
    var name = ""
    var bytes = Data()
    /// How long it was when something was done at this time, in its order.
    var marks: [(bytes: Int, atMs: Int)] = []
    var steps = 0
    /// MULTI and EXEC are taken out of what is put anywhere.
    var isTornApart = false
    var keys: KeySpace
    var options: StoreOptions

    /// When what stands there was written.
    func timeMs(at place: Int) -> Int { marks.first { $0.bytes >= place }?.atMs ?? DrivenServer.startMs }

    static func write(seed: UInt64, steps: Int, isTornApart: Bool) async throws -> WrittenLog {
        try await DrivenServer.with { server in
            try await server.begin(withLog: true)
            let folder = URL(filePath: server.logFolder)
            let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            guard let name = names.first(where: { $0.hasSuffix(".incr.aof") }) else {
                throw DrivenServer.Unusable("there is no append-only file: \(names)")
            }
            var course = Course(seed: seed, server: server, isLogWhole: true, isCalm: true)
            let marks = Marks(file: folder.appending(path: name).path)
            course.onCompared = { try marks.add(atMs: $0) }
            for _ in 0..<steps { try await course.step() }
            try await course.heal()
            var log = WrittenLog(isTornApart: isTornApart, keys: course.keys, options: course.rules.options)
            log.name = name
            log.bytes = try Data(contentsOf: folder.appending(path: name))
            for other in names where other != name {
                log.others[other] = try Data(contentsOf: folder.appending(path: other))
            }
            (log.marks, log.steps) = (marks.all, course.steps.count)
            return log
        }
    }

    /// Puts it into a server's folder, cut off.
    func put(into folder: String, upTo place: Int) throws {
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (name, data) in others { try data.write(to: URL(filePath: "\(folder)/\(name)")) }
        var part = bytes.prefix(place)
        if isTornApart {
            for word in ["$5\r\nMULTI", "$4\r\nEXEC"] { part.replace(Data("*1\r\n\(word)\r\n".utf8), with: Data()) }
        }
        try part.write(to: URL(filePath: "\(folder)/\(name)"))
    }
}
