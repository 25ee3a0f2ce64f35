/// Where one server listens.
package enum RedisAddress: Sendable, Hashable {
    case tcp(host: String, port: Int)
    case unix(path: String)
}

extension RedisAddress {
    /// As a node of a cluster tells it: where it names no host, or `?`, it means its own. nil where it knows none.
    init?(host: String, port: Int, toldBy asked: RedisAddress) {
        guard 1...65_535 ~= port else { return nil }
        switch (host.isEmpty || host == "?", asked) {
        case (true, .tcp(let known, _)): self = .tcp(host: known, port: port)
        case (true, .unix): return nil
        case (false, _): self = .tcp(host: host, port: port)
        }
    }
}

extension RedisAddress: CustomStringConvertible {
    /// `127.0.0.1:6379`, `[::1]:6379` or the path of the socket.
    package var description: String {
        switch self {
        case .tcp(let host, let port): "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        case .unix(let path): path
        }
    }
}
