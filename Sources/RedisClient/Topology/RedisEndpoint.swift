/// Where Redis is and how to log in: what a URL says (`init(_:)`).
package struct RedisEndpoint: Sendable, Equatable {
    /// Which servers it is, and who tells the masters among them.
    package enum Servers: Sendable, Equatable {
        case single(RedisAddress)
        /// The master of this name, as these sentinels know it.
        case sentinels([RedisAddress], master: String)
        /// A cluster, as any of its nodes knows it.
        case cluster(seeds: [RedisAddress])

        var isCluster: Bool {
            if case .cluster = self { true } else { false }
        }
    }

    package struct Login: Sendable, Equatable {
        package var user: String?
        package var password: String

        package init(user: String? = nil, password: String) {
            self.user = user
            self.password = password
        }
    }

    package var servers: Servers
    /// Whether all of them, sentinels too, are spoken to in TLS.
    package var isEncrypted: Bool
    package var login: Login?
    /// Of the sentinels, where they want one.
    package var sentinelLogin: Login?
    package var database: Int

    package init(
        servers: Servers, isEncrypted: Bool = false, login: Login? = nil, sentinelLogin: Login? = nil, database: Int = 0
    ) {
        self.servers = servers
        self.isEncrypted = isEncrypted
        self.login = login
        self.sentinelLogin = sentinelLogin
        self.database = database
    }

    /// Whether the masters can become others.
    var hasManyServers: Bool {
        switch servers {
        case .single: false
        case .sentinels, .cluster: true
        }
    }

    /// The scheme of a URL for these servers.
    func scheme(isEncrypted: Bool) -> String {
        let first = isEncrypted ? "rediss" : "redis"
        return switch servers {
        case .single(.unix): "unix"
        case .single: first
        case .sentinels: first + "+sentinel"
        case .cluster: first + "+cluster"
        }
    }
}

extension RedisEndpoint: CustomStringConvertible {
    /// The addresses and the database; never a login.
    package var description: String {
        func list(_ addresses: [RedisAddress]) -> String { addresses.map(\.description).joined(separator: ",") }
        let place =
            switch servers {
            case .single(.unix(let path)): "\(path)?db=\(database)"
            case .single(let address): "\(address)/\(database)"
            case .sentinels(let sentinels, let master): "\(list(sentinels))/\(master)/\(database)"
            case .cluster(let seeds): list(seeds)
            }
        return "\(scheme(isEncrypted: isEncrypted))://\(place)"
    }
}
