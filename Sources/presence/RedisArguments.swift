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

    @Option(name: .customLong("redis-ca-file"), help: "PEM file of the CAs trusted for a Redis over TLS.")
    var redisCAFile: String?

    @Option(help: "PEM file of the certificate that is shown to Redis.")
    var redisCertificateFile: String?

    @Option(help: "PEM file of its key.")
    var redisKeyFile: String?

    @Option(help: "Name the certificate of Redis must be for.")
    var redisServerName: String?

    @Option(help: "First part of every key's name.")
    var redisPrefix: String?

    /// Runs the body with a store on that Redis, split as the service there has split it.
    /// - Throws: `StartError` with what to do if there is none.
    func withStore<Result>(_ body: (PresenceStore) async throws -> Result) async throws -> Result {
        let flags = [
            ("--redis-url", redisURL), ("--redis-url-file", redisURLFile), ("--redis-ca-file", redisCAFile),
            ("--redis-certificate-file", redisCertificateFile), ("--redis-key-file", redisKeyFile),
            ("--redis-server-name", redisServerName), ("--redis-prefix", redisPrefix),
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
        let named = try sources.redis()
        let endpoint = try named ?? EmbeddedRedis.endpoint(in: sources.stateFolder(environment: environment))
        var options = RedisClientOptions()
        // That is for the service to refuse.
        options.allowEviction = true
        options.tls = try sources.redisTLS(for: named)
        let client = RedisClient(
            endpoint: endpoint, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, options: options,
            logger: .service(level: .error))
        let prefix = try sources.redisPrefix()
        return try await withThrowingTaskGroup { group in
            group.addTask { await client.run() }
            defer { group.cancelAll() }
            func store(shards: Int, rules: SharedRules? = nil) -> PresenceStore {
                let name = "presence-command"
                return PresenceStore(
                    redis: client, keys: KeySpace(prefix: prefix, shards: shards),
                    options: rules.map { StoreOptions(worker: name, rules: $0) } ?? StoreOptions(worker: name))
            }
            do {
                _ = try await client.checkServer()
                guard let shards = try await PresenceStore.shards(on: client, prefix: prefix) else {
                    throw StartError(.unavailable, "No service keeps presence there: is redis.prefix \(prefix) right?")
                }
                return try await body(store(shards: shards, rules: Self.rules(of: store(shards: shards))))
            } catch let error as RedisError {
                throw Self.startError(error.message, error)
            } catch let error as StoreError where error.code == .layout {
                throw StartError(.configuration, error.message, underlying: error)
            } catch let error as StoreError {
                let complaint = error.isForbidden ? try? await store(shards: 1).complaintAboutPermissions() : nil
                throw Self.startError((complaint ?? error).message, error.underlying as? RedisError ?? error)
            }
        }
    }

    /// The rules that stand, by which a command acts as the workers do; nil where none can be read.
    private static func rules(of store: PresenceStore) async throws(StoreError) -> SharedRules? {
        do { return try await store.adoptedRules()?.rules } catch {
            guard error.code == .corrupt else { throw error }
            return nil
        }
    }

    private static func startError(_ message: String, _ error: any Error) -> StartError {
        guard let error = error as? RedisError, !error.passesSoon else {
            return StartError(
                .unavailable, "\(message) Is a service running, or redis.url right?", underlying: error)
        }
        return StartError(.configuration, message, underlying: error)
    }
}
