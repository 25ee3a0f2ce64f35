import Foundation
import PresenceCore

/// What is tried otherwise than beside simulated users: step by step, or whole, on servers whose clocks are driven.
package enum Trial: String, CaseIterable, Sendable {
    case simulation
    case faultPoints = "fault-points"
    case interleavings
    case wrongTypes = "wrong-types"
    case cutLogs = "cut-aof-anywhere"
    case oldDumps = "hour-old-dump"

    /// What came of one.
    package struct Result: Sendable {
        package var rounds = 0
        package var faults = 0
        package var operations = 0
        package var breaches: [Breach] = []
        /// Where a course is written down that shows a violation.
        package var folder: String?

        package init() {}
    }

    /// What it is made by again, beside its name.
    package func arguments(seed: UInt64, seconds: Int) -> String {
        switch self {
        case .simulation: " --seed \(seed) --seconds \(seconds)"
        case .cutLogs, .oldDumps: " --seed \(seed)"
        case .faultPoints, .interleavings, .wrongTypes: ""
        }
    }

    /// - Parameters:
    ///   - seconds: how long seeds are tried, where that is not a matter of the trial itself.
    ///   - plant: a fault that is put back.
    package func run(seed: UInt64, seconds: Int, plant: Plant?) async throws -> Result {
        if self == .simulation { return try await simulate(seed, seconds, plant) }
        return try await plant.planted { try await run(seed, plant) }
    }

    private func run(_ seed: UInt64, _ plant: Plant?) async throws -> Result {
        switch self {
        case .simulation: Result()
        case .faultPoints: try await result(of: FaultPoints.run(plant: plant))
        case .interleavings: try await result(of: Interleavings.run())
        case .wrongTypes: try await result(of: WrongTypes.report())
        case .cutLogs:
            try await result(CutLogs.run(seed: seed, cuts: 200)) {
                ($0.cuts, $0.starts, $0.operations, $0.findings)
            }
        case .oldDumps:
            try await result(OldDumps.run(seeds: seed..<seed + 8)) { ($0.dumps, $0.dumps, $0.operations, $0.findings) }
        }
    }

    private func result(of report: FaultPoints.Report) -> Result {
        result(report) { ($0.rounds, $0.points, $0.operations, $0.findings) }
    }

    private func result<Report>(
        _ report: Report, _ parts: (Report) -> (rounds: Int, faults: Int, operations: Int, findings: [String])
    ) -> Result {
        var result = Result()
        let parts = parts(report)
        (result.rounds, result.faults, result.operations) = (parts.rounds, parts.faults, parts.operations)
        result.breaches = parts.findings.map { Breach(invariant: rawValue, detail: $0) }
        return result
    }
}

/// Courses of events on a Redis whose clock is driven, of as many seeds as there is time for.
extension Trial {
    private func simulate(_ seed: UInt64, _ seconds: Int, _ plant: Plant?) async throws -> Result {
        // A plant is found within 400 seeds.
        let end = ContinuousClock.now + .seconds(plant == nil ? seconds : 600)
        let batch: UInt64 = 10
        var (result, next) = (Result(), seed)
        while ContinuousClock.now < end, result.breaches.isEmpty, plant == nil || next < seed + 400 {
            let part = try await Simulation.run(seeds: next..<next + batch, plant: plant)
            result.rounds += part.seeds
            result.faults += part.faults
            result.operations += part.operations
            result.breaches += part.findings.map {
                Breach(
                    invariant: "\($0.violation.invariant)",
                    detail: "\($0.violation) (seed \($0.seed), step \($0.steps.count))")
            }
            if let finding = part.findings.first { result.folder = try keep(finding) }
            next += batch
        }
        return result
    }

    /// Writes a course down that shows a violation.
    private func keep(_ finding: Simulation.Finding) throws -> String {
        let folder = NSTemporaryDirectory() + "presence-fault-simulation-\(finding.seed)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("\(finding)\n".utf8).write(to: URL(filePath: "\(folder)/course.txt"))
        return folder
    }
}
