import ArgumentParser
import PresenceStore

/// `presence replay`: the dead letters are delivered once more.
struct Replay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Deliver the dead letters once more.",
        discussion: "For when the receiver takes what it refused. It gets them after later events of the same users.")

    @OptionGroup var redis: RedisArguments

    func run() async throws {
        try await exitingWithSentence {
            try await redis.withStore { store in
                var (replayed, left, hasFailed) = (0, 0, false)
                for shard in 0..<store.keys.shards {
                    do {
                        let answer = try await store.replayDeadLetters(of: shard)
                        replayed += answer.replayed
                        left += answer.left
                    } catch let error as StoreError where error.code == .corrupt {
                        hasFailed = true
                        let reason = error.underlying.map { "\($0)" } ?? error.message
                        print("\(store.keys.dead(shard)) cannot be replayed: \(reason)")
                    }
                }
                print("\(replayed) dead letters are delivered once more")
                if left > 0 { print("\(left) are left: run this again when those are delivered") }
                if hasFailed { throw ExitCode.failure }
            }
        }
    }
}
