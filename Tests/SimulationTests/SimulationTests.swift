import Faults
import Foundation
import PresenceCore
import Testing

@Suite(.timeLimit(.minutes(10))) struct SimulationTests {
    /// Of the course to look at again; else a thousand are made.
    static let seed = ProcessInfo.processInfo.environment["PRESENCE_SIMULATION_SEED"].flatMap { UInt64($0) }

    @Test("In a thousand courses of events everything is as the rules say, after every step")
    func courses() async throws {
        let seeds = Self.seed.map { $0..<($0 + 1) } ?? 0..<1_000
        let report = try await Simulation.run(seeds: seeds)
        for finding in report.findings { Issue.record("\(finding)") }
        print("simulation: seeds \(seeds), \(report.operations) operations, \(report.faults) faults")
        #expect(Self.seed != nil || report.seeds == 1_000)
    }

    @Test("A planted fault is found, and the same seed finds it again by the same steps", arguments: Plant.allCases)
    func plants(_ plant: Plant) async throws {
        let report = try await Simulation.run(seeds: 0..<400, plant: plant)
        let found = try #require(report.findings.first, "nothing was found in \(report.seeds) courses")
        let again = try await Simulation.run(seeds: found.seed..<(found.seed + 1), plant: plant)
        #expect(again.findings.first?.description == found.description)
    }

    @Test("A seed makes the same course whichever are made before it, beside it or not")
    func alone() async throws {
        let among = try await Simulation.run(seeds: 10..<50).courses
        for seed: UInt64 in 20..<40 {
            let course = try await Simulation.run(seeds: seed..<(seed + 1), servers: 1).courses[seed]
            #expect(course != nil && course == among[seed], "seed \(seed)")
        }
    }
}
