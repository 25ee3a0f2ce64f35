import PresenceCore

extension RedisEndpoint {
    /// Redis numbers its databases with 32 bits.
    private static let databaseMax = Int(Int32.max) - 1

    /// Reads one of these, in which reserved characters are percent-encoded:
    /// - `redis://[user:password@]host[:6379][/database]`
    /// - `unix:///path/to.sock[?db=0&user=..&password=..]`
    /// - `redis+sentinel://[user:password@]host[:26379],.../master[/database][?sentinel-user=..&sentinel-password=..]`
    /// - `redis+cluster://[user:password@]host[:6379],...`
    ///
    /// `rediss` in place of `redis` is the same in TLS.
    /// - Throws: `RedisError` with the code `invalidConfiguration` and a sentence that never repeats the URL,
    ///   which may hold a password.
    package init(_ url: String) throws(RedisError) {
        guard let separator = url.firstRange(of: "://") else {
            throw .invalid("has no scheme; write redis://host:6379 or unix:///path/to.sock")
        }
        let rest = url[separator.upperBound...]
        let scheme = url[..<separator.lowerBound]
        switch scheme {
        case "unix": try self.init(unix: rest)
        case "redis", "rediss": try self.init(single: URLParts(rest))
        case "redis+sentinel", "rediss+sentinel": try self.init(sentinels: URLParts(rest, hasQuery: true))
        case "redis+cluster", "rediss+cluster": try self.init(cluster: URLParts(rest))
        default:
            throw .invalid(
                "has an unknown scheme, use redis://, redis+sentinel://, redis+cluster://, the same with rediss in "
                    + "place of redis for TLS, or unix://")
        }
        isEncrypted = scheme.hasPrefix("rediss")
    }

    private init(single url: URLParts) throws(RedisError) {
        guard url.hosts.count == 1 else {
            throw .invalid("names several hosts; write redis+cluster:// or redis+sentinel:// before them")
        }
        self.init(servers: .single(try Self.address(url.hosts[0], port: 6379)), login: try url.login())
        try setDatabase(url.path)
    }

    private init(cluster url: URLParts) throws(RedisError) {
        let seeds = try url.hosts.map { host throws(RedisError) in try Self.address(host, port: 6379) }
        self.init(servers: .cluster(seeds: seeds), login: try url.login())
        try setDatabase(url.path)
        guard database == 0 else {
            throw .invalid("has a database other than 0, which a cluster does not have: leave it out")
        }
    }

    private init(sentinels url: URLParts) throws(RedisError) {
        let sentinels = try url.hosts.map { host throws(RedisError) in try Self.address(host, port: 26379) }
        let path = url.path.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = path.first, !name.isEmpty else {
            throw .invalid("names no master; write redis+sentinel://host:26379/<the name the sentinels know it by>")
        }
        self.init(servers: .sentinels(sentinels, master: try name.percentDecoded()), login: try url.login())
        try setDatabase(path.count == 2 ? path[1] : "")
        let query = try url.query(of: ["sentinel-user", "sentinel-password"])
        sentinelLogin = try Login(
            user: query["sentinel-user"]?.percentDecoded(), password: query["sentinel-password"]?.percentDecoded())
    }

    private init(unix rest: Substring) throws(RedisError) {
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts[0].hasPrefix("/") else {
            throw .invalid("names no absolute path; write unix:///path/to.sock")
        }
        self.init(servers: .single(.unix(path: try parts[0].percentDecoded())))
        let query = try URLParts.query(parts.count == 2 ? parts[1] : "", of: ["db", "user", "password"])
        try setDatabase(query["db"] ?? "")
        login = try Login(user: query["user"]?.percentDecoded(), password: query["password"]?.percentDecoded())
    }

    private mutating func setDatabase(_ text: Substring) throws(RedisError) {
        guard let number = text.isEmpty ? 0 : Int(digits: text), number <= Self.databaseMax else {
            throw .invalid("has a database that is not a number from 0 to \(Self.databaseMax)")
        }
        database = number
    }

    private static func address(_ text: Substring, port usual: Int) throws(RedisError) -> RedisAddress {
        var host = text
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
        guard !host.isEmpty else { throw .invalid("names no host; write redis://host:\(usual)") }
        guard let number = port.map({ Int(digits: $0) }) ?? usual, 1...65535 ~= number else {
            throw .invalid("has a port that is not a number from 1 to 65535")
        }
        return .tcp(host: String(host), port: number)
    }
}

/// What stands behind the scheme of a URL with hosts.
private struct URLParts {
    /// None of them empty, unless it is the only one.
    let hosts: [Substring]
    /// Without the first `/`.
    let path: Substring
    private let user: Substring?
    private let query: Substring

    /// - Parameter hasQuery: whether a `?` may stand for what it stands for in a URL.
    init(_ rest: Substring, hasQuery: Bool = false) throws(RedisError) {
        let question = rest.firstIndex(of: "?") ?? rest.endIndex
        let slash = rest[..<question].firstIndex(of: "/") ?? question
        let at = rest.firstIndex(of: "@")
        guard rest.count(where: { $0 == "@" }) <= 1, at ?? slash <= slash, !rest.contains("#"),
            hasQuery || question == rest.endIndex
        else {
            throw .invalid(
                "has a character in its login that stands for something else in a URL: in user and password write "
                    + "/ as %2F, @ as %40, ? as %3F and # as %23")
        }
        user = at.map { rest[..<$0] }
        hosts = rest[(at.map(rest.index(after:)) ?? rest.startIndex)..<slash]
            .split(separator: ",", omittingEmptySubsequences: false)
        path = rest[slash..<question].dropFirst()
        query = rest[question...].dropFirst()
        guard hosts.count == 1 || !hosts.contains("") else {
            throw .invalid("names no host beside one of its commas; leave out the comma too many")
        }
    }

    func login() throws(RedisError) -> RedisEndpoint.Login? {
        guard let parts = user?.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false) else {
            return nil
        }
        return try RedisEndpoint.Login(
            user: parts[0].isEmpty ? nil : parts[0].percentDecoded(),
            password: parts.count == 2 ? parts[1].percentDecoded() : nil)
    }

    func query(of names: [String]) throws(RedisError) -> [String: Substring] { try Self.query(query, of: names) }

    /// The values of the parameters, of which these are known.
    static func query(_ query: Substring, of names: [String]) throws(RedisError) -> [String: Substring] {
        var values: [String: Substring] = [:]
        for item in query.split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard names.contains(String(pair[0])) else {
                throw .invalid("has an unknown query parameter; \(names.formatted) are known")
            }
            values[String(pair[0])] = pair.count == 2 ? pair[1] : ""
        }
        return values
    }
}

extension RedisEndpoint.Login {
    /// nil where neither is given.
    fileprivate init?(user: String?, password: String?) throws(RedisError) {
        guard let password else {
            guard user == nil else { throw .invalid("names a user without a password") }
            return nil
        }
        self.init(user: user, password: password)
    }
}

extension Substring {
    fileprivate func percentDecoded() throws(RedisError) -> String {
        guard let decoded = String(percentEncoded: utf8) else {
            throw .invalid(
                "has a % that is not followed by two hexadecimal digits, or is not UTF-8; write % itself as %25")
        }
        return decoded
    }
}

extension [String] {
    /// `a, b and c`
    fileprivate var formatted: String { dropLast().joined(separator: ", ") + " and " + (last ?? "") }
}

extension RedisError {
    fileprivate static func invalid(_ complaint: String) -> RedisError {
        RedisError(.invalidConfiguration, "redis.url \(complaint).")
    }
}
