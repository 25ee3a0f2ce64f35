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
            let row = if let trial = Trial(rawValue: name) { try await make(trial) } else { try await fail(name) }
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
            name: name, again: " --seed \(seed) --seconds \(run.seconds)", rounds: result.rounds, faults: result.rounds,
            operations: result.operations, breaches: result.breaches, folder: result.folder)
    }

    private func make(_ trial: Trial) async throws -> Row {
        let seconds = wishes.seconds ?? 8
        let result = try await trial.run(seed: seed, seconds: seconds, plant: wishes.plant.flatMap(Plant.init))
        return Row(
            name: trial.rawValue, again: trial.arguments(seed: seed, seconds: seconds), rounds: result.rounds,
            faults: result.faults, operations: result.operations, breaches: result.breaches, folder: result.folder)
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

    /// It is not run, and why.
    func leaveOut(_ name: String, _ why: String) { Output.line("fault \(name): left out: \(why)") }

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
                    + "| `Scripts/fault --only \(result.name)\(result.again)` |")
        }
        Output.line("")
    }
}

/// What came of one fault.
struct Row: Sendable {
    var name: String
    /// What it is made by again, behind its name.
    var again: String
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
