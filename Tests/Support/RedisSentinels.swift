import RedisClient

/// A private master with replicas, watched by sentinels, all real and on loopback.
package final class RedisSentinels: Sendable {
    package static let masterName = "presence"

    /// The first began as the master.
    package let servers: [RedisServer]
    package let sentinels: [RedisServer]

    /// With the password of the servers and of the sentinels, where they have one.
    package var url: String { url(as: servers[0].setup.password.map { ":\($0)@" } ?? "") }
    /// As the user the documentation gives the service.
    package var serviceURL: String { url(as: RedisServer.serviceCredentials) }

    private func url(as login: String) -> String {
        let scheme = servers[0].setup.tls == nil ? "redis+sentinel" : "rediss+sentinel"
        let query = sentinels[0].setup.password.map { "?sentinel-password=\($0)" } ?? ""
        let addresses = sentinels.map(\.address).joined(separator: ",")
        return "\(scheme)://\(login)\(addresses)/\(Self.masterName)\(query)"
    }

    private init(servers: [RedisServer], sentinels: [RedisServer]) {
        self.servers = servers
        self.sentinels = sentinels
    }

    /// Runs the body beside a master all sentinels agree about.
    /// - Parameters:
    ///   - downAfterMs: of silence after which a sentinel takes a server for dead.
    ///   - failoverTimeoutMs: a failover that failed is tried again after twice this.
    ///   - password: of the servers' default user; nil leaves it open.
    ///   - sentinelPassword: of the sentinels' default user.
    ///   - sentinelLines: for their configuration, such as `user watcher on >secret ...`.
    ///   - arguments: for every server, such as `["--appendonly", "yes"]`.
    package static func withSentinels<Result: Sendable>(
        replicas: Int = 1, sentinels: Int = 3, quorum: Int = 2, downAfterMs: Int = 1_000,
        failoverTimeoutMs: Int = 3_000, password: String? = nil, sentinelPassword: String? = nil,
        sentinelLines: [String] = [], tls: RedisServerTLS? = nil, arguments: [String] = [],
        body: (RedisSentinels) async throws -> Result
    ) async throws -> Result {
        let data = RedisServerSetup(
            arguments: ["--repl-diskless-sync-delay", "0"] + arguments, tls: tls, password: password)
        let started = StartedServers()
        do {
            let master = try await started.start(1, data)[0]
            var replica = data
            replica.arguments += ["--replicaof", master.host, "\(master.port)"]
            let servers = [master] + (try await started.start(replicas, replica))
            for replica in servers.dropFirst() {
                try await eventually(else: "the replica on port \(replica.port) is not up to date") {
                    try await replica.info("master_link_status") == "up"
                }
            }
            var lines = [
                "sentinel monitor \(masterName) \(master.host) \(master.port) \(quorum)",
                "sentinel down-after-milliseconds \(masterName) \(downAfterMs)",
                "sentinel failover-timeout \(masterName) \(failoverTimeoutMs)",
            ]
            if let password { lines.append("sentinel auth-pass \(masterName) \(password)") }
            let sentinel = RedisServerSetup(tls: tls, password: sentinelPassword, sentinel: lines + sentinelLines)
            let set = RedisSentinels(servers: servers, sentinels: try await started.start(sentinels, sentinel))
            try await set.introduce()
            let result = try await body(set)
            await started.end()
            return result
        } catch {
            await started.end()
            throw error
        }
    }

    /// Sentinels find each other by what they publish, by default every 2 s.
    private func introduce() async throws {
        for sentinel in sentinels { try await sentinel.command("SENTINEL", "DEBUG", "publish-period", "100") }
        try await settle()
        for sentinel in sentinels { try await sentinel.command("SENTINEL", "DEBUG", "publish-period", "2000") }
    }
}

extension RedisSentinels {
    /// The server a sentinel, by default the first that is awake, takes for the master.
    package func currentMaster(askedOf sentinel: RedisServer? = nil) async throws -> RedisServer {
        let asked = if let sentinel { sentinel } else { try await awake(sentinels)[0] }
        let address = try await asked.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.masterName).array ?? []
        guard let master = servers.first(where: { "\($0.port)" == address.last?.string }) else {
            throw TimedOut(description: "the sentinel on port \(asked.port) knows no master")
        }
        return master
    }

    /// Waits until all sentinels that are awake agree about the master and know of everybody, and all servers that are
    /// awake replicate it. A former master that came back is told within about 10 s.
    package func settle(timeout: Duration = .seconds(60)) async throws {
        try await eventually(timeout: timeout, else: "the sentinels, or the replicas, do not agree") {
            // A master that died a moment ago cannot be asked.
            (try? await isSettled()) == true
        }
    }

    private func isSettled() async throws -> Bool {
        let master = try await currentMaster()
        for sentinel in try await awake(sentinels) {
            guard try await currentMaster(askedOf: sentinel) === master, try await knowsAll(sentinel) else {
                return false
            }
        }
        for server in try await awake(servers) where server !== master {
            guard try await server.info("master_port") == "\(master.port)",
                try await server.info("master_link_status") == "up"
            else { return false }
        }
        return try await master.info("role") == "master"
    }

    private func knowsAll(_ sentinel: RedisServer) async throws -> Bool {
        let words = try await sentinel.command("SENTINEL", "MASTER", Self.masterName).array?.compactMap(\.string) ?? []
        func field(_ name: String) -> String? { words.firstIndex(of: name).map { words[$0 + 1] } }
        return field("num-slaves") == "\(servers.count - 1)"
            && field("num-other-sentinels") == "\(sentinels.count - 1)" && field("flags") == "master"
    }

    private func awake(_ servers: [RedisServer]) async throws -> [RedisServer] {
        var awake: [RedisServer] = []
        for server in servers where await server.isAwake { awake.append(server) }
        guard !awake.isEmpty else { throw TimedOut(description: "none of the servers is awake") }
        return awake
    }
}

/// Servers that end together, also those that started before one that did not.
private actor StartedServers {
    private var servers: [RedisServer] = []

    func start(_ count: Int, _ setup: RedisServerSetup) async throws -> [RedisServer] {
        var new: [RedisServer] = []
        for _ in 0..<count {
            let server = try await RedisServer.started { setup }
            servers.append(server)
            new.append(server)
        }
        return new
    }

    func end() async {
        for server in servers { await server.remove() }
    }
}
