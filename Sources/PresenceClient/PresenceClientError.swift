/// What a client could not do, in a sentence that says what to do about it.
public struct PresenceClientError: Error, Equatable, CustomStringConvertible {
    public enum Code: Sendable {
        case invalidConfiguration
        /// There is no connection at the moment, or no longer.
        case notConnected
        /// The connection was lost before the answer came.
        case connectionLost
        /// The service cannot ask its Redis.
        case unavailable
    }

    public let code: Code
    public let message: String

    public var description: String { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    static let notConnected = Self(
        .notConnected, "The client is not connected: log out after the next `connected`, or close it.")
    static let connectionLost = Self(
        .connectionLost, "The connection was lost before the logout was recorded: try again after `connected`.")
}
