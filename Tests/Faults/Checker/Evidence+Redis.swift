/// What is left in Redis.
extension Evidence {
    /// What lies beside the users and may stay.
    private static let lasting: Set<String> = [
        "deadlines", "events", "counts", "cursor", "owner", "aside", "dead", "workers", "rules", "meta",
    ]
    private static let passing: Set<String> = [
        "lease", "push", "recent", "revoked", "attempts", "alarm", "grace", "canary",
    ]

    var leftovers: [String] {
        let dump = history.dump
        let live = Set(dump.users.filter { !$0.sessions.isEmpty }.map(\.user))
        let online = Set(dump.users.flatMap { $0.sessions.filter { $0.status == "Online" }.map(\.session) })
        return dump.keys.compactMap { key in
            let (kind, rest) = Self.parts(of: key.name)
            if Self.lasting.contains(kind) { return nil }
            if kind == "user" {
                let isLive = live.contains(rest)
                if isLive != (key.ttlMs == nil) {
                    return "\(key.name) has \(isLive ? "sessions and a TTL" : "no sessions and no TTL")"
                }
                return isLive && !dump.indexed.contains(rest) ? "\(key.name) is in no index of deadlines" : nil
            }
            guard Self.passing.contains(kind) else { return "\(key.name) is no key of the service" }
            if key.ttlMs == nil { return "\(key.name) has no TTL" }
            if kind == "lease", !online.contains(where: { rest.hasSuffix(":" + $0) }) {
                return "\(key.name) is the lease of no session that is Online"
            }
            return nil
        } + dump.indexed.subtracting(live).map { "the index of deadlines has \($0), who has no session" }
    }

    /// `user` and `ann` of `presence:{003}:user:ann`
    private static func parts(of name: String) -> (String, String) {
        let rest = name.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false).dropFirst().map(
            String.init)
        guard let first = rest.first else { return (name, "") }
        return first.hasPrefix("{") ? (rest.dropFirst().first ?? "", rest.dropFirst(2).first ?? "") : (first, "")
    }

    var wrongCounters: [String] {
        let (told, counted) = (history.dump.counters, history.dump.counted)
        return Set(told.keys).union(counted.keys).sorted().compactMap { name in
            let (said, there) = (told[name] ?? 0, counted[name] ?? 0)
            return said == there ? nil : "\(name): the counter says \(said), counted are \(there)"
        }
    }
}
