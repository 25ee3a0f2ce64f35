import Faults
import Foundation
import Support
import Testing

/// The checker of the fault suite is held against a history that was recorded (`Scripts/fault --only calm --keep`), and
/// against all the ways to falsify it.
@Suite("The checker of histories")
struct CheckerTests {
    private static let recorded = Result {
        let file = Repository.root.appending(path: "Tests/FaultTests/Histories/calm.json")
        return try JSONDecoder().decode(History.self, from: Data(contentsOf: file))
    }

    @Test("Nothing is found in a history of a run without faults")
    func innocent() throws {
        let found = try Self.recorded.get().breaches
        #expect(found.isEmpty, "\(found.prefix(5))")
    }

    @Test("What may not be is found", arguments: Mutation.all.indices)
    func guilt(_ index: Int) throws {
        let mutation = Mutation.all[index]
        var history = try Self.recorded.get()
        try #require(mutation.apply(&history), "there is nothing to falsify: \(mutation.name)")
        let found = Set(history.breaches.map(\.invariant))
        #expect(found.contains(mutation.caughtBy), "\(mutation.name): found were only \(found.sorted())")
    }

    @Test("Every invariant is one that a falsified history breaks")
    func every() {
        let caught = Set(Mutation.all.map(\.caughtBy))
        // What never became quiet, or grew, is found by watching, and only told by the history.
        #expect(Set(Invariant.all.map(\.name)).subtracting(caught) == ["quiet", "growth"])
    }

    @Test("What is declared lost may be lost; what was acknowledged before may not")
    func declaredLoss() throws {
        var history = try Self.recorded.get()
        let mutation = try #require(Mutation.all.first { $0.name == "a lost acknowledged change" })
        let call = try #require(history.calls.first { $0.kind == .login && $0.isOK && $0.version != nil })
        #expect(mutation.apply(&history))
        #expect(history.breaches.contains { $0.invariant == "acknowledged" })
        history.losses = [.init(fromMs: call.endedMs + 300, toMs: call.endedMs + 600, sinceMs: call.endedMs + 600)]
        #expect(history.breaches.contains { $0.invariant == "acknowledged" })
        history.losses = [.init(fromMs: call.begunMs, toMs: call.endedMs, sinceMs: call.endedMs)]
        #expect(!history.breaches.contains { $0.invariant == "acknowledged" })
    }

    @Test("A history is the same after it was written and read")
    func written() throws {
        let folder = try temporaryFolder("history")
        defer { removeFolder(folder) }
        let history = try Self.recorded.get()
        try history.write(to: folder)
        let read = try History(folder: folder)
        #expect(read.calls == history.calls && read.attempts == history.attempts && read.dump == history.dump)
        let lines = try String(contentsOfFile: "\(folder)/calls.jsonl", encoding: .utf8).split(separator: "\n")
        #expect(lines.count == history.calls.count)
    }
}
