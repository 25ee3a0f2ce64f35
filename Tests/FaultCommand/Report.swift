import ArgumentParser
import Faults
import Foundation
import PresenceCore

/// Runs faults and prints what came of each.
actor Report {
    private let seed: UInt64
    private let wishes: Wishes
    private let asTable: Bool
    private var results: [Row] = []
    private var failures = 0

    init(seed: UInt64, _ wishes: Wishes, asTable: Bool) {
        self.seed = seed
        self.wishes = wishes
        self.asTable = asTable
    }

    func run(_ name: String) async {
        do {
            let row = name == PlantedRuns.simulation ? try await simulate() : try await fail(name)
            results.append(row)
            tell(row)
        } catch {
            failures += 1
            Output.line("fault \(name): could not be run: \(error)")
        }
    }

    private func fail(_ name: String) async throws -> Row {
        guard let nemesis = Nemeses.named(name) else { throw ExitCode(2) }
        var run = FaultRun(nemesis, seed: seed, seconds: nemesis.soak == nil ? 8 : 7_200)
        wishes.apply(to: &run)
        let result = try await run.run()
        return Row(
            name: name, seconds: run.seconds, rounds: result.rounds, faults: result.rounds,
            operations: result.operations,
            breaches: result.breaches, folder: result.folder)
    }

    /// Courses of events on a Redis whose clock is driven, of as many seeds as there is time for.
    private func simulate() async throws -> Row {
        let plant = wishes.plant.flatMap(Plant.init)
        let seconds = wishes.seconds ?? 8
        // A plant is found within 400 seeds.
        let end = ContinuousClock.now + .seconds(plant == nil ? seconds : 600)
        let batch: UInt64 = 10
        var row = Row(name: PlantedRuns.simulation, seconds: seconds)
        var next = seed
        while ContinuousClock.now < end, row.breaches.isEmpty, plant == nil || next < seed + 400 {
            let part = try await Simulation.run(seeds: next..<next + batch, plant: plant)
            row.rounds += part.seeds
            row.faults += part.faults
            row.operations += part.operations
            row.breaches += part.findings.map {
                Breach(
                    invariant: "\($0.violation.invariant)",
                    detail: "\($0.violation) (seed \($0.seed), step \($0.steps.count))")
            }
            if let finding = part.findings.first { row.folder = try keep(finding) }
            next += batch
        }
        return row
    }

    /// Writes a course down that shows a violation.
    private func keep(_ finding: Simulation.Finding) throws -> String {
        let folder = NSTemporaryDirectory() + "presence-fault-simulation-\(finding.seed)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data("\(finding)\n".utf8).write(to: URL(filePath: "\(folder)/course.txt"))
        return folder
    }

    private func tell(_ result: Row) {
        Output.line(
            "fault \(result.name): \(result.rounds) rounds, \(result.operations) operations, "
                + "\(result.breaches.count) violations")
        var told: [String: Int] = [:]
        for breach in result.breaches {
            told[breach.invariant, default: 0] += 1
            if told[breach.invariant, default: 0] <= 3 { Output.line("  violation \(breach)") }
        }
        for (name, count) in told.sorted(by: { $0.key < $1.key }) where count > 3 {
            Output.line("  violation [\(name)] \(count) in all")
        }
        if let folder = result.folder { Output.line("  history: \(folder)") }
    }

    /// Prints the last line, and gives what the command ends with.
    func end() -> ExitCode {
        if asTable { printTable() }
        let operations = results.map(\.operations).reduce(0, +)
        let faults = results.map(\.faults).reduce(0, +)
        let violations = results.map(\.breaches.count).reduce(0, +)
        Output.line("seed \(seed), operations \(operations), faults \(faults), violations \(violations)")
        if violations > 0 { return ExitCode(1) }
        return failures > 0 ? ExitCode(3) : .success
    }

    private func printTable() {
        Output.line("\n| fault | rounds | operations | violations | again |\n|---|---|---|---|---|")
        let order = Catalogue.faults
        for result in results.sorted(by: { order.firstIndex(of: $0.name) ?? 0 < order.firstIndex(of: $1.name) ?? 0 }) {
            Output.line(
                "| `\(result.name)` | \(result.rounds) | \(result.operations) | \(result.breaches.count) "
                    + "| `Scripts/fault --only \(result.name) --seed \(seed) --seconds \(result.seconds)` |")
        }
        Output.line("")
    }
}

/// What came of one fault.
struct Row: Sendable {
    var name: String
    var seconds: Int
    var rounds = 0
    var faults = 0
    var operations = 0
    var breaches: [Breach] = []
    var folder: String?
}

/// Lines appear as they are printed, also in a pipe.
enum Output {
    static func line(_ text: String) { FileHandle.standardOutput.write(Data("\(text)\n".utf8)) }
    static func error(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }
}
