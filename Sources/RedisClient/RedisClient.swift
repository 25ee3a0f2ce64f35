import Logging
import NIOCore

// Redis over SwiftNIO, its replies read by hiredis; knows nothing of what is stored.
//
// Promises
// - Every call ends as a value, or with one of three outcomes: not sent, rejected by the server, unknown. It ends
//   within its deadline, whatever the network or the server does.
// - Idempotent commands are repeated when that helps; others never once they may have reached the server.
// - The commands of one pipeline are executed and answered in order, but for those the server refused at first.
// - Commands issued in one turn of an event loop are one write.
// - A lost connection is opened again after a growing, random pause. A subscription says when it was lost.
//
// Does not
// - promise that a pipeline is atomic, or keep an order between calls;
// - speak TLS, Sentinel or Cluster, although every command names the key it is routed by;
// - keep bytes that are not UTF-8.

/// A client of one server, with one connection per event loop.
///
/// A cancelled caller still waits for the answer to what was sent, at most one command deadline.
package final class RedisClient: Sendable {
    /// The number of the database, part of the names of keyspace notifications' channels.
    package var database: Int { endpoint.database }

    private let node: RedisNode
    private let endpoint: RedisEndpoint
    private let eventLoopGroup: any EventLoopGroup
    let options: RedisClientOptions
    private let logger: Logger

    package init(
        endpoint: RedisEndpoint, eventLoopGroup: any EventLoopGroup, options: RedisClientOptions = .init(),
        logger: Logger
    ) {
        self.node = RedisNode(endpoint: endpoint, eventLoopGroup: eventLoopGroup, options: options, logger: logger)
        self.endpoint = endpoint
        self.eventLoopGroup = eventLoopGroup
        self.options = options
        self.logger = logger
    }

    /// Keeps the connections alive until the task is cancelled, then waits for the answers still due and closes.
    ///
    /// Until it runs commands wait for their deadline; after it ended they fail with `closed`.
    package func run() async {
        await node.run()
    }

    /// Sends one command and returns its reply.
    /// - Throws: `RedisError`; an error reply is `rejected`.
    package func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
        try await pipeline([command])[0].checked()
    }

    /// Sends the commands in one write and returns one reply each, in their order; an error reply is a value.
    ///
    /// A command the server refused for the moment (LOADING, BUSY ...) is repeated after the others.
    /// - Throws: `RedisError` if any command has no reply. With `notSent` none had an effect, with `unknown` any may.
    package func pipeline(_ commands: [RedisCommand]) async throws(RedisError) -> [RedisValue] {
        try await pipeline(RedisPipeline(commands))
    }

    /// The same for commands that are encoded already.
    package func pipeline(_ commands: RedisPipeline) async throws(RedisError) -> [RedisValue] {
        var retry = Retry(options, now: .now())
        return try await pipeline(commands, &retry)
    }

    /// The same as a part of a call that has one budget of retries for all its parts.
    func pipeline(_ commands: RedisPipeline, _ retry: inout Retry) async throws(RedisError) -> [RedisValue] {
        guard commands.count > 0 else { return [] }
        var values = try await exchange(commands, &retry)
        while true {
            let refused = values.indices.filter { values[$0].error?.kind.passesSoon == true }
            guard let kind = refused.first.flatMap({ values[$0].error?.kind }) else { break }
            guard await retry.pause(after: .rejected(kind), isIdempotent: true) else { break }
            let repeated = try await exchange(commands.commands(at: refused), &retry)
            for (index, value) in zip(refused, repeated) { values[index] = value }
        }
        // That an attempt was refused says nothing of an earlier one without an answer.
        if retry.hasUnknown, values.contains(where: { $0.error?.kind.leavesFateOpen == true }) { throw .answerLost }
        return values
    }

    /// Sends the command to every server that holds a part of the keys.
    package func sendToEveryMaster(_ command: RedisCommand) async throws(RedisError) -> [RedisValue] {
        [try await send(command)]
    }

    /// Listens to the channels on a connection of its own, until the stream is no longer read.
    ///
    /// Messages are hints: a reader that falls behind loses the oldest events.
    package func subscribe(to channels: [String]) -> AsyncStream<RedisSubscriptionEvent> {
        let (sets, continuation) = AsyncStream<Set<String>>.makeStream()
        continuation.yield(Set(channels))
        return subscribe(following: sets)
    }

    /// The same for channels that change: always the latest set. `subscribed` is told once per connection.
    package func subscribe(following sets: AsyncStream<Set<String>>) -> AsyncStream<RedisSubscriptionEvent> {
        AsyncStream(bufferingPolicy: .bufferingNewest(options.subscriptionEventsMax)) { events in
            let subscriber = RedisSubscriber(
                endpoint: endpoint, eventLoop: eventLoopGroup.next(), options: options, logger: logger, events: events)
            let task = Task { await subscriber.run(following: sets) }
            events.onTermination = { _ in task.cancel() }
        }
    }

    /// Asks the server what it is. To be called before it is trusted with data.
    /// - Throws: `RedisError`; its message says what to change if the server cannot be used.
    package func checkServer() async throws(RedisError) -> RedisServerInfo {
        let info = RedisServerInfo(try await send(RedisCommand(keyless: "INFO")).string ?? "")
        try info.check(allowEviction: options.allowEviction)
        return info
    }

    /// Sends the commands until all are answered or the retry gives up.
    private func exchange(
        _ commands: RedisPipeline, _ retry: inout Retry
    ) async throws(RedisError) -> [RedisValue] {
        while true {
            do {
                return try await node.connection.exchange(commands.bytes, replyCount: commands.count)
            } catch {
                guard await retry.pause(after: error.code, isIdempotent: commands.isIdempotent) else {
                    throw retry.hasUnknown ? error.afterUnknown : error
                }
            }
        }
    }
}
