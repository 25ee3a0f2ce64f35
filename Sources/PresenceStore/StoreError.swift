import PresenceCore
import RedisClient

/// Why the store could not answer. `message` is safe to show to a client and says what to do;
/// `underlying` is for the log.
package struct StoreError: Error, Sendable {
    package enum Code: Sendable, Equatable {
        /// Redis cannot be asked. Whether a change was made is unknown; repeating it is harmless.
        case unavailable
        /// A limit that protects the service is reached: Redis is out of memory or the outbox is full.
        case overloaded
        /// Too many logins of one user at once.
        case contended
        /// Redis holds something this service did not write.
        case corrupt
        /// Presence is laid out otherwise there, or split otherwise: this service cannot work on it.
        case layout
    }

    package let code: Code
    package let message: String
    package let underlying: (any Error)?

    package init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }

    init(_ error: RedisError) {
        switch error.code {
        case .rejected(.outOfMemory):
            self.init(
                .overloaded, "Redis is out of memory; raise maxmemory or add capacity, then try again.",
                underlying: error)
        case .rejected(.wrongType):
            self.init(
                .corrupt, "Redis holds something this service did not write; its answer is in the log.",
                underlying: error)
        case .rejected(.other):
            self.init(
                .unavailable, "Redis refused a command in a way this service does not know; its answer is in the log.",
                underlying: error)
        case .rejected(.moved), .rejected(.ask), .rejected(.tryAgain):
            self.init(.unavailable, "Redis is moving this user to another server; try again.", underlying: error)
        case .rejected: self.init(.unavailable, error.message, underlying: error)
        case .notSent, .unserved, .unknown, .invalidConfiguration, .unsupportedServer, .closed:
            self.init(.unavailable, "Redis cannot be asked right now; try again.", underlying: error)
        }
    }

    /// Whether the Redis user may not do what was asked.
    package var isForbidden: Bool { (underlying as? RedisError)?.code == .rejected(.noPermission) }

    /// Whether the change may have been made all the same. Where false it was not, and will not be.
    package var mayHaveHappened: Bool {
        switch underlying {
        case let error as RedisError: error.mayHaveHappened
        case is UnexpectedAnswer: true
        default: false
        }
    }

    static func unexpected(_ value: RedisValue, from script: RedisScript) -> StoreError {
        StoreError(
            .unavailable, "\(script.name) was answered in a form this version does not know; is that Redis itself?",
            underlying: UnexpectedAnswer(value: value))
    }
}

extension Result where Failure == StoreError {
    /// The value; nil where Redis holds something this service did not write. Other errors are thrown.
    func unlessCorrupt() throws(StoreError) -> Success? {
        if case .failure(let error) = self, error.code == .corrupt { return nil }
        return try get()
    }
}

extension [Result<UserPresence, StoreError>] {
    /// The same, unless Redis could be asked for none of them.
    package func unlessNobodyCouldBeAsked() throws(StoreError) -> Self {
        var failure: StoreError?
        for presence in self {
            guard case .failure(let error) = presence, error.code != .corrupt else { return self }
            failure = error
        }
        if let failure { throw failure }
        return self
    }
}

extension StoreError: CustomStringConvertible {
    /// For logs: the message, and the cause, which often begins with the same words.
    package var description: String {
        guard let underlying else { return message }
        let cause = "\(underlying)"
        return cause.hasPrefix(message) ? cause : "\(message) (\(cause))"
    }
}

struct UnexpectedAnswer: Error, CustomStringConvertible {
    let value: RedisValue

    var description: String { "\(value)" }
}
