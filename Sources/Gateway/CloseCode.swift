/// Why a socket is closed, as the client is told. 4000 to 4099 mean: do not come back without the user; 4100 to 4199:
/// come back, with the session. The README has the table.
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

    /// Whether the codes of a client's close frame may hold this one.
    static func mayBeSent(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }
}
