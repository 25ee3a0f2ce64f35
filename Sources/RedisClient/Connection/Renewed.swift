import Logging
import Logs
import NIOPosix
import Synchronization

/// What is read from files anew for every connection, so that it can be changed without a restart. Where they cannot be
/// used any more, the last value that could stands.
final class Renewed<Value: Sendable>: Sendable {
    private let latest: Mutex<Value?>
    private let read: @Sendable (_ latest: Value?) throws -> Value
    private let complaint: RenewalWarning
    private let warnings: PacedWarnings<RenewalWarning>

    /// - Parameters:
    ///   - first: if it was read already.
    ///   - complaint: what is logged while the files cannot be used.
    ///   - read: may block.
    init(
        _ first: Value?, complaint: RenewalWarning, _ warnings: PacedWarnings<RenewalWarning>,
        read: @escaping @Sendable (_ latest: Value?) throws -> Value
    ) {
        latest = Mutex(first)
        self.complaint = complaint
        self.warnings = warnings
        self.read = read
    }

    /// - Throws: what `read` throws, if it never succeeded.
    func value() async throws -> Value {
        try await NIOThreadPool.singleton.runIfActive {
            // Whoever waits for the lock is on this pool, too, and finds the work done.
            try self.latest.withLock { latest in
                do {
                    let value = try self.read(latest)
                    latest = value
                    return value
                } catch {
                    guard let latest else { throw error }
                    self.warnings.happened(self.complaint, [.error: "\(error)"])
                    return latest
                }
            }
        }
    }
}

/// What goes wrong where files are read anew.
enum RenewalWarning: WarningKind {
    case tlsFiles, login, otherServers

    var message: Logger.Message {
        switch self {
        case .tlsFiles: "The certificates for Redis cannot be read anew: the last good ones are used"
        case .login: "The file of redis.url cannot be read anew: the last good login is used"
        case .otherServers:
            "The file of redis.url has changed in more than the login: the rest counts after a restart"
        }
    }
}
