/// Why the service did not start: one sentence for whoever started it, saying what to do about it.
/// It never holds the value of a secret key.
struct StartError: Error, CustomStringConvertible {
    /// The exit statuses of sysexits.h.
    enum Code: Int32 {
        /// The command line cannot be understood.
        case usage = 64
        /// Something the service needs is not there: Redis, a folder, a port.
        case unavailable = 69
        /// A key has a value that is not accepted, or does not fit another one.
        case configuration = 78
    }

    let code: Code
    let message: String
    /// The cause, for logs only.
    let underlying: (any Error)?

    var description: String { message }

    init(_ code: Code, _ message: String, underlying: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.underlying = underlying
    }
}
