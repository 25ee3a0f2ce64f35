import Faults
import Foundation
import Support
import Testing

/// The program behind `Scripts/fault`, which the tests are built with.
@Suite("Scripts/fault", .timeLimit(.minutes(10)))
struct FaultCommandTests {
    private static let binary = URL(filePath: PresenceProcess.binary).deletingLastPathComponent()
        .appending(path: "fault").path

    private static func run(_ arguments: String...) async throws -> (output: String, status: Int32?) {
        try await run(arguments)
    }

    private static func run(_ arguments: [String]) async throws -> (output: String, status: Int32?) {
        let folder = try temporaryFolder("fault-command")
        defer { removeFolder(folder) }
        let child = try ChildProcess([binary] + arguments, folder: folder, log: "output")
        try await eventually(timeout: .seconds(300), else: "it does not end: \(child.log)") { !child.isRunning }
        return (child.log, child.exitStatus)
    }

    @Test("--list tells every fault and every plant, one a line")
    func list() async throws {
        let (output, status) = try await Self.run("--list")
        #expect(status == 0)
        let lines = output.split(separator: "\n")
        #expect(lines.allSatisfy { $0.wholeMatch(of: /(fault|plant) [a-z0-9-]+/) != nil }, "\(output)")
        #expect(
            Set(lines).isSuperset(of: ["fault kill-redis", "fault flushall", "fault slot-move", "fault simulation"]))
        #expect(Set(lines).isSuperset(of: Trial.allCases.map { "fault \($0.rawValue)" }))
        #expect(Set(lines).isSuperset(of: ["plant login-done-twice", "plant acknowledged-unread"]))
        #expect(Set(lines).count == lines.count)
    }

    @Test("A name that there is none of is refused with a sentence", arguments: ["--only", "--plant"])
    func unknown(_ flag: String) async throws {
        let (output, status) = try await Self.run(flag, "nonsense")
        #expect(status == 2)
        #expect(output.contains("there is no") && output.contains("nonsense") && output.contains("--list"))
    }

    @Test(
        "A number nothing can be run with is refused by name",
        arguments: [("--seconds", 0), ("--users", 0), ("--jobs", 0), ("--jobs", -1), ("--sockets", -1)])
    func numbers(_ flag: String, _ number: Int) async throws {
        let (output, status) = try await Self.run("--only", "calm", "\(flag)=\(number)")
        #expect(status == 64, "\(output)")
        #expect(output.contains("\(flag) has to be"), "\(output)")
    }

    @Test("Who wants two versions is told how to get another", arguments: [[], ["--other", "/nowhere/presence"]])
    func anotherVersion(_ other: [String]) async throws {
        let (output, status) = try await Self.run(["--only", "two-versions"] + other)
        #expect(status == 64, "\(output)")
        let page = try DocumentationPage.named("Faults").text
        for command in ["git worktree add", "swift build --package-path", "--only two-versions --other"] {
            #expect(output.contains(command) && page.contains(command), "\(output)")
        }
    }

    @Test("What is tried whole is run by its name, and says what there was")
    func trial() async throws {
        let (output, status) = try await Self.run("--only", "interleavings", "--table")
        #expect(status == 0, "\(output)")
        #expect(output.contains(/fault interleavings: 64 rounds, [1-9]\d+ operations, 0 violations/), "\(output)")
        #expect(output.contains("| `Scripts/fault --only interleavings` |"), "\(output)")
    }

    @Test("A run with a planted fault ends with 1, and names the invariant", .enabled(if: isDebugBuild))
    func planted() async throws {
        let (output, status) = try await Self.run("--plant", "login-done-twice", "--seed", "1")
        #expect(status == 1, "\(output)")
        #expect(output.contains(/violation \[\w+\] an answer is what the rules say/), "\(output)")
        let last = output.split(separator: "\n").last ?? ""
        #expect(last.wholeMatch(of: /seed 1, operations \d+, faults \d+, violations [1-9]\d*/) != nil, "\(output)")
    }

    @Test("A run in which nothing is found ends with 0, and its last line says what there was")
    func innocent() async throws {
        let (output, status) = try await Self.run(
            "--only", "script-flush", "--seed", "5", "--seconds", "2", "--users", "6", "--sockets", "1")
        #expect(status == 0, "\(output)")
        let last = output.split(separator: "\n").last ?? ""
        #expect(last.wholeMatch(of: /seed 5, operations [1-9]\d*, faults [1-9]\d*, violations 0/) != nil, "\(output)")
    }
}

/// Faults are planted in debug builds only.
private let isDebugBuild: Bool = {
    #if DEBUG
        true
    #else
        false
    #endif
}()
