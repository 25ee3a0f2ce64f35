import ArgumentParser
import Inspection
import JSON
import Logging
import Logs
import PresenceCore
import PresenceStore

/// `presence dead replay`, and `presence replay`, as it was called first.
struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Deliver dead letters once more.",
        discussion: """
            For when the receiver takes what it refused: it gets them in the order of each user, after what it has of \
            that user already and before what comes. Times are those of the changes (EventTime).
            """)

    @OptionGroup var redis: RedisArguments
    @OptionGroup var output: OutputArguments
    @OptionGroup var which: DeadLetterArguments

    func run() async throws {
        try await exitingWithSentence {
            let filter = try which.filter()
            try await redis.withStore { store in
                if let adopted = try await store.adoptedRules(), !adopted.rules.hasReceiver {
                    throw StartError(
                        .unavailable,
                        "The service has no receiver: start its workers with callback.url, then try again.")
                }
                let (all, isWhole) = try await Logger.audited(.replay, [.count: "0"]) { work in
                    let done = try await replay(filter, in: store, work)
                    work.outcome = !done.isWhole ? .failed : done.0.replayed > 0 ? .done : nil
                    return done
                }
                output.print(Self.told(all), Self.lines(all))
                if !isWhole { throw ExitCode.failure }
            }
        }
    }

    /// - Returns: `isWhole` is false where a shard's letters are damaged; that is told on standard error.
    private func replay(
        _ filter: DeadLetterFilter, in store: PresenceStore, _ work: AuditedWork
    ) async throws -> (ReplayAnswer, isWhole: Bool) {
        let progress = output.progress("of \(store.keys.shards) shards replayed")
        defer { progress.end() }
        var (all, isWhole) = (ReplayAnswer(), true)
        for shard in DeadLetterArguments.shards(filter, in: store) {
            do {
                let answer = try await store.replayDeadLetters(of: shard, filter)
                all.replayed += answer.replayed
                all.left += answer.left
                all.unreadable += answer.unreadable
                work.about[.count] = "\(all.replayed)"
            } catch {
                guard error.code == .corrupt else { throw error }
                isWhole = false
                let reason = error.underlying.map { "\($0)" } ?? error.message
                LogOutput.standardError.write("presence: \(store.keys.dead(shard)) cannot be replayed: \(reason)\n")
            }
            progress.tell(shard + 1)
        }
        return (all, isWhole)
    }

    private static func lines(_ answer: ReplayAnswer) -> [String] {
        var lines = ["\(answer.replayed) dead letters are delivered once more"]
        if answer.left > 0 { lines.append("\(answer.left) are left: run this again when those are delivered") }
        if answer.unreadable > 0 {
            lines.append("\(answer.unreadable) cannot be read by this version and are left alone")
        }
        return lines
    }

    private static func told(_ answer: ReplayAnswer) -> JSONObject {
        JSONObject { json in
            json.member("replayed", answer.replayed)
            json.member("left", answer.left)
            json.member("unreadable", answer.unreadable)
        }
    }
}
