/// Why a command has no result.
package struct RedisError: Error, Sendable {
    /// The closed list of reasons. The first four are the outcomes of a command.
    package enum Code: Sendable, Equatable {
        /// The command never left this process, so it had no effect.
        case notSent
        /// It is not known (yet) which server would have to be sent the command, so it had no effect.
        case unserved
        /// The command was written and no answer came: it may or may not have had its effect.
        case unknown
        /// The server answered with an error.
        case rejected(RedisReplyError.Kind)
        case invalidConfiguration
        case unsupportedServer
        /// The client's `run()` has ended; nothing will be sent any more.
        case closed
    }

    package let code: Code
    /// Whether the command may have had its effect, in this or an earlier attempt.
    package private(set) var mayHaveHappened: Bool
    /// What happened and what to do about it. Safe to show: it repeats neither data nor secrets.
    package let message: String
    /// The cause, for logs only.
    package let underlying: (any Error)?

    package init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
        mayHaveHappened =
            switch code {
            case .unknown: true
            case .rejected(let kind): !kind.isBeforeAnyEffect
            case .notSent, .unserved, .invalidConfiguration, .unsupportedServer, .closed: false
            }
    }

    /// The same, where an earlier attempt at the command has no answer.
    var afterUnknown: RedisError {
        var error = self
        error.mayHaveHappened = true
        return error
    }

    /// The same for a command that waited and was not sent.
    var beforeSending: RedisError {
        var error = self
        error.mayHaveHappened = false
        return error
    }

    /// Whether the server, or the way to it, may be back in a moment.
    package var passesSoon: Bool {
        switch code {
        case .notSent, .unserved, .unknown: true
        case .rejected(let kind): kind.passesSoon
        case .invalidConfiguration, .unsupportedServer, .closed: false
        }
    }

    /// Whether somebody has to mend the configuration of this client, or its user's rights.
    package var isConfiguration: Bool {
        switch code {
        case .invalidConfiguration, .rejected(.authentication), .rejected(.noPermission): true
        default: false
        }
    }

    init(_ reply: RedisReplyError) {
        self.init(.rejected(reply.kind), reply.advice, underlying: reply)
    }
}

extension RedisError: CustomStringConvertible {
    /// For logs: the message, and the cause.
    package var description: String {
        underlying.map { "\(message) (\($0))" } ?? message
    }
}
