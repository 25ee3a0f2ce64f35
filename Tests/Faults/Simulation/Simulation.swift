import PresenceCore
import RedisClient
import Support

/// Deterministic simulation: the service's own scripts on a real redis-server whose clock is driven, one seeded driver
/// that picks the next step, and a pure model that is compared with all that stands in Redis after every step.
///
/// Promises: the same seed makes the same course, on every machine and in every process, so that one that failed can be
/// looked at again. Does not: open sockets, run the loops of a worker, or let two calls run at once.
package enum Simulation {
    package struct Report: Sendable {
        package var seeds = 0
        package var operations = 0
        package var faults = 0
        /// In the order of the seeds.
        package var findings: [Finding] = []
        /// The steps of each seed's course.
        package var courses: [UInt64: [String]] = [:]

        mutating func add(_ other: Report) {
            seeds += other.seeds
            operations += other.operations
            faults += other.faults
            findings = (findings + other.findings).sorted { $0.seed < $1.seed }
            courses.merge(other.courses) { $1 }
        }
    }

    /// A violation, and the course that shows it.
    package struct Finding: Sendable, CustomStringConvertible {
        package var seed: UInt64
        package var violation: Violation
        package var steps: [String]

        package var description: String {
            "seed \(seed), step \(steps.count): \(violation)\n"
                + steps.map { "    \($0)\n" }.joined()
                + "Again: PRESENCE_SIMULATION_SEED=\(seed)"
        }
    }

    package static let stepsMost = 45

    /// Makes a course of each seed.
    /// - Parameters:
    ///   - plant: a fault that is put back.
    ///   - servers: how many courses run side by side, each on a server of its own.
    ///   - findingsMost: no seed is begun after so many violations.
    package static func run(
        seeds: Range<UInt64>, plant: Plant? = nil, servers: Int = 2, findingsMost: Int = 1
    ) async throws -> Report {
        try await withThrowingTaskGroup(of: Report.self) { group in
            for lane in 0..<UInt64(max(1, servers)) {
                let own = seeds.dropFirst(Int(lane)).enumerated().filter { $0.offset % max(1, servers) == 0 }.map(
                    \.element)
                group.addTask { try await plant.planted { try await run(own, findingsMost: findingsMost) } }
            }
            var report = Report()
            for try await part in group { report.add(part) }
            return report
        }
    }

    private static func run(_ seeds: [UInt64], findingsMost: Int) async throws -> Report {
        try await DrivenServer.with { server in
            var report = Report()
            for seed in seeds where report.findings.count < findingsMost {
                // A new log takes its time. Which seeds have one may not depend on those beside them.
                let withLog = seed.isMultiple(of: 16)
                try await server.begin(withLog: withLog)
                var course = Course(seed: seed, server: server, isLogWhole: withLog)
                do {
                    try await course.run()
                } catch {
                    let violation = error as? Violation ?? Violation(.answer, "a call failed: \(error)")
                    report.findings.append(Finding(seed: seed, violation: violation, steps: course.steps))
                }
                report.seeds += 1
                report.operations += course.steps.count
                report.faults += course.faults
                report.courses[seed] = course.steps
            }
            return report
        }
    }
}

extension Course {
    fileprivate mutating func run() async throws {
        for _ in 0..<Simulation.stepsMost { try await step() }
        try await heal()
    }
}

extension DrivenServer {
    /// Empties the server.
    /// - Parameter withLog: its append-only file begins anew, too.
    func begin(withLog: Bool) async throws {
        try set(nowMs: Self.startMs)
        try await command("FLUSHALL")
        guard withLog else { return }
        try await command("BGREWRITEAOF")
        try await untilLogIsWritten()
    }
}
