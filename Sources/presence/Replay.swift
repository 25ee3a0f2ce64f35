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
                var replayed = 0
                for shard in 0..<store.keys.shards { replayed += try await store.replayDeadLetters(of: shard) }
                print("\(replayed) dead letters are delivered once more")
            }
        }
    }
}
