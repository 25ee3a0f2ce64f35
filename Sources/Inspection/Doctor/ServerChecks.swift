import PresenceCore
import PresenceStore

/// What is wrong with the Redis servers. Pure.
struct ServerChecks {
    /// How far the clocks of two servers may differ: a failover makes every timer early or late by that.
    static let serverClocksMsMax = 500
    /// How far another machine's clock may differ from that of Redis.
    static let clockMsMax = 2_000
    static let replicaLagSecondsMax = 10
    static let memoryPercentMax = 80

    var servers: [ServerLook]
    /// Whether a replica takes over when a master dies.
    var hasFailover: Bool

    var findings: [Finding] { servers.flatMap(findings(of:)) + versions + clocks }

    private func findings(of server: ServerLook) -> [Finding] {
        software(server) + memory(server) + notifications(server) + permissions(server)
            + (server.isMaster ? replication(server) : following(server))
    }

    private func software(_ server: ServerLook) -> [Finding] {
        let isValkey = server.info["server_name"] == "valkey"
        let major = server.info["redis_version"]?.split(separator: ".").first.flatMap { Int($0) } ?? 0
        return major >= 7 || isValkey ? [] : [Finding(.redisVersion, server.address, server.software)]
    }

    private func memory(_ server: ServerLook) -> [Finding] {
        var findings: [Finding] = []
        let policy = server.info["maxmemory_policy"] ?? "noeviction"
        if policy != "noeviction" { findings.append(Finding(.evicting, server.address, "maxmemory-policy \(policy)")) }
        if server.info["aof_enabled"] != "1" { findings.append(Finding(.noAppendOnlyFile, server.address)) }
        for field in ["aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"] {
            guard let status = server.info[field], status != "ok" else { continue }
            findings.append(Finding(.savingFails, server.address, "\(field) \(status)"))
        }
        let most = server.number("maxmemory").flatMap { $0 > 0 ? $0 : nil } ?? server.number("total_system_memory") ?? 0
        if let used = server.number("used_memory"), most > 0, used / (most / 100 + 1) >= Self.memoryPercentMax {
            findings.append(Finding(.memoryShort, server.address, "\(used >> 20) of \(most >> 20) MiB used"))
        }
        return findings
    }

    private func notifications(_ server: ServerLook) -> [Finding] {
        guard let flags = server.notifications else { return [Finding(.notificationsUnknown, server.address)] }
        return PresenceStore.tells(flags)
            ? [] : [Finding(.notificationsOff, server.address, "notify-keyspace-events \"\(flags)\"")]
    }

    private func permissions(_ server: ServerLook) -> [Finding] {
        if let reason = server.missingUnknown {
            return [Finding(.cannotLook, server.address, "its permissions: \(reason)")]
        }
        return server.missing.isEmpty
            ? [] : [Finding(.missingPermission, server.address, server.missing.joined(separator: " "))]
    }

    private func replication(_ server: ServerLook) -> [Finding] {
        var findings: [Finding] = []
        for replica in server.replicas {
            if replica.state != "online" {
                findings.append(Finding(.replicaDown, "\(replica.address)", "\(replica.state), of \(server.address)"))
            } else if replica.lagSeconds > Self.replicaLagSecondsMax {
                findings.append(Finding(.replicaLate, "\(replica.address)", "\(replica.lagSeconds) s"))
            }
        }
        guard hasFailover else { return findings }
        if server.replicas.isEmpty { findings.append(Finding(.noReplica, server.address)) }
        if server.info["min_slaves_good_slaves"] == nil { findings.append(Finding(.splitBrain, server.address)) }
        return findings
    }

    private func following(_ server: ServerLook) -> [Finding] {
        server.info["master_link_status"] == "up"
            ? [] : [Finding(.replicaDown, server.address, "no link to its master")]
    }

    private var versions: [Finding] {
        let versions = Set(servers.map(\.software))
        guard versions.count > 1 else { return [] }
        return [Finding(.redisVersionsDiffer, versions.sorted().joined(separator: ", "))]
    }

    private var clocks: [Finding] {
        let known = servers.compactMap { server in server.clock.map { (server: server, offset: $0) } }
        guard let first = known.first else { return [] }
        var findings = known.dropFirst().filter {
            $0.offset.differs(from: first.offset, byMoreThan: Self.serverClocksMsMax)
        }.map { other in
            Finding(
                .redisClocksDiffer, other.server.address,
                "\(first.offset.ms - other.offset.ms) ms ahead of \(first.server.address)")
        }
        if let master = known.first(where: { $0.server.isMaster }) ?? known.first,
            master.offset.differs(byMoreThan: Self.clockMsMax)
        {
            findings.append(
                Finding(.ownClock, "this machine", "\(master.offset.ms) ms ahead of \(master.server.address)"))
        }
        return findings
    }
}
