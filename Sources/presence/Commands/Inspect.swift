import ArgumentParser
import Inspection
import PresenceStore
import RedisClient

/// `presence inspect <user>`: why a user is in this state.
struct Inspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Tell why a user is Online, PushOnline or Offline.",
        discussion: """
            Reads what Redis has about the user, and changes nothing: the sessions and their timers, who ended those that \
            are over, the changes that are kept and what became of each, the shard, and the rules that apply. It ends in \
            redis-cli commands that show the same. Workers need not run.
            """)

    @OptionGroup var redis: RedisArguments
    @OptionGroup var output: OutputArguments

    @Argument(help: "The user's id.")
    var user: String

    func run() async throws {
        try await exitingWithSentence {
            let user = try CommandInput.user(user)
            try await redis.withStore { store in
                let progress = output.progress("events of the shard looked through")
                defer { progress.end() }
                let facts: UserFacts
                do {
                    facts = try await store.facts(of: user) { progress.tell($0) }
                } catch let error as StoreError where error.code == .corrupt && error.underlying == nil {
                    throw StartError(.unavailable, "\(error.message) Run presence doctor.")
                }
                let story = UserStory(
                    facts, commandLine: store.redis.redisCLI(slot: store.keys.slot(of: facts.shard.number)),
                    needsPassword: store.redis.needsPassword)
                output.print(story, story.lines)
            }
        }
    }
}
