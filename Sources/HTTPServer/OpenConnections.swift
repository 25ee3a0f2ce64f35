import NIOCore
import Synchronization

/// The connections of a server, counted from the accept to the close, and whether there may be more.
///
/// One network gets nine tenths of them at most: whoever takes all it can get does not shut out the rest, health checks
/// among them.
final class OpenConnections: Sendable {
    fileprivate struct State {
        var isStopping = false
        var isAcceptHeldBack = false
        /// Those accepted and not closed.
        var open = 0
        var ofNetwork: [String: Int] = [:]
        /// By their channels, those of them that speak HTTP; nil for what is being set up.
        var serving: [ObjectIdentifier: HTTPConnection?] = [:]
        var drained: [CheckedContinuation<Void, Never>] = []
    }

    private let connectionsMax: Int
    private let perNetworkMax: Int?
    private let network: @Sendable (_ address: String) -> String
    private let onRefusal: @Sendable (_ network: String) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - keepsReserve: whether a network gets nine tenths only.
    ///   - network: what an IP address belongs to.
    ///   - onRefusal: told of each connection a network did not get.
    init(
        max connectionsMax: Int, keepsReserve: Bool, network: @escaping @Sendable (String) -> String,
        onRefusal: @escaping @Sendable (String) -> Void
    ) {
        self.connectionsMax = connectionsMax
        perNetworkMax = keepsReserve ? max(1, connectionsMax - connectionsMax / 10) : nil
        self.network = network
        self.onRefusal = onRefusal
    }

    /// Those accepted and not closed.
    var count: Int { state.withLock(\.open) }

    /// How many more may be accepted; if none, `accepted`'s `resume` is called when one may.
    func room() -> Int {
        state.withLock { state in
            state.isAcceptHeldBack = state.open >= connectionsMax
            return connectionsMax - state.open
        }
    }

    /// Counts a channel until it is closed.
    func accepted(_ channel: any Channel, resume: @escaping @Sendable () -> Void) {
        state.withLock { state in
            state.open += 1
            state.serving[ObjectIdentifier(channel)] = .some(nil)
        }
        channel.closeFuture.whenComplete { [self] _ in
            ended(channel)
            let isAcceptDue = state.withLock { state in
                state.open -= 1
                return state.isAcceptHeldBack
            }
            if isAcceptDue { resume() }
        }
    }

    /// Counts an active connection for its network, until it is closed.
    /// - Returns: whether it may stay.
    func admits(_ connection: HTTPConnection) -> Bool {
        let network = connection.channel.remoteAddress?.ipAddress.map(self.network)
        let (isAdmitted, isStopping) = state.withLock { state in
            if let network, let perNetworkMax {
                guard state.ofNetwork[network, default: 0] < perNetworkMax else { return (false, false) }
                state.ofNetwork[network, default: 0] += 1
            }
            state.serving[ObjectIdentifier(connection.channel)] = connection
            return (true, state.isStopping)
        }
        guard isAdmitted else {
            if let network { onRefusal(network) }
            return false
        }
        if let network, perNetworkMax != nil {
            connection.channel.closeFuture.whenComplete { [self] _ in leave(network) }
        }
        return !isStopping
    }

    private func leave(_ network: String) {
        state.withLock { state in
            guard let count = state.ofNetwork[network] else { return }
            state.ofNetwork[network] = count > 1 ? count - 1 : nil
        }
    }

    /// It is closed, or something else than HTTP by now.
    func ended(_ channel: any Channel) {
        let drained = state.withLock { state in
            state.serving.removeValue(forKey: ObjectIdentifier(channel))
            return state.takeDrained()
        }
        for waiting in drained { waiting.resume() }
    }

    /// From now on connections are not let in.
    /// - Returns: those there are.
    func stop() -> [HTTPConnection] {
        state.withLock { state in
            state.isStopping = true
            return state.serving.values.compactMap(\.self)
        }
    }

    /// Returns when none is left that speaks HTTP; cancelled, it closes them.
    func drain() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let drained = state.withLock { state in
                    state.drained.append(continuation)
                    return state.takeDrained()
                }
                for waiting in drained { waiting.resume() }
            }
        } onCancel: {
            for connection in stop() { connection.channel.close(promise: nil) }
        }
    }
}

extension OpenConnections.State {
    fileprivate mutating func takeDrained() -> [CheckedContinuation<Void, Never>] {
        guard serving.isEmpty else { return [] }
        defer { drained = [] }
        return drained
    }
}
