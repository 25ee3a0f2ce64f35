/// Why the gateway closes a socket, as the client is told. Clients.md has the table.
package enum CloseCode: UInt16, Sendable, CaseIterable {
    /// After a logout.
    case normal = 1000
    case protocolError = 1002
    /// A binary message.
    case unsupportedData = 1003
    case invalidUTF8 = 1007
    case tooBig = 1009
    /// The worker stops; its sessions live on.
    case restart = 1012
    /// Overloaded, or Redis cannot be asked.
    case tryAgainLater = 1013

    case kicked = 4000
    case unauthorized = 4001
    case invalidRequest = 4002
    case loginRejected = 4003
    /// The session goes on in another connection.
    case moved = 4004
    case originNotAllowed = 4005

    /// The session ended while nobody could tell; coming back with it tells why.
    case sessionGone = 4100
    /// No heartbeat within the platform's timeout.
    case silent = 4101
    case handshakeTimeout = 4102
    case rateLimited = 4103
    /// Of this address; or too many bad tokens.
    case tooManyConnections = 4104

    /// Whether a close frame may hold this code (RFC 6455, section 7.4).
    package static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}

/// Whether a client whose connection ended comes back.
package enum ComeBack: Equatable, Sendable {
    /// The same request would fail again.
    case never
    /// After exactly this, which the gateway chose at random for this client; no failure.
    case after(Duration)
    /// After this and a pause that grows with the failures in a row.
    case backingOff(after: Duration)

    /// - Parameters:
    ///   - code: of the close frame, also one that no gateway sends; 1006 where there was none.
    ///   - reason: beside it.
    package init(code: UInt16, reason: String) {
        let asked = Self.asked(in: reason)
        self =
            switch code {
            case 1000, 1002, 1003, 1007, 1009, Self.neverCodes: .never
            case CloseCode.restart.rawValue: asked.map { .after($0) } ?? .backingOff(after: .zero)
            case CloseCode.tryAgainLater.rawValue: .backingOff(after: asked ?? .zero)
            default: .backingOff(after: .zero)
            }
    }

    /// The codes of this service that mean: do not come back without the user. From 4100 to 4199: come back, with the
    /// session.
    package static let neverCodes: ClosedRange<UInt16> = 4000...4099

    /// The reason of a close that asks a client to come back later.
    package static func reason(afterMs pause: Int) -> String { "\(prefix)\(pause)" }

    private static func asked(in reason: String) -> Duration? {
        guard reason.hasPrefix(prefix) else { return nil }
        let digits = reason.utf8.dropFirst(prefix.utf8.count)
        guard !digits.isEmpty, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        return min(.milliseconds(Int(Substring(digits)) ?? .max), ClientRules.askedPauseMost)
    }

    private static let prefix = "retry-after-ms="
}
