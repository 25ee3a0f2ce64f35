import ArgumentParser
import Foundation
import Logging
import NIOPosix
import PresenceStore
import RedisClient

/// Which Redis a command looks into: the flags, environment and defaults of `presence serve`.
struct RedisArguments: ParsableArguments {
    @Option(name: .customLong("redis-url"), help: "Redis of the service; without it the private one of presence serve.")
    var redisURL: String?

    @Option(name: .customLong("redis-url-file"), help: "A file that holds the URL.")
    var redisURLFile: String?

    @Option(help: "First part of every key's name.")
    var redisPrefix: String?

    /// Runs the body with a store on that Redis, split as the service there has split it.
    /// - Throws: `StartError` with what to do if there is none.
    func withStore<Result>(_ body: (PresenceStore) async throws -> Result) async throws -> Result {
        let flags = [
            ("--redis-url", redisURL), ("--redis-url-file", redisURLFile), ("--redis-prefix", redisPrefix),
        ]
        return try await Self.withStore(flags: flags.flatMap { flag, value in value.map { [flag, $0] } ?? [] }, body)
    }

    /// The same for a command that takes the flags of `presence serve`.
    static func withStore<Result>(
        flags: [String], _ body: (PresenceStore) async throws -> Result
    ) async throws -> Result {
        let environment = ProcessInfo.processInfo.environment
        let sources = try ConfigurationSources(
            flags: flags, environment: environment, secrets: [.redisURL])
        let endpoint =
            try sources.redis() ?? EmbeddedRedis.endpoint(in: sources.stateFolder(environment: environment))
        let client = RedisClient(
            endpoint: endpoint, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: .service(level: .error))
        let prefix = try sources.redisPrefix()
        return try await withThrowingTaskGroup { group in
            group.addTask { await client.run() }
            defer { group.cancelAll() }
            do {
                let shards = try await PresenceStore.shards(on: client, prefix: prefix)
                guard let shards else {
                    throw StartError(.unavailable, "No service keeps presence there: is redis.prefix \(prefix) right?")
                }
                return try await body(
                    PresenceStore(
                        redis: client, keys: KeySpace(prefix: prefix, shards: shards),
                        options: StoreOptions(worker: "presence-query")))
            } catch let error as StoreError where error.code == .layout {
                throw StartError(.configuration, error.message, underlying: error)
            } catch let error as StoreError {
                throw StartError(
                    .unavailable, "\(error.message) Is a service running, or redis.url right?", underlying: error)
            }
        }
    }
}
