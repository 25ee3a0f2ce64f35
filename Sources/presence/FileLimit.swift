import Foundation

/// How many files and sockets this process may have open.
enum FileLimit {
    /// What is left for connections to Redis, callbacks and files when clients take the rest.
    static let reserve = 128

    /// Raises the limit to what the system lets this process have, and gives it.
    static func raise() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1_024 }
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int(clamping: limit.rlim_cur)
    }
}
