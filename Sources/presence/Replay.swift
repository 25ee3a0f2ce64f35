import ArgumentParser
import Foundation
import PresenceCore
import PresenceStore

/// `presence replay`: dead letters are delivered once more.
struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Deliver dead letters once more.",
        discussion: """
            For when the receiver takes what it refused: it gets them in the order of each user, after what it has of \
            that user already and before what comes. Times are those of the changes (EventTime).
            """)

    @OptionGroup var redis: RedisArguments

    @Option(help: "Only changes from this time on: 2026-11-26T10:00:00Z, or milliseconds since 1970.")
    var since: String?

    @Option(help: "Only changes up to this time.")
    var until: String?

    @Option(help: "Only changes of this user.")
    var user: String?

    func run() async throws {
        try await exitingWithSentence {
            let filter = try filter()
            try await redis.withStore { store in
                if let adopted = try await store.adoptedRules(), !adopted.rules.hasReceiver {
                    throw StartError(
                        .unavailable,
                        "The service has no receiver: start its workers with callback.url, then try again.")
                }
                var (replayed, left, unreadable, hasFailed) = (0, 0, 0, false)
                let shards = filter.user.map { [store.keys.shard(of: $0)] } ?? Array(0..<store.keys.shards)
                for shard in shards {
                    do {
                        let answer = try await store.replayDeadLetters(of: shard, filter)
                        replayed += answer.replayed
                        left += answer.left
                        unreadable += answer.unreadable
                    } catch let error as StoreError where error.code == .corrupt {
                        hasFailed = true
                        let reason = error.underlying.map { "\($0)" } ?? error.message
                        print("\(store.keys.dead(shard)) cannot be replayed: \(reason)")
                    }
                }
                print("\(replayed) dead letters are delivered once more")
                if left > 0 { print("\(left) are left: run this again when those are delivered") }
                if unreadable > 0 { print("\(unreadable) cannot be read by this version and are left alone") }
                if hasFailed { throw ExitCode.failure }
            }
        }
    }

    func filter() throws -> DeadLetterFilter {
        let from = try since.map { try Self.milliseconds($0, "--since") } ?? 0
        let to = try until.map { try Self.milliseconds($0, "--until") } ?? Int.max
        guard from <= to else { throw StartError(.usage, "--since must not be later than --until.") }
        do {
            return DeadLetterFilter(changedAtMs: from...to, user: try user.map { try UserID($0) })
        } catch let error as InvalidInput {
            throw StartError(.usage, "A user id \(error.message).")
        }
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
}
