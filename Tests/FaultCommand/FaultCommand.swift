import ArgumentParser
import Faults
import Foundation

/// Fails the service in every way, beside simulated users, and checks what they were told.
@main
struct FaultCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "Scripts/fault",
        abstract: "Fails the service in every way one machine can, beside simulated users, and checks its promises.")

    @Option(help: "How long users are at work beside each fault: 8, and for soak 7200.")
    var seconds: Int?

    @Option(help: "What every choice follows from.")
    var seed: UInt64 = 1

    @Option(help: "Only this fault.")
    var only: String?

    @Option(help: "Runs workers with this fault planted in them: it has to be found.")
    var plant: String?

    @Option(help: "How many users call through the backend: 24, and for soak 18000.")
    var users: Int?

    @Option(help: "How many users have a socket: 8, and for soak 2000.")
    var sockets: Int?

    @Option(help: "The program `two-versions` runs beside the one that was built.")
    var other: String?

    @Option(help: "How many faults at once.")
    var jobs = 3

    @Flag(help: "Prints what there is, one `fault NAME` or `plant NAME` a line.")
    var list = false

    @Flag(help: "Prints the table of the documentation.")
    var table = false

    @Flag(help: "Keeps every history, not only those in which something was found.")
    var keep = false

    func validate() throws {
        for (name, number, least) in [
            ("seconds", seconds, 1), ("users", users, 1), ("jobs", jobs, 1), ("sockets", sockets, 0),
        ] {
            if let number, number < least { throw ValidationError("--\(name) has to be \(least) at least") }
        }
        if let other, !FileManager.default.isExecutableFile(atPath: other) {
            throw ValidationError("--other has to be a program, and \(other) is none. \(Catalogue.howToGetAnother)")
        }
        if only == Catalogue.ofTwoVersions, other == nil { throw ValidationError(Catalogue.howToGetAnother) }
    }

    func run() async throws {
        if list { return Catalogue.print() }
        var names = try Catalogue.names(only: only, plant: plant)
        let wishes = Wishes(seconds: seconds, users: users, sockets: sockets, plant: plant, keepsHistory: keep)
        let report = Report(seed: seed, wishes, asTable: table)
        if let other {
            setenv("PRESENCE_OTHER_BINARY", other, 1)
        } else if let index = names.firstIndex(of: Catalogue.ofTwoVersions) {
            names.remove(at: index)
            await report.leaveOut(Catalogue.ofTwoVersions, Catalogue.howToGetAnother)
        }
        let heavy = names.filter { Nemeses.named($0)?.isHeavy ?? false }
        let others = names.filter { !heavy.contains($0) }
        await withTaskGroup(of: Void.self) { group in
            for (index, name) in others.enumerated() {
                if index >= jobs { await group.next() }
                group.addTask { await report.run(name) }
            }
        }
        for name in heavy { await report.run(name) }
        throw await report.end()
    }
}

/// What is to be otherwise than a fault has it by itself.
struct Wishes: Sendable {
    var seconds: Int?
    var users: Int?
    var sockets: Int?
    var plant: String?
    var keepsHistory = false

    func apply(to run: inout FaultRun) {
        if let seconds { run.seconds = seconds }
        if let users { run.size.users = users }
        if let sockets { run.size.sockets = sockets }
        (run.plant, run.keepsHistory) = (plant, keepsHistory)
    }
}
