import PresenceCore

/// Where a server is and how to log in.
///
/// Written `redis://[user:password@]host[:port][/database]` or
/// `unix:///path/to.sock[?db=0&user=..&password=..]`; reserved characters are percent-encoded.
package struct RedisEndpoint: Sendable, Equatable {
    package enum Address: Sendable, Equatable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    /// Redis numbers its databases with 32 bits.
    private static let databaseMax = Int(Int32.max) - 1

    package var address: Address
    package var user: String?
    package var password: String?
    package var database: Int

    package init(address: Address, user: String? = nil, password: String? = nil, database: Int = 0) {
        self.address = address
        self.user = user
        self.password = password
        self.database = database
    }

    /// - Throws: `RedisError` with the code `invalidConfiguration` and a sentence that never repeats the URL,
    ///   which may hold a password.
    package init(_ url: String) throws(RedisError) {
        guard let separator = url.firstRange(of: "://") else {
            throw .invalid("has no scheme; write redis://host:6379 or unix:///path/to.sock")
        }
        let rest = url[separator.upperBound...]
        switch url[..<separator.lowerBound] {
        case "redis": try self.init(tcp: rest)
        case "unix": try self.init(unix: rest)
        case "rediss", "redis+sentinel", "redis+cluster":
            throw .invalid("has a scheme that is not supported yet, use redis:// or unix://")
        default: throw .invalid("has an unknown scheme, use redis:// or unix://")
        }
    }

    private init(tcp rest: Substring) throws(RedisError) {
        guard rest.filter({ $0 == "@" }).count <= 1, !rest.contains(where: { "?#".contains($0) }),
            rest.firstIndex(of: "@") ?? rest.startIndex <= rest.firstIndex(of: "/") ?? rest.endIndex
        else {
            throw .invalid(
                "has a character in its login that stands for something else in a URL: in user and password write "
                    + "/ as %2F, @ as %40, ? as %3F and # as %23")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        let database = rest[slash...].dropFirst()
        var host = authority
        var login: Substring?
        if let at = authority.lastIndex(of: "@") {
            login = authority[..<at]
            host = authority[authority.index(after: at)...]
        }
        var port: Substring?
        if let colon = host.lastIndex(of: ":"), !host[colon...].contains("]") {
            port = host[host.index(after: colon)...]
            host = host[..<colon]
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(where: { "[]:".contains($0) }) {
            throw .invalid("names a host that is none; write an IPv6 address in brackets, and : in a password as %3A")
        }
        guard !host.isEmpty else { throw .invalid("names no host; write redis://host:6379") }
        guard let number = port.map({ Int(digits: $0) }) ?? 6379, 1...65535 ~= number else {
            throw .invalid("has a port that is not a number from 1 to 65535")
        }
        self.init(address: .tcp(host: String(host), port: number))
        if let login {
            let parts = login.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = try parts[0].isEmpty ? nil : Self.decode(parts[0])
            password = parts.count == 2 ? try Self.decode(parts[1]) : nil
        }
        try setDatabase(database)
        try checkLogin()
    }

    private init(unix rest: Substring) throws(RedisError) {
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0].hasPrefix("/") else {
            throw .invalid("names no absolute path; write unix:///path/to.sock")
        }
        self.init(address: .unix(path: try Self.decode(parts[0])))
        for item in parts.count == 2 ? parts[1].split(separator: "&") : [] {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = pair.count == 2 ? pair[1] : ""
            switch pair[0] {
            case "db": try setDatabase(value)
            case "user": user = try Self.decode(value)
            case "password": password = try Self.decode(value)
            default: throw .invalid("has an unknown query parameter; db, user and password are known")
            }
        }
        try checkLogin()
    }

    private mutating func setDatabase(_ text: Substring) throws(RedisError) {
        guard let number = text.isEmpty ? 0 : Int(digits: text), number <= Self.databaseMax else {
            throw .invalid("has a database that is not a number from 0 to \(Self.databaseMax)")
        }
        database = number
    }

    private func checkLogin() throws(RedisError) {
        if user != nil, password == nil { throw .invalid("names a user without a password") }
    }

    private static func decode(_ text: Substring) throws(RedisError) -> String {
        guard let decoded = String(percentEncoded: text.utf8) else {
            throw .invalid(
                "has a % that is not followed by two hexadecimal digits, or is not UTF-8; write % itself as %25")
        }
        return decoded
    }
}

extension RedisEndpoint: CustomStringConvertible {
    /// The address and database; never the login.
    package var description: String {
        switch address {
        case .tcp(let host, let port):
            "redis://\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
        case .unix(let path): "unix://\(path)?db=\(database)"
        }
    }
}

extension RedisError {
    fileprivate static func invalid(_ complaint: String) -> RedisError {
        RedisError(.invalidConfiguration, "redis.url \(complaint).")
    }
}
