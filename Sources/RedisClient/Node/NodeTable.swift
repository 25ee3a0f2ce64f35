import NIOCore
import Synchronization

/// The nodes there are, and which of them serves which slot.
final class NodeTable: Sendable {
    /// As it was at one moment.
    struct Routes: Sendable {
        fileprivate(set) var topology: Topology
        /// Why it cannot be learned who the masters are (any more).
        fileprivate(set) var failure: RedisError?
        /// In the order of the topology's masters.
        fileprivate(set) var masters: [RedisNode] = []

        /// The one that serves all of the commands; nil where they have several, or one that is not known.
        func node(forAllOf commands: RedisPipeline) -> RedisNode? {
            if topology.isOne { return masters.first }
            guard let first = node(for: commands.slot(of: 0)) else { return nil }
            for position in 1..<max(1, commands.count) {
                guard let slot = commands.slot(of: position), let place = topology.owner(of: slot),
                    masters[place] === first
                else { return nil }
            }
            return first
        }

        /// Commands for one of the nodes.
        struct Part {
            let node: RedisNode
            fileprivate(set) var bytes = ByteBuffer()
            /// Of each command in its pipeline.
            fileprivate(set) var positions: [Int] = []
        }

        /// The commands by the nodes that serve them, in their order. What nobody is known to serve is in no part.
        func parts(of commands: RedisPipeline) -> [Part] {
            var parts = masters.map { Part(node: $0) }
            for position in 0..<commands.count {
                guard let place = place(for: commands.slot(of: position)) else { continue }
                commands.write(position, to: &parts[place].bytes)
                parts[place].positions.append(position)
            }
            return parts.filter { !$0.positions.isEmpty }
        }

        /// What becomes of a command that nobody is known to serve.
        var nobody: RedisResult { .failure(failure ?? .mastersUnknown) }

        /// A server that is away is replaced: where that cannot be learned, it is the reason.
        func explained(_ result: RedisResult) -> RedisResult {
            guard let failure, result.isNotSent else { return result }
            return .failure(failure)
        }

        /// The master at this address; nil if it is none any more.
        func node(at address: RedisAddress) -> RedisNode? { masters.first { $0.address == address } }

        /// Who has the slot; nil if nobody is known to.
        func owner(of slot: Int) -> RedisAddress? { topology.owner(of: slot).map { topology.masters[$0] } }

        /// - Parameter slot: nil for a command any master may answer: one that can be reached, if there is one.
        func node(for slot: Int?) -> RedisNode? { place(for: slot).map { masters[$0] } }

        private func place(for slot: Int?) -> Int? {
            guard let slot else {
                return masters.indices.shuffled().first { masters[$0].isReachable } ?? masters.indices.first
            }
            return topology.owner(of: slot)
        }
    }

    private struct State {
        var routes: Routes
        var nodes: [RedisAddress: RedisNode] = [:]
        /// Whom a redirection named since the masters were learned last: one that is about to get its first slot is no
        /// master yet.
        var named: Set<RedisAddress> = []
        var listeners: [Int: AsyncStream<Void>.Continuation] = [:]
        var listenersEver = 0
    }

    private let state: Mutex<State>
    private let make: @Sendable (RedisAddress) -> RedisNode
    private let openings = AsyncStream<RedisNode>.makeStream()
    /// Every new node once: it is to be run.
    var opened: AsyncStream<RedisNode> { openings.stream }

    init(_ topology: Topology, make: @escaping @Sendable (RedisAddress) -> RedisNode) {
        self.make = make
        state = Mutex(State(routes: Routes(topology: Topology(master: nil))))
        adopt(topology)
    }

    var routes: Routes { state.withLock(\.routes) }

    /// The node at an address that a redirection named, be it one of the masters known or not.
    func node(at address: RedisAddress) -> RedisNode {
        state.withLock { state in
            state.named.insert(address)
            return node(at: address, &state)
        }
    }

    private func node(at address: RedisAddress, _ state: inout State) -> RedisNode {
        if let node = state.nodes[address] { return node }
        let node = make(address)
        state.nodes[address] = node
        openings.continuation.yield(node)
        return node
    }

    /// These are the masters from now on; other nodes are retired, unless they were named since the last time.
    /// - Returns: whether anything changed.
    @discardableResult
    func adopt(_ topology: Topology) -> Bool {
        let (retired, isChanged) = state.withLock { state in
            let isChanged = topology != state.routes.topology
            state.routes.topology = topology
            state.routes.failure = nil
            state.routes.masters = topology.masters.map { node(at: $0, &state) }
            let left = state.nodes.filter { !topology.masters.contains($0.key) && !state.named.contains($0.key) }
            for address in left.keys { state.nodes[address] = nil }
            state.named = []
            return (left.values.map(\.self), isChanged)
        }
        for node in retired { node.retire() }
        if isChanged { tell() }
        return isChanged
    }

    /// Once at first, and after every change of the routes.
    var changes: AsyncStream<Void> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { listener in
            listener.yield()
            let number = state.withLock { state in
                state.listenersEver += 1
                state.listeners[state.listenersEver] = listener
                return state.listenersEver
            }
            listener.onTermination = { [weak self] _ in self?.state.withLock { $0.listeners[number] = nil } }
        }
    }

    private func tell() {
        for listener in state.withLock({ Array($0.listeners.values) }) { listener.yield() }
    }

    /// It cannot be learned who the masters are; those known stay.
    func failed(_ error: RedisError) { state.withLock { $0.routes.failure = error.beforeSending } }

    /// A server told that another one has the slot now.
    func moved(_ slot: Int, to address: RedisAddress) {
        state.withLock { state in
            state.routes.topology.moved(slot, to: address)
            state.routes.masters = state.routes.topology.masters.map { node(at: $0, &state) }
        }
        tell()
    }
}

extension RedisError {
    package static let mastersUnknown = RedisError(
        .unserved, "It is not known which Redis server is the master of this key. Try again.")
}
