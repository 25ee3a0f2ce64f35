import NIOCore
import PresenceCore
import Synchronization

/// Who may have another socket on this worker. Shared by its event loops.
final class Admission: Sendable {
    private struct State {
        var sockets = 0
        var socketsByAddress: [String: Int] = [:]
        var accepts: TokenBucket
    }

    private let state: Mutex<State>
    private let options: GatewayOptions

    init(_ options: GatewayOptions) {
        self.options = options
        let rate = options.acceptRateMax
        state = Mutex(State(accepts: TokenBucket(perSecond: rate, burst: rate, now: .now())))
    }

    enum Answer {
        /// Counted until it leaves.
        case admitted
        case overloaded
        case tooManyOfAddress
    }

    func enter(_ address: String, now: NIODeadline = .now()) -> Answer {
        let address = NetworkAddress.network(of: address)
        return state.withLock { state in
            guard state.socketsByAddress[address, default: 0] < options.socketsPerAddressMax else {
                return .tooManyOfAddress
            }
            guard state.sockets < options.socketsMax, state.accepts.take(now: now) else { return .overloaded }
            state.sockets += 1
            state.socketsByAddress[address, default: 0] += 1
            return .admitted
        }
    }

    func leave(_ address: String) {
        let address = NetworkAddress.network(of: address)
        state.withLock { state in
            state.sockets -= 1
            guard let count = state.socketsByAddress[address] else { return }
            state.socketsByAddress[address] = count > 1 ? count - 1 : nil
        }
    }
}
