/// What a client could not do, in a sentence that says what to do about it.
public struct PresenceClientError: Error, Equatable, CustomStringConvertible {
    public enum Code: Sendable {
        case invalidConfiguration
        /// No answer to the logout came in time.
        case notRecorded
        /// The service cannot ask its Redis.
        case unavailable
        /// The service did not let the client in to log out.
        case refused
        /// The client was closed before.
        case closed
    }

    public let code: Code
    public let message: String

    public var description: String { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    static let notRecorded = Self(.notRecorded, "The logout is not recorded: call again later.")
    static let closed = Self(.closed, "The client was closed before a logout was recorded: make another one.")

    static func unavailable(_ detail: String) -> Self {
        Self(.unavailable, "The logout is not recorded: call again in a moment. The service says: \(detail)")
    }

    static func refused(_ detail: String) -> Self {
        Self(.refused, "The client was refused before a logout was recorded: make another one. \(detail)")
    }
}
