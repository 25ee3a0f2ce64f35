import NIOCore
import PresenceCore
import Synchronization

/// Keeps a tenth of a server's connections for others than the address that has most: whoever takes all it can get
/// does not shut out the rest, health checks among them.
final class ConnectionQuota: Sendable {
    private let perAddressMax: Int
    private let connections = Mutex<[String: Int]>([:])

    /// - Parameter connectionsMax: as many as the server accepts in all.
    init(connectionsMax: Int) {
        perAddressMax = max(1, connectionsMax - connectionsMax / 10)
    }

    /// Counts an active connection until it is closed.
    /// - Returns: whether its address may have it.
    func admits(_ channel: any Channel) -> Bool {
        guard let address = channel.remoteAddress?.ipAddress else { return true }
        let network = NetworkAddress.network(of: address)
        let isCounted = connections.withLock { connections in
            guard connections[network, default: 0] < perAddressMax else { return false }
            connections[network, default: 0] += 1
            return true
        }
        guard isCounted else { return false }
        channel.closeFuture.whenComplete { [self] _ in
            connections.withLock { connections in
                guard let count = connections[network] else { return }
                connections[network] = count > 1 ? count - 1 : nil
            }
        }
        return true
    }
}
