import Logging
import NIOCore
import PresenceCore
import Synchronization

/// Keeps a tenth of a server's connections for others than the address that has most: whoever takes all it can get
/// does not shut out the rest, health checks among them.
final class ConnectionQuota: Sendable {
    private struct State {
        var connections: [String: Int] = [:]
        var toldAt: ContinuousClock.Instant?
    }

    private let perAddressMax: Int
    private let logger: Logger
    private let state = Mutex(State())

    /// - Parameter connectionsMax: as many as the server accepts in all.
    init(connectionsMax: Int, logger: Logger) {
        perAddressMax = max(1, connectionsMax - connectionsMax / 10)
        self.logger = logger
    }

    /// Counts an active connection until it is closed.
    /// - Returns: whether its address may have it.
    func admits(_ channel: any Channel) -> Bool {
        guard let address = channel.remoteAddress?.ipAddress else { return true }
        let network = NetworkAddress.network(of: address)
        let isCounted = state.withLock { state in
            guard state.connections[network, default: 0] < perAddressMax else { return false }
            state.connections[network, default: 0] += 1
            return true
        }
        guard isCounted else {
            report(network)
            return false
        }
        channel.closeFuture.whenComplete { [self] _ in
            state.withLock { state in
                guard let count = state.connections[network] else { return }
                state.connections[network] = count > 1 ? count - 1 : nil
            }
        }
        return true
    }

    /// Once a minute.
    private func report(_ network: String) {
        let isDue = state.withLock { state in
            if let toldAt = state.toldAt, ContinuousClock.now - toldAt < .seconds(60) { return false }
            state.toldAt = .now
            return true
        }
        guard isDue else { return }
        logger.warning(
            "An address holds nine tenths of the connections and gets no more; set connect.address-header if it is a proxy",
            metadata: ["address": "\(network)"])
    }
}
