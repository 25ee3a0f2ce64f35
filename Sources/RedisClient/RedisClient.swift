import Logging
import NIOCore
import Telemetry

// Redis over SwiftNIO, its replies read by hiredis; knows nothing of what is stored.
//
// Rooms: Codec (bytes), Connection (one socket and what is sent over it), Node (one server), Topology (which servers are
// the masters, and what a reply asks for), Subscription.
//
// Promises
// - Every command that was to be sent ends as a value, or as not sent, rejected by the server, or unknown. It ends within
//   its call's deadline and that of one more command, whatever the network or the servers do.
// - Every command of a call has an outcome of its own: a server that is away fails the commands for its keys alone.
// - Idempotent commands are repeated when that helps; others never once they may have reached the server.
// - The commands of one call for one server are executed and answered in order, but for those refused at first.
// - Commands issued in one turn of an event loop for one server are one write.
// - A lost connection is opened again after a growing, random pause. A subscription says when it was lost.
// - Masters that change are followed: sentinels and clusters are asked whenever something hints at a change.
//
// Does not
// - promise that a call is atomic, or keep an order between calls;
// - read from replicas;
// - keep bytes that are not UTF-8.

/// A client of one server, of one that sentinels watch, or of a cluster, with a connection per event loop and server.
///
/// A cancelled caller still waits for the answer to what was sent, at most one command deadline.
package final class RedisClient: Sendable {
    /// The number of the database, part of the names of keyspace notifications' channels.
    package var database: Int { endpoint.database }

    let connector: RedisConnector
    let eventLoopGroup: any EventLoopGroup
    let table: NodeTable
    let logger: Logger
    private let figures: RedisFigures
    private let refresher: TopologyRefresher

    var endpoint: RedisEndpoint { connector.endpoint }
    var options: RedisClientOptions { connector.options }

    /// Whether the keys are spread over several masters.
    package var isCluster: Bool { endpoint.servers.isCluster }

    package init(
        endpoint: RedisEndpoint, eventLoopGroup: any EventLoopGroup, options: RedisClientOptions = .init(),
        instruments: Instruments = .none, logger: Logger
    ) {
        let connector = RedisConnector(endpoint: endpoint, options: options, logger: logger)
        let source = TopologySource(connector: connector, eventLoopGroup: eventLoopGroup)
        let refresher = TopologyRefresher(source: source, logger: logger)
        let watch = RedisNode.Watch(
            vouch: { address throws(RedisError) in try await source.vouch(for: address) },
            lost: refresher.hint)
        table = NodeTable(Topology(known: endpoint.servers)) { address in
            RedisNode(
                at: address, over: connector, on: eventLoopGroup, watch: watch,
                figures: NodeFigures(of: address, instruments), logger: logger)
        }
        figures = RedisFigures(instruments)
        figures.watch(table)
        self.refresher = refresher
        self.connector = connector
        self.eventLoopGroup = eventLoopGroup
        self.logger = logger
    }

    /// Keeps the connections alive until the task is cancelled, then waits for the answers still due and closes.
    ///
    /// Until it runs commands wait for their deadline; after it ended those for the masters known fail with `closed`.
    package func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.refresher.run(self.table) }
            for await node in self.table.opened { group.addTask { await node.run() } }
        }
    }

    /// Something is not as it is known: the masters may have changed.
    func hint() { refresher.hint() }

    /// Sends one command and returns its reply.
    /// - Throws: `RedisError`; an error reply is `rejected`.
    package func send(_ command: RedisCommand) async throws(RedisError) -> RedisValue {
        try await pipeline([command])[0].get()
    }

    /// Sends the commands together and returns what became of each, in their order.
    package func pipeline(_ commands: [RedisCommand], patience: RedisPatience = .caller) async -> [RedisResult] {
        await pipeline(RedisPipeline(commands), patience: patience)
    }

    /// The same for commands that are encoded already.
    package func pipeline(_ commands: RedisPipeline, patience: RedisPatience = .caller) async -> [RedisResult] {
        guard commands.count > 0 else { return [] }
        let start = NIODeadline.now()
        let routes = table.routes
        var results: [RedisResult]
        if let node = routes.node(forAllOf: commands) {
            results = await node.exchange(commands.bytes, replyCount: commands.count)
        } else {
            results = await scatter(commands, routes)
        }
        if results.allSatisfy(\.isAnswer) { return results }
        let unanswered = results.indices.filter { !results[$0].isAnswer }
        let ended = await retry(
            commands, Retry(options, patience: patience, now: start),
            after: unanswered.map { position in
                RedisCall.Outcome(
                    attempt: RedisCall.Attempt(position: position), result: routes.explained(results[position]),
                    asked: commands.slot(of: position).flatMap(routes.owner))
            })
        for position in unanswered { results[position] = ended[position] }
        return results
    }

    /// Sends every command to the node that has its key, all nodes at the same time.
    private func scatter(_ commands: RedisPipeline, _ routes: NodeTable.Routes) async -> [RedisResult] {
        var results = [RedisResult](repeating: routes.nobody, count: commands.count)
        await withTaskGroup { group in
            for part in routes.parts(of: commands) {
                group.addTask { (part, await part.node.exchange(part.bytes, replyCount: part.positions.count)) }
            }
            for await (part, answers) in group {
                for (position, answer) in zip(part.positions, answers) { results[position] = answer }
            }
        }
        return results
    }

    /// Runs the script and returns what it returned.
    /// - Throws: `RedisError`; an error the script returned is `rejected`.
    package func evaluate(
        _ script: RedisScript, keys: [String], arguments: [String]
    ) async throws(RedisError) -> RedisValue {
        try await evaluate([RedisScriptCall(script, keys: keys, arguments: arguments)])[0].get()
    }

    /// Runs the calls together and returns what became of each, in their order.
    ///
    /// Scripts a server does not know are sent to it, each once and in one write with their calls, which come after the
    /// others.
    package func evaluate(_ calls: [RedisScriptCall], patience: RedisPatience = .caller) async -> [RedisResult] {
        await pipeline(RedisPipeline(calls), patience: patience)
    }
}

