import PresenceCore
import PresenceStore

/// What a key under the prefix is, by its name.
package enum AuditKey: Equatable {
    case record(UserID)
    case timer(UserID, SessionID, Status)
    /// One that has to end by itself, and after how long at most (ms).
    case ending(withinMs: Int)
    /// One of a shard, or of all.
    case lasting
    /// Its user belongs to another shard.
    case misplaced
    case stray

    /// - Parameter options: how long the service keeps what.
    package init(_ key: String, keys: KeySpace, options: StoreOptions) {
        guard let (shard, name) = keys.shardKey(key) else {
            self = [keys.workers, keys.rules, keys.meta].contains(key) ? .lasting : .stray
            return
        }
        // Of bytes: an id may begin with what Swift takes for a part of the letter before it.
        guard let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            self = Self.ofShard(name, options)
            return
        }
        let found = Self.ofUser(String(name[..<colon]), name[name.utf8.index(after: colon)...], options)
        self = found.key
        if let user = found.user, keys.shard(of: user) != shard { self = .misplaced }
    }

    private static func ofShard(_ name: String, _ options: StoreOptions) -> AuditKey {
        switch name {
        case "deadlines", "events", "counts", "cursor", "owner", "aside", "dead": .lasting
        case "attempts": .ending(withinMs: options.eventsRetentionMs)
        case "alarm": .ending(withinMs: 2_000)
        case "grace": .ending(withinMs: options.graceMsMax)
        default: .stray
        }
    }

    private static func ofUser(
        _ kind: String, _ rest: Substring, _ options: StoreOptions
    ) -> (key: AuditKey, user: UserID?) {
        switch kind {
        case "user":
            guard let user = try? UserID(String(rest)) else { return (.stray, nil) }
            return (.record(user), user)
        case "lease", "push":
            guard let (user, session) = timer(rest) else { return (.stray, nil) }
            return (.timer(user, session, kind == "lease" ? .online : .pushOnline), user)
        case "recent":
            return (.ending(withinMs: options.platforms.longestTimeoutMs), try? UserID(String(rest)))
        case "revoked":
            return (.ending(withinMs: options.userSigAgeMaxMs), try? UserID(String(rest)))
        case "canary": return (.ending(withinMs: 2_000), nil)
        default: return (.stray, nil)
        }
    }

    /// Reads `<user>:<platform>:<instance>:<generation>`; the user's id may have colons.
    private static func timer(_ text: Substring) -> (UserID, SessionID)? {
        let colons = text.utf8.indices.filter { text.utf8[$0] == UInt8(ascii: ":") }
        guard colons.count >= 3 else { return nil }
        let colon = colons[colons.count - 3]
        guard let user = try? UserID(String(text[..<colon])),
            let session = try? SessionID(String(text[text.utf8.index(after: colon)...]))
        else { return nil }
        return (user, session)
    }
}

extension PlatformTable {
    fileprivate var longestTimeoutMs: Int { traits.values.map(\.heartbeat.timeoutMs).max() ?? 60_000 }
}
