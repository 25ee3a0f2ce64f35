/// How every client behaves; Clients.md has the table.
package enum ClientRules {
    /// Pauses before coming back: the bound of the first, and what it grows to. Well below the time after which a
    /// silent browser is lost, the shortest there is. A connection that lasted the longest pause ends the row of
    /// failures.
    package static let pauseFirst: Duration = .seconds(1)
    package static let pauseMost: Duration = .seconds(15)
    /// The longest pause the gateway may ask for.
    package static let askedPauseMost: Duration = .seconds(3_600)
    /// How long a token may take, and from it to the welcome. The gateway gives both less.
    package static let welcomeWithin: Duration = .seconds(10)
    /// How long somebody waits to be logged out.
    package static let logoutWithin: Duration = .seconds(10)
    /// Connections that fell silent and are kept until another one has the session.
    package static let silentSocketsMax = 4

    /// After so long without a sign of life a client asks for one: when the gateway asks a silent client, too.
    package static func quiet(interval: Duration, timeout: Duration) -> Duration { (interval + timeout) / 2 }

    /// How long it then waits, so that it gives up before the gateway does.
    package static func patience(timeout: Duration) -> Duration { min(.seconds(5), timeout / 10) }
}

/// What a message and a close frame may have.
package enum ProtocolLimits {
    /// The longest a client says is its token: a usersig of 8 192 bytes and a little around it.
    package static let clientMessageBytesMax = 9_216
    /// The longest a gateway says is why somebody was kicked.
    package static let serverMessageBytesMax = 4_096
    /// The reason in a close frame: RFC 6455, section 5.5, gives a control frame 125 bytes, and two are the code.
    package static let closeReasonBytesMax = 123
    /// Bounds of the interval and the timeout a client takes for such.
    package static let heartbeatSeconds = 0.01...86_400
}
