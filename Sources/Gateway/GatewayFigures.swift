import PresenceCore
import PresenceProtocol
import PresenceStore
import Synchronization
import Telemetry

/// What is told of clients' sockets.
struct GatewayFigures: Sendable {
    private let instruments: Instruments
    private let refused: EventCounters<Refusal.Reason>
    /// By code; nil for all others.
    private let closed: EventCounters<UInt16?>
    private let open: [Platform: OpenSockets]

    init(_ instruments: Instruments, _ platforms: PlatformTable) {
        self.instruments = instruments
        refused = instruments.counters(.socketsRefused, Refusal.Reason.self)
        closed = instruments.counters(.socketsClosed, Self.codes.map(Optional.some) + [nil]) { code in
            [code.map { String($0) } ?? "other"]
        }
        open = platforms.traits.mapValues { _ in OpenSockets() }
    }

    /// Has told how many sockets there are, and what waits for their clients.
    func watch(_ loops: [GatewayLoop]) {
        instruments.whenAsked { open.map { Reading(.sockets, $0.key.name, is: $0.value.count) } }
        instruments.whenAsked {
            var bytes = 0
            for loop in loops { bytes += await loop.queuedBytes() }
            return [Reading(.socketQueuedBytes, is: bytes)]
        }
    }

    /// Those of a platform of the table.
    func open(on platform: Platform) -> OpenSockets? { open[platform] }

    func count(_ refusal: Refusal) { refused.count(refusal.reason) }

    /// - Parameter code: of the close frame; nil where there was none.
    func closed(with code: UInt16?) {
        let code = code ?? Self.abnormal
        closed.count(Self.codes.contains(code) ? code : nil)
    }

    /// A socket that ended without a close frame, and one that gave no code (RFC 6455, section 7.4.1).
    private static let abnormal: UInt16 = 1006
    static let none: UInt16 = 1005
    private static let goingAway: UInt16 = 1001
    private static let codes = Set(CloseCode.allCases.map(\.rawValue) + [abnormal, none, goingAway])
}

/// The sockets of clients on one platform, from the upgrade to the close.
final class OpenSockets: Sendable {
    private let open = Atomic(0)

    var count: Int { open.load(ordering: .relaxed) }

    func add() { open.add(1, ordering: .relaxed) }
    func remove() { open.subtract(1, ordering: .relaxed) }
}

extension Refusal {
    /// Why a client is not let in, as the figures have it.
    enum Reason: String, Sendable, CaseIterable {
        case workerFull = "worker_full"
        case tooManyLogins = "too_many_logins"
        case addressFull = "address_full"
        case badTokens = "bad_tokens"
        case redisUnavailable = "redis_unavailable"
        case overloaded
        case stopping
        case originNotAllowed = "origin_not_allowed"
        case unauthorized
        case loginRejected = "login_rejected"
        case invalidRequest = "invalid_request"
    }

    var reason: Reason {
        switch (code, warning) {
        case (_, .workerIsFull): .workerFull
        case (_, .tooManyLogins): .tooManyLogins
        case (_, .addressIsFull): .addressFull
        case (_, .badTokens): .badTokens
        case (.restart, _): .stopping
        case (.originNotAllowed, _): .originNotAllowed
        case (.unauthorized, _): .unauthorized
        case (.loginRejected, _): .loginRejected
        case (.tryAgainLater, _): error == .redisUnavailable ? .redisUnavailable : .overloaded
        default: .invalidRequest
        }
    }
}
