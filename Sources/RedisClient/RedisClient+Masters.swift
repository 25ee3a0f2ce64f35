import NIOCore

/// What is known of the masters at this moment.
extension RedisClient {
    /// The masters there is no connection to, and why. None while it is not known who they are.
    package var absentMasters: [(address: RedisAddress, reason: RedisError)] {
        table.routes.masters.compactMap { node in node.absence.map { (node.address, $0) } }
    }

    /// Why it cannot be learned who the masters are (any more), as a sentence; nil if it can.
    package var complaint: String? { table.routes.failure?.message }

    /// The master that has a slot; nil where it is not known.
    package func master(of slot: Int) -> RedisAddress? { table.routes.owner(of: slot) }

    /// Parts what is to be asked by the master that has its slot, as far as known: a call with one part waits for no
    /// master but that one.
    /// - Parameter slot: of an item.
    package func byMaster<Item>(
        _ items: some Sequence<Item>, slot: (Item) -> Int
    ) -> [RedisAddress?: [Item]] {
        let routes = table.routes
        return Dictionary(grouping: items) { routes.owner(of: slot($0)) }
    }

    /// Why one master that is away would stop them all, and what to do about it, as a sentence for the log; nil where it
    /// would not, or the servers do not let us ask.
    package func warningOfFullCoverage() async -> String? {
        guard isCluster else { return nil }
        let name = "cluster-require-full-coverage"
        let settings = await sendToEveryMaster(RedisCommand(keyless: "CONFIG", "GET", name))
        guard settings.contains(where: { (try? $0.1.get().array?.last?.string) == "yes" }) else { return nil }
        return "A master that is away without a replica stops all others, too. Set \(name) no on all nodes."
    }
}

/// What is asked of one server.
extension RedisClient {
    /// The masters, as far as they are known.
    package var masters: [RedisAddress] { table.routes.masters.map(\.address) }

    /// Whether another server becomes master when one dies.
    package var hasFailover: Bool { endpoint.hasManyServers }

    /// Sends the commands to one of the masters, whatever their keys.
    package func pipeline(_ commands: [RedisCommand], to master: RedisAddress) async -> [RedisResult] {
        let attempts = commands.indices.map {
            RedisCall.Attempt(position: $0, origin: .server(master, asking: false))
        }
        return await attempt(RedisPipeline(commands), attempts)
    }

    /// Sends the commands to any server, be it a replica, over a connection of their own.
    /// - Throws: `RedisError` if the server cannot be reached, or refuses the login.
    package func ask(_ server: RedisAddress, _ commands: [RedisCommand]) async throws(RedisError) -> [RedisResult] {
        try await connector.results(
            of: commands, at: server, greeting: await connector.greeting(mustBeMaster: false),
            on: eventLoopGroup.next())
    }
}

/// What is asked of all of them.
extension RedisClient {
    /// Sends the command to every master, once it is known who they are.
    package func sendToEveryMaster(_ command: RedisCommand) async -> [(RedisAddress, RedisResult)] {
        await waitForMasters()
        let masters = table.routes.masters.map(\.address)
        guard !masters.isEmpty else { return [] }
        let attempts = masters.enumerated().map {
            RedisCall.Attempt(position: $0, origin: .server($1, asking: false))
        }
        let results = await attempt(RedisPipeline(masters.map { _ in command }), attempts)
        return zip(masters, results).map { ($0, $1) }
    }

    /// Returns when it is known who they are, or why not.
    private func waitForMasters() async {
        var retry = Retry(options, patience: .caller, now: .now())
        while table.routes.masters.isEmpty, table.routes.failure == nil, let pause = retry.pause(now: .now()) {
            try? await Task.sleep(for: pause)
        }
    }

    /// Asks every master what it is. To be called before they are trusted with data.
    /// - Returns: what those are that can be asked.
    /// - Throws: `RedisError`; its message says what to change if one cannot be used, or why none can be asked.
    package func checkServer() async throws(RedisError) -> [RedisServerInfo] {
        var infos: [RedisAddress: RedisServerInfo] = [:]
        var silence: RedisError?
        for (address, result) in await sendToEveryMaster(RedisCommand(keyless: "INFO")) {
            switch result {
            case .success(let reply):
                var info = RedisServerInfo(reply.string ?? "")
                info.address = address
                try info.check(as: endpoint, allowEviction: options.allowEviction)
                infos[address] = info
            case .failure(let error) where error.passesSoon: silence = error
            case .failure(let error): throw error
            }
        }
        guard !infos.isEmpty else { throw silence ?? table.routes.failure ?? .mastersUnknown }
        try await checkReplicas(infos)
        return Array(infos.values)
    }

    private func checkReplicas(_ infos: [RedisAddress: RedisServerInfo]) async throws(RedisError) {
        guard options.minReplicas > 0 else { return }
        let settings = await sendToEveryMaster(RedisCommand(keyless: "CONFIG", "GET", "min-replicas-*"))
        for (address, setting) in settings {
            guard let info = infos[address] else { continue }
            let pairs = (try? setting.get().array?.map(\.string)) ?? nil
            try info.check(minReplicas: options.minReplicas, demanded: RedisServerInfo.minReplicas(pairs))
        }
    }

    /// Why a failover can lose what was acknowledged, and how to have less of that, as a sentence for the log; nil where
    /// the masters demand replicas, or there is no failover.
    package func warningOfSplitBrain(_ infos: [RedisServerInfo]) -> String? {
        guard endpoint.hasManyServers, !infos.allSatisfy(\.demandsReplicas) else { return nil }
        return "A master that is cut off takes writes that the failover to a replica throws away (split brain). Set "
            + "min-replicas-to-write 1 on all servers, and redis.min-replicas to 1."
    }
}
