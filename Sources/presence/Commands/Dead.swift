import ArgumentParser
import Callbacks
import Foundation
import Inspection
import JSON
import Logging
import Logs
import NIOCore
import PresenceCore
import PresenceStore

/// `presence dead`: changes the receiver will not take.
struct Dead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List, show, replay or drop dead letters.",
        discussion: """
            A dead letter is a change the receiver refused for good, or did not accept for a day, whole and with the \
            reason. What the receiver takes by now is replayed, what nobody wants is dropped.
            """,
        subcommands: [List.self, Show.self, Replay.self, Drop.self])

    /// `presence dead list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Count dead letters by reason, and list the latest changes among them.")

        private static let limitMax = 10_000
        private static let skipMax = 1_000_000

        @OptionGroup var redis: RedisArguments
        @OptionGroup var output: OutputArguments
        @OptionGroup var which: DeadLetterArguments

        @Option(help: "How many are listed, 10000 at most.")
        var limit = 20

        @Option(help: "How many are left out before.")
        var skip = 0

        func run() async throws {
            try await exitingWithSentence {
                try CommandInput.number("--limit", limit, from: 0)
                try CommandInput.number("--skip", skip, from: 0)
                guard limit <= Self.limitMax else {
                    throw StartError(.usage, "--limit must be at most \(Self.limitMax): --skip tells the next ones.")
                }
                guard skip <= Self.skipMax else {
                    throw StartError(
                        .usage, "--skip must be at most \(Self.skipMax): name less with --since, --until or --user.")
                }
                let filter = try which.filter()
                try await redis.withStore { store in
                    var page = DeadLetterPage(first: skip, limit: limit)
                    let isWhole = try await DeadLetterArguments.each(filter, in: store, output) { letter, shard in
                        page.add(letter, of: shard)
                    }
                    page.gone = try await store.goneLetters(of: DeadLetterArguments.shards(filter, in: store))
                    let now = try await store.timeMs()
                    output.print(page, page.lines(nowMs: now))
                    if !isWhole { throw ExitCode.failure }
                }
            }
        }
    }

    /// `presence dead show <letter>`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show a dead letter whole, with the body it would be posted as.")

        @OptionGroup var redis: RedisArguments
        @OptionGroup var output: OutputArguments

        @Argument(help: "A letter as presence dead list prints it: 71/1795253203597-0.")
        var letter: String

        func run() async throws {
            try await exitingWithSentence {
                try await redis.withStore { store in
                    let name: LetterName
                    do { name = try LetterName(letter, shards: store.keys.shards) } catch let error as InvalidInput {
                        throw StartError(.usage, "A letter \(error.message).")
                    }
                    guard let (letter, fields) = try await store.deadLetter(name.entry, of: name.shard) else {
                        throw StartError(.unavailable, "There is no dead letter \(name): see presence dead list.")
                    }
                    let now = try await store.timeMs()
                    let body = letter.entry.change.map { String(buffer: CallbackBody.bytes(of: $0)) }
                    output.print(
                        ToldLetter(name: name, letter: letter, body: body),
                        lines(name, letter, fields, body, nowMs: now))
                }
            }
        }

        private func lines(
            _ name: LetterName, _ letter: DeadLetter, _ fields: [(String, String)], _ body: String?, nowMs: Int
        ) -> [String] {
            let width = fields.map(\.0.count).max() ?? 0
            let lines = fields.map { "  " + $0.0 + String(repeating: " ", count: width - $0.0.count) + "  \($0.1)" }
            return ["\(name)  \(letter.words(nowMs: nowMs))"] + lines + [body ?? "No event this version can read."]
        }
    }

    /// `presence dead drop`.
    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Drop dead letters for good.",
            discussion: """
                They are told to nobody any more; Redis counts them as discarded. Those this version cannot read are \
                dropped only where neither a user nor a time is named. Asks at a terminal, elsewhere it needs --yes.
                """)

        @OptionGroup var redis: RedisArguments
        @OptionGroup var output: OutputArguments
        @OptionGroup var which: DeadLetterArguments

        @Flag(help: "Do not ask.")
        var yes = false

        func run() async throws {
            try await exitingWithSentence {
                let filter = try which.filter()
                try await redis.withStore { store in
                    var entries: [Shard: [String]] = [:]
                    let isWhole = try await DeadLetterArguments.each(filter, in: store, output) { letter, shard in
                        entries[shard, default: []].append(letter.entry.position)
                    }
                    let count = entries.values.map(\.count).reduce(0, +)
                    if count > 0 { try confirm(count) }
                    let dropped = count > 0 ? try await drop(entries, from: store) : 0
                    output.print(JSONObject { $0.member("dropped", dropped) }, ["\(dropped) dead letters are dropped"])
                    if !isWhole { throw ExitCode.failure }
                }
            }
        }

        private func drop(_ entries: [Shard: [String]], from store: PresenceStore) async throws -> Int {
            try await Logger.audited(.drop, [.count: "0"]) { work in
                var dropped = 0
                for (shard, entries) in entries {
                    dropped += try await store.dropDeadLetters(entries, of: shard)
                    work.about[.count] = "\(dropped)"
                }
                return dropped
            }
        }

        private func confirm(_ count: Int) throws {
            guard !yes else { return }
            guard isatty(STDIN_FILENO) == 1 else {
                throw StartError(.usage, "\(count) dead letters would be dropped for good: say --yes.")
            }
            print("\(count) dead letters would be dropped for good. Type yes: ", terminator: "")
            fflush(nil)
            guard readLine() == "yes" else { throw StartError(.usage, "Nothing was dropped.") }
        }
    }
}

