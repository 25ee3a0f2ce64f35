import Support

/// Redis, workers, proxies and a receiver as a nemesis needs them.
struct RunDeployment: Sendable {
    let needs: Needs
    let settings: RunSettings
    let plant: String?

    init(_ needs: Needs, _ settings: RunSettings, plant: String?) {
        self.needs = needs
        self.settings = settings
        self.plant = plant
    }

    func with(_ recorder: Recorder, body: (Stage) async throws -> Void) async throws {
        try await FaultyReceiver.with(recorder) { receiver in
            try await withServers { servers, url in
                let count = needs.hasProxies ? needs.workers : 0
                try await Self.withProxies(Array(repeating: url.port, count: count)) { proxies in
                    try await withWorkers(servers, url.text, proxies, receiver, recorder, body)
                }
            }
        }
    }

    private func withServers(_ body: (Stage.Servers, (text: String, port: Int)) async throws -> Void) async throws {
        // The documentation's user may not switch them on itself.
        let arguments = ["--notify-keyspace-events", "Kxt"] + needs.arguments
        switch needs.redis {
        case .one:
            try await RedisServer.withRedis(arguments, launcher: needs.serverLauncher) { redis in
                try await body(.one(redis), (redis.serviceURL, redis.port))
            }
        case .sentinels:
            try await RedisSentinels.withSentinels(arguments: arguments) { set in
                try await body(.sentinels(set), (set.serviceURL, 0))
            }
        case .cluster:
            try await RedisCluster.withCluster(arguments: arguments) { cluster in
                try await body(.cluster(cluster), (cluster.serviceURL, 0))
            }
        }
    }

    /// Runs the body beside a proxy to each of the ports.
    static func withProxies(
        _ ports: [Int], _ proxies: [FaultProxy] = [], body: ([FaultProxy]) async throws -> Void
    ) async throws {
        guard let port = ports.first else { return try await body(proxies) }
        try await FaultProxy.withProxy(to: port) { proxy in
            try await withProxies(Array(ports.dropFirst()), proxies + [proxy], body: body)
        }
    }

    private func withWorkers(
        _ servers: Stage.Servers, _ url: String, _ proxies: [FaultProxy], _ receiver: FaultyReceiver,
        _ recorder: Recorder, _ body: (Stage) async throws -> Void
    ) async throws {
        let folder = try temporaryFolder("fault")
        defer { removeFolder(folder) }
        var all = settings.settings
        all["callback.url"] = receiver.url
        var workers: [PresenceProcess] = []
        do {
            for index in 0..<needs.workers {
                let own =
                    proxies.isEmpty ? url : "redis://\(RedisServer.serviceCredentials)127.0.0.1:\(proxies[index].port)"
                var environment =
                    needs.workerEnvironments.isEmpty
                    ? [:] : needs.workerEnvironments[index % needs.workerEnvironments.count]
                if let plant { environment["PRESENCE_PLANT"] = plant }
                workers.append(
                    try await PresenceProcess.start(
                        redis: own, all, folder: folder, log: "worker-\(index).log", environment: environment,
                        program: index % 2 == 1 ? needs.otherBinary : nil))
            }
            let (running, ports) = (workers, needs.hasCallerProxies ? workers.map(\.port) : [])
            try await Self.withProxies(ports) { callerProxies in
                try await body(
                    Stage(
                        recorder: recorder, servers: servers, workers: running, receiver: receiver, proxies: proxies,
                        callerProxies: callerProxies, folder: folder))
            }
            for worker in workers { try await worker.kill() }
        } catch {
            for worker in workers { try? await worker.kill() }
            throw error
        }
    }
}
