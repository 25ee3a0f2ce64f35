import NIOCore

/// Asks where the masters are.
struct TopologySource: Sendable {
    let connector: RedisConnector
    let eventLoopGroup: any EventLoopGroup

    /// - Parameter known: nodes of a cluster, asked before the seeds.
    /// - Throws: `RedisError` with the code `notSent` if nobody can be asked or nobody knows.
    func topology(known: [RedisAddress]) async throws(RedisError) -> Topology {
        switch connector.endpoint.servers {
        case .single(let address): Topology(master: address)
        case .sentinels(let sentinels, let master): Topology(master: try await self.master(master, of: sentinels))
        case .cluster(let seeds): try await slots(seenBy: known, or: seeds.filter { !known.contains($0) })
        }
    }

    /// Asked once more, of a server that says it is a master: one that woke up has not heard yet that it is none.
    func vouch(for address: RedisAddress) async throws(RedisError) {
        guard case .sentinels(let sentinels, let name) = connector.endpoint.servers else { return }
        guard try await master(name, of: sentinels) == address else { throw .notAMaster }
    }

    /// What the sentinel with the newest configuration says.
    private func master(_ name: String, of sentinels: [RedisAddress]) async throws(RedisError) -> RedisAddress {
        let views = await withTaskGroup { group in
            for sentinel in sentinels { group.addTask { await view(of: sentinel, on: name) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let newest = views.compactMap { try? $0.get() }.max { $0.epoch < $1.epoch }
        guard let newest else {
            let errors = views.compactMap { if case .failure(let error) = $0 { error } else { nil } }
            // What can be mended by hand is told rather than what may pass.
            throw errors.first { !$0.passesSoon } ?? errors.first ?? .noSentinel(nil)
        }
        return newest.master
    }

    private func view(
        of sentinel: RedisAddress, on name: String
    ) async -> Result<(epoch: Int, master: RedisAddress), RedisError> {
        let answers: [[String?]]
        do throws(RedisError) {
            let connector = connector.ofSentinels
            answers = try await connector.ask(
                sentinel,
                [
                    RedisCommand(keyless: "SENTINEL", "MASTER", name),
                    RedisCommand(keyless: "SENTINEL", "GET-MASTER-ADDR-BY-NAME", name),
                ], greeting: await connector.greeting(mustBeMaster: false), on: eventLoopGroup.next()
            ).map { $0.array?.map(\.string) ?? [] }
        } catch {
            return .failure(error.ofSentinel(name))
        }
        func field(_ name: String) -> String? {
            let fields = answers[0]
            return stride(from: 0, to: fields.count - 1, by: 2).first { fields[$0] == name }.flatMap { fields[$0 + 1] }
        }
        guard let epoch = field("config-epoch").flatMap({ Int($0) }), answers[1].count == 2,
            let host = answers[1][0], let port = answers[1][1].flatMap({ Int($0) })
        else { return .failure(.noSentinel(nil)) }
        // One it has promoted and told nobody about yet is newer than what it has configured.
        let isPromoted = host != field("ip") || "\(port)" != field("port")
        return .success((isPromoted ? epoch + 1 : epoch, .tcp(host: host, port: port)))
    }

    /// What most of a few nodes say, of those that know who serves most slots: one that was reset, forgotten or is cut off
    /// knows little, and the others are asked where nobody knows all.
    private func slots(seenBy known: [RedisAddress], or seeds: [RedisAddress]) async throws(RedisError) -> Topology {
        let (known, seeds) = (known.shuffled(), seeds.shuffled())
        let few = known.prefix(Self.knownAsked) + seeds.prefix(Self.seedsAsked)
        let rest = known.dropFirst(Self.knownAsked) + seeds.dropFirst(Self.seedsAsked)
        var views = await self.views(of: few)
        if !views.contains(where: { (try? $0.get())?.slotsUnserved == 0 }) { views += await self.views(of: rest) }
        let topologies = views.compactMap { try? $0.get() }.filter { !$0.masters.isEmpty }
        let best = topologies.max { one, other in
            func votes(_ view: Topology) -> Int { topologies.count { $0 == view } }
            return (other.slotsUnserved, votes(one)) < (one.slotsUnserved, votes(other))
        }
        if let best { return best }
        let errors = views.compactMap { if case .failure(let error) = $0 { error } else { nil } }
        throw errors.first { !$0.passesSoon } ?? errors.first ?? .noSlots
    }

    /// How many of the masters known, and of the other seeds, are asked at once.
    private static let (knownAsked, seedsAsked) = (3, 2)

    private func views(of nodes: some Sequence<RedisAddress>) async -> [Result<Topology, RedisError>] {
        await withTaskGroup { group in
            for node in nodes { group.addTask { await view(of: node) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func view(of node: RedisAddress) async -> Result<Topology, RedisError> {
        do throws(RedisError) {
            let reply = try await connector.ask(
                node, [RedisCommand(keyless: "CLUSTER", "SLOTS")],
                greeting: await connector.greeting(mustBeMaster: false), on: eventLoopGroup.next())
            return .success(Topology(slots: Self.ranges(reply[0], from: node)))
        } catch {
            return .failure(error.ofCluster)
        }
    }

    /// Reads `[[first, last, [host, port, ...], replicas ...] ...]`.
    static func ranges(_ reply: RedisValue, from asked: RedisAddress) -> [(ClosedRange<Int>, RedisAddress)] {
        (reply.array ?? []).compactMap { entry in
            guard let parts = entry.array, parts.count >= 3, let first = parts[0].int, let last = parts[1].int,
                first <= last, let master = parts[2].array, master.count >= 2, let port = master[1].int
            else { return nil }
            return RedisAddress(host: master[0].string ?? "", port: Int(port), toldBy: asked)
                .map { (Int(first)...Int(last), $0) }
        }
    }
}

extension RedisError {
    fileprivate static let noSlots = RedisError(
        .notSent,
        "No node of the cluster knows who serves its slots. Form the cluster, or name nodes of it in redis.url."
    )

    fileprivate static func noSentinel(_ cause: (any Error)?) -> RedisError {
        RedisError(
            .notSent, "No sentinel can be asked for the master. Check that they run and that redis.url names them.",
            underlying: cause)
    }

    fileprivate func ofSentinel(_ name: String) -> RedisError {
        switch code {
        case .rejected(.authentication):
            RedisError(
                code, "A sentinel refused the login. Set sentinel-user and sentinel-password in redis.url.",
                underlying: underlying)
        case .rejected(.noPermission):
            RedisError(
                code,
                "The sentinels' user lacks a permission. Add +sentinel|master and +sentinel|get-master-addr-by-name to its ACL.",
                underlying: underlying)
        case .rejected(.other) where (underlying as? RedisReplyError)?.message.contains("unknown command") == true:
            RedisError(
                .invalidConfiguration,
                "Redis is no sentinel there. Write the addresses of sentinels (port 26379) in redis.url, or leave +sentinel out.",
                underlying: underlying)
        case .rejected(.other):
            RedisError(
                .invalidConfiguration,
                "The sentinels know no master \(name). Write the name they know behind their addresses in redis.url.",
                underlying: underlying)
        case .notSent, .unknown: .noSentinel(self)
        default: self
        }
    }

    fileprivate var ofCluster: RedisError {
        switch code {
        case .rejected(.other):
            RedisError(
                .unsupportedServer,
                "Redis does not run in cluster mode. Leave +cluster out in redis.url, or set cluster-enabled yes.",
                underlying: underlying)
        default: self
        }
    }
}
