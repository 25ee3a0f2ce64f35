import PresenceCore
import RedisClient

/// The share of the users whose keys stand in one hash slot: 0 ..< shards.
package typealias Shard = Int

/// The names of all keys. The shard's tag is the hash tag, so everything one script touches is in one slot.
/// Operators read these keys: the layout is documented (RedisLayout.md) and may not change silently.
package struct KeySpace: Sendable {
    package static let shardsMax = 4096

    package let prefix: String
    package let shards: Int
    private let shardPrefixes: [String]
    private let userPrefixes: [String]
    private let leasePrefixes: [String]
    private let slots: [UInt16]

    /// - Parameters:
    ///   - prefix: letters, digits, `-` and `_`; checked by the configuration.
    ///   - shards: 1 to `shardsMax`, the same for all workers on one Redis.
    package init(prefix: String, shards: Int) {
        self.prefix = prefix
        self.shards = shards
        shardPrefixes = ShardTags.all(shards).map { "\(prefix):{\($0)}:" }
        userPrefixes = shardPrefixes.map { $0 + "user:" }
        leasePrefixes = shardPrefixes.map { $0 + "lease:" }
        slots = shardPrefixes.map { UInt16(HashSlot.of($0)) }
    }

    /// CRC-32 (the one of zip and zlib) of the id's UTF-8, modulo the number of shards: a rule operators can
    /// compute with any tool.
    package func shard(of user: UserID) -> Shard {
        var id = user.rawValue
        return Int(id.withUTF8 { CRC32.checksum($0) } % UInt32(shards))
    }

    /// The hash slot of all of its keys.
    package func slot(of shard: Shard) -> Int { Int(slots[shard]) }

    package func user(_ user: UserID) -> String { userKey(user).description }

    /// The same, where it only has to be sent.
    func userKey(_ user: UserID) -> RedisKey {
        let shard = shard(of: user)
        return RedisKey(slot: slots[shard], userPrefixes[shard], user.rawValue)
    }

    /// What the user's record tells no more and somebody may still ask for.
    package func recent(_ user: UserID) -> String { key("recent:", user) }

    /// Redis time in ms of the kick that revoked the usersigs the user had; absent where none did.
    package func revoked(_ user: UserID) -> String { key("revoked:", user) }

    package func lease(_ user: UserID, _ session: SessionID) -> String { leaseKey(user, session).description }

    /// The same, where it only has to be sent.
    func leaseKey(_ user: UserID, _ session: SessionID) -> RedisKey {
        let shard = shard(of: user)
        return RedisKey(slot: slots[shard], leasePrefixes[shard], user.rawValue, ":", session.description)
    }

    package func push(_ user: UserID, _ session: SessionID) -> String { "\(key("push:", user)):\(session)" }

    private func key(_ kind: String, _ user: UserID) -> String {
        shardPrefixes[shard(of: user)] + kind + user.rawValue
    }

    package func deadlines(_ shard: Shard) -> String { shardPrefixes[shard] + "deadlines" }
    package func alarm(_ shard: Shard) -> String { shardPrefixes[shard] + "alarm" }
    package func events(_ shard: Shard) -> String { shardPrefixes[shard] + "events" }
    package func counts(_ shard: Shard) -> String { shardPrefixes[shard] + "counts" }
    package func cursor(_ shard: Shard) -> String { shardPrefixes[shard] + "cursor" }
    package func owner(_ shard: Shard) -> String { shardPrefixes[shard] + "owner" }
    package func grace(_ shard: Shard) -> String { shardPrefixes[shard] + "grace" }
    package func aside(_ shard: Shard) -> String { shardPrefixes[shard] + "aside" }
    package func dead(_ shard: Shard) -> String { shardPrefixes[shard] + "dead" }
    package func attempts(_ shard: Shard) -> String { shardPrefixes[shard] + "attempts" }
    package var workers: String { prefix + ":workers" }
    package var rules: String { prefix + ":rules" }
    package var meta: String { Self.meta(prefix: prefix) }

    static func meta(prefix: String) -> String { prefix + ":meta" }

    /// The name of one key of every kind there is.
    var ofEachKind: [String] {
        let user = UserID.example
        let session = SessionID(platform: .web, instance: .unnamed, generation: .random())
        let ofShard = [deadlines, alarm, events, counts, cursor, owner, grace, aside, dead, attempts]
            .map { $0(shard(of: user)) }
        let ofUser = [self.user(user), recent(user), revoked(user), lease(user, session), push(user, session)]
        return ofShard + ofUser + [workers, rules, meta, canary("w", 0)]
    }

    /// The shard a key belongs to, and the rest of its name; nil for keys that are none of a shard.
    package func shardKey(_ key: some StringProtocol) -> (Shard, String)? {
        let head = prefix.utf8.count + 2
        guard key.hasPrefix(prefix + ":{"), let close = key.utf8.dropFirst(head).firstIndex(of: UInt8(ascii: "}"))
        else { return nil }
        let tag = key[key.utf8.index(key.startIndex, offsetBy: head)..<close]
        guard let shard = Int(tag.prefix { $0 != "." }), shardPrefixes.indices.contains(shard),
            key.hasPrefix(shardPrefixes[shard])
        else { return nil }
        return (shard, String(key.dropFirst(shardPrefixes[shard].count)))
    }

    /// The key a worker watches expire to learn whether notifications of the server that has the shard reach it.
    package func canary(_ worker: String, _ shard: Shard) -> String {
        shardPrefixes[shard] + Self.canaryName(worker)
    }

    static func canaryName(_ worker: String) -> String { "canary:" + worker }

    /// The channel a worker hears `Notice`s on.
    package func workerChannel(_ worker: String) -> String { workerChannel(encoded: Record.encode(worker)) }

    /// - Parameter worker: as a record names it.
    func workerChannel(encoded worker: some StringProtocol) -> String { "\(prefix):worker:\(worker)" }
}

enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ (crc >> 8) }
    }
}