/// Which dead letters are meant.
struct DeadLetterArguments: ParsableArguments {
    @Option(help: "Only changes from this time on: 2026-11-26T10:00:00Z, or milliseconds since 1970.")
    var since: String?

    @Option(help: "Only changes up to this time.")
    var until: String?

    @Option(help: "Only changes of this user.")
    var user: String?

    func filter() throws(StartError) -> DeadLetterFilter {
        let from = try since.map { text throws(StartError) in try Self.milliseconds(text, "--since") } ?? 0
        let to = try until.map { text throws(StartError) in try Self.milliseconds(text, "--until") } ?? Int.max
        guard from <= to else { throw StartError(.usage, "--since must not be later than --until.") }
        return DeadLetterFilter(
            changedAtMs: from...to, user: try user.map { id throws(StartError) in try CommandInput.user(id) })
    }

    private static func milliseconds(_ text: String, _ flag: String) throws(StartError) -> Int {
        if let milliseconds = Int(text), milliseconds >= 0 { return milliseconds }
        for style in [Date.ISO8601FormatStyle(), Date.ISO8601FormatStyle(includingFractionalSeconds: true)] {
            if let date = try? style.parse(text), date.timeIntervalSince1970 >= 0 {
                return Int((date.timeIntervalSince1970 * 1_000).rounded())
            }
        }
        throw StartError(.usage, "\(flag) \(text) must be a time as 2026-11-26T10:00:00Z, or milliseconds since 1970.")
    }

    static func shards(_ filter: DeadLetterFilter, in store: PresenceStore) -> [Shard] {
        filter.user.map { [store.keys.shard(of: $0)] } ?? Array(0..<store.keys.shards)
    }

    /// Hands over the letters that are meant, shard by shard. Those that cannot be read are meant where all are.
    /// - Returns: false where a shard's letters are damaged; that is told on standard error.
    static func each(
        _ filter: DeadLetterFilter, in store: PresenceStore, _ output: OutputArguments,
        _ body: (DeadLetter, Shard) -> Void
    ) async throws -> Bool {
        let progress = output.progress("of \(store.keys.shards) shards looked through")
        defer { progress.end() }
        let areAllMeant = filter.user == nil && filter.changedAtMs == 0...Int.max
        var isWhole = true
        for shard in shards(filter, in: store) {
            do {
                for letter in try await store.deadLetters(of: shard) {
                    guard letter.entry.change.map(filter.takes) ?? areAllMeant else { continue }
                    body(letter, shard)
                }
            } catch {
                guard error.code == .corrupt else { throw error }
                isWhole = false
                LogOutput.standardError.write("presence: \(store.keys.dead(shard)) cannot be read: \(error.message)\n")
            }
            progress.tell(shard + 1)
        }
        return isWhole
    }
}