/// Rounds of attempts.
extension RedisClient {
    /// Makes the attempts that these outcomes lead to, until nothing is left to try.
    /// - Returns: what became of each command; of one that was not attempted it says nothing.
    private func retry(
        _ commands: RedisPipeline, _ retry: Retry, after first: [RedisCall.Outcome]
    ) async -> [RedisResult] {
        var call = RedisCall(
            commands: commands.count, isIdempotent: commands.isIdempotent, followsRedirections: isCluster,
            retry: retry)
        var outcomes = first
        while true {
            figures.count(outcomes)
            learn(from: outcomes)
            call.received(outcomes)
            guard let (pause, attempts) = call.round(now: .now()) else { break }
            if pause > .zero { do { try await Task.sleep(for: pause) } catch { break } }
            outcomes = await exchange(commands, attempts)
        }
        return call.ended
    }

    /// Makes these attempts, and those they lead to.
    func attempt(_ commands: RedisPipeline, _ attempts: [RedisCall.Attempt]) async -> [RedisResult] {
        let budget = Retry(options, patience: .caller, now: .now())
        return await retry(commands, budget, after: await exchange(commands, attempts))
    }

    /// Makes each attempt once: those for one server in one write, all servers at the same time.
    private func exchange(
        _ commands: RedisPipeline, _ attempts: [RedisCall.Attempt]
    ) async -> [RedisCall.Outcome] {
        let routes = table.routes
        var outcomes = attempts.map { RedisCall.Outcome(attempt: $0, result: routes.nobody, asked: nil) }
        var batches: [ObjectIdentifier: (node: RedisNode, batch: NodeBatch)] = [:]
        for (index, attempt) in attempts.enumerated() {
            guard let node = node(for: attempt, of: commands, routes) else { continue }
            batches[ObjectIdentifier(node), default: (node, NodeBatch())].batch.append(attempt, index, of: commands)
        }
        await withTaskGroup { group in
            for (node, batch) in batches.values {
                group.addTask { (node, batch, await node.exchange(batch.bytes, replyCount: batch.replyCount)) }
            }
            for await (node, batch, results) in group {
                batch.deliver(results, of: attempts, of: commands) { index, result in
                    outcomes[index].result = routes.explained(result)
                    outcomes[index].asked = node.address
                }
            }
        }
        return outcomes
    }

    private func node(
        for attempt: RedisCall.Attempt, of commands: RedisPipeline, _ routes: NodeTable.Routes
    ) -> RedisNode? {
        switch attempt.place {
        case .owner: routes.node(for: commands.slot(of: attempt.position))
        case .server(let address, _) where attempt.place == attempt.origin: routes.node(at: address)
        case .server(let address, _): table.node(at: address)
        }
    }

    /// Replies that tell of a change of the masters.
    private func learn(from outcomes: [RedisCall.Outcome]) {
        guard endpoint.hasManyServers else { return }
        for outcome in outcomes {
            guard case .failure(let error) = outcome.result else { continue }
            switch error.code {
            case .rejected(.moved):
                if let asked = outcome.asked, let reply = error.underlying as? RedisReplyError,
                    let moved = Redirection(reply.message, from: asked)
                {
                    table.moved(moved.slot, to: moved.address)
                }
                refresher.hint()
            case .unserved, .rejected(.readOnly), .rejected(.clusterDown): refresher.hint()
            default: continue
            }
        }
    }
}
