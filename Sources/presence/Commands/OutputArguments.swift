import ArgumentParser
import Foundation
import Inspection
import JSON
import PresenceCore
import Synchronization

/// How a command tells what it found.
struct OutputArguments: ParsableArguments {
    @Flag(help: "Print JSON: one document, or one a line where it streams.")
    var json = false

    @Flag(help: "Tell on standard error how far it is, also where that is no terminal.")
    var progress = false

    /// - Parameter what: what is counted, as `shards of 128`.
    func progress(_ what: String = "") -> Progress { Progress(what, isForced: progress) }

    /// Prints the value in JSON, or these lines: what users and others wrote into them begins no other line, and does
    /// not speak to the terminal.
    func print(_ value: some JSONWritable, _ lines: @autoclosure () -> [String]) {
        Swift.print(json ? value.jsonText : lines().map(\.escaped).joined(separator: "\n"))
    }
}

/// JSON whose members a closure writes.
struct JSONObject: JSONWritable {
    let members: (inout JSONWriter) -> Void

    init(_ members: @escaping (inout JSONWriter) -> Void) { self.members = members }

    func write(to json: inout JSONWriter) { json.object(members) }
}

/// How far a command is, on standard error, on one line that is written anew: where that is a terminal, or it is asked
/// for; from one second on, so that what is quick is quiet.
final class Progress: Sendable {
    private static let quiet: Duration = .seconds(1)
    private static let pause: Duration = .milliseconds(250)

    private struct State {
        var next = ContinuousClock.now + Progress.quiet
        var isShown = false
    }

    private let what: String
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private let isForced: Bool
    private let state = Mutex(State())

    init(_ what: String, isForced: Bool) {
        self.what = what
        self.isForced = isForced
    }

    /// - Parameter count: how many are done.
    func tell(_ count: Int) { tell("\(count) \(what)") }

    /// - Parameter isEnd: of a part; where it is asked for, that is told however quick it was.
    func tell(_ text: String, isEnd: Bool = false) {
        guard isForced || isTerminal else { return }
        state.withLock { state in
            guard ContinuousClock.now >= state.next || isEnd && isForced else { return }
            state.next = .now + Self.pause
            state.isShown = true
            LogOutput.standardError.write(isTerminal ? "\r\u{1B}[K\(text)" : "\(text)\n")
        }
    }

    /// Takes the line away again.
    func end() {
        if isTerminal, state.withLock(\.isShown) { LogOutput.standardError.write("\r\u{1B}[K") }
    }
}

/// What is given to commands, refused as the API refuses it.
enum CommandInput {
    static func user(_ id: String) throws(StartError) -> UserID {
        do { return try UserID(id) } catch { throw StartError(.usage, "A user id \(error.message).") }
    }

    /// - Parameter flag: `--platform`
    static func checked<Value>(_ flag: String, _ read: () throws(InvalidInput) -> Value) throws(StartError) -> Value {
        do { return try read() } catch { throw StartError(.usage, "\(flag) \(error.message).") }
    }

    /// A number that has to be at least `least`.
    static func number(_ flag: String, _ number: Int?, from least: Int) throws(StartError) {
        guard let number, number < least else { return }
        throw StartError(.usage, "\(flag) must be a whole number from \(least) on.")
    }
}
