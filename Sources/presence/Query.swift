import ArgumentParser

/// `presence query <user...>`: what Redis has on record, readable.
struct Query: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show users' presence.")

    @Option(name: .customLong("redis-url"), help: "Redis of the service; without it the private one of presence serve.")
    var redisURL: String?

    @Option(help: "First part of every key's name.")
    var redisPrefix = ConfigurationKey.redisPrefix.fallback

    @Argument(help: "Ids of users.")
    var users: [String]
}
