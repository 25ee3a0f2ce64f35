// PresenceStore: presence as it stands in Redis.
//
// Promises: every change of a user is one Lua script, so that it happens whole or not at all, its event is in
// the outbox exactly when it happened, and repeating it after a lost reply gives the same answer and no second
// event. The record is the state; the TTL keys are its timers.
// Does not: run in the background, send callbacks, keep any state of its own.

import PresenceCore

/// The share of the users whose keys stand in one hash slot: 0 ..< shards.
package typealias Shard = Int

/// The names of all keys. The shard number is the hash tag, so everything one script touches is in one slot.
/// Operators read these keys: the layout is documented in the README and may not change silently.
package struct KeySpace: Sendable {
    package static let shardsMax = 999

    package let prefix: String
    package let shards: Int
    private let shardPrefixes: [String]

    /// - Parameters:
    ///   - prefix: letters, digits, `-` and `_`; checked by the configuration.
    ///   - shards: 1 to `shardsMax`, the same for all workers on one Redis.
    package init(prefix: String, shards: Int) {
        self.prefix = prefix
        self.shards = shards
        shardPrefixes = (0..<shards).map { shard in
            let digits = String(shard)
            return "\(prefix):{\(String(repeating: "0", count: max(0, 3 - digits.count)))\(digits)}:"
        }
    }

    /// CRC-32 (the one of zip and zlib) of the id's UTF-8, modulo the number of shards: a rule operators can
    /// compute with any tool.
    package func shard(of user: UserID) -> Shard { Int(CRC32.checksum(user.rawValue.utf8) % UInt32(shards)) }

    package func user(_ user: UserID) -> String { shardPrefixes[shard(of: user)] + "user:" + user.rawValue }

    /// Redis time in ms of the kick that revoked the usersigs the user had; absent where none did.
    package func revoked(_ user: UserID) -> String { shardPrefixes[shard(of: user)] + "revoked:" + user.rawValue }

    package func lease(_ user: UserID, _ session: SessionID) -> String { timer("lease:", user, session) }
    package func push(_ user: UserID, _ session: SessionID) -> String { timer("push:", user, session) }

    private func timer(_ kind: String, _ user: UserID, _ session: SessionID) -> String {
        "\(shardPrefixes[shard(of: user)])\(kind)\(user):\(session)"
    }

    package func deadlines(_ shard: Shard) -> String { shardPrefixes[shard] + "deadlines" }
    package func events(_ shard: Shard) -> String { shardPrefixes[shard] + "events" }
    package func counts(_ shard: Shard) -> String { shardPrefixes[shard] + "counts" }
    package func cursor(_ shard: Shard) -> String { shardPrefixes[shard] + "cursor" }
    package func owner(_ shard: Shard) -> String { shardPrefixes[shard] + "owner" }
    package func sweep(_ shard: Shard) -> String { shardPrefixes[shard] + "sweep" }
    package func grace(_ shard: Shard) -> String { shardPrefixes[shard] + "grace" }
    package func aside(_ shard: Shard) -> String { shardPrefixes[shard] + "aside" }
    package func dead(_ shard: Shard) -> String { shardPrefixes[shard] + "dead" }
    package var workers: String { prefix + ":workers" }
    package var meta: String { Self.meta(prefix: prefix) }

    static func meta(prefix: String) -> String { prefix + ":meta" }

    /// The key a worker watches expire to learn whether notifications reach it.
    package func canary(_ worker: String) -> String { "\(prefix):canary:\(worker)" }

    /// The channel a worker hears `Notice`s on.
    package func workerChannel(_ worker: String) -> String { "\(prefix):worker:\(Record.encode(worker))" }

    /// What a key that a notification named belongs to; nil for keys of others and those that wake nobody.
    package func wakeUp(forKey key: String) -> WakeUp? {
        let head = prefix.utf8.count + 2
        guard key.hasPrefix(prefix + ":{"), let close = key.utf8.dropFirst(head).firstIndex(of: UInt8(ascii: "}")),
            let shard = Int(key[key.utf8.index(key.startIndex, offsetBy: head)..<close]), (0..<shards).contains(shard)
        else { return nil }
        // Bytes, not characters: a user id may begin with a mark that joins the colon before it.
        let rest = key.utf8[close...].dropFirst()
        if rest.starts(with: ":lease:".utf8) || rest.starts(with: ":push:".utf8) { return .sweep(shard) }
        return rest.elementsEqual(":events".utf8) ? .delivery(shard) : nil
    }
}

/// What a notification hints at.
package enum WakeUp: Hashable, Sendable {
    case sweep(Shard)
    case delivery(Shard)
}

enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in table[Int((crc ^ UInt32(byte)) & 0xFF)] ^ (crc >> 8) }
    }
}
