import PresenceCore
import RedisClient

/// What is read of users.
extension PresenceStore {
    package func presence(of user: UserID) async throws(StoreError) -> UserPresence {
        try Self.presence(of: user, record: await redis.pipeline(records(of: CollectionOfOne(user)))[0].orThrow())
    }

    /// The presence of each user, in the given order, in one pipelined round trip to each master; for one who cannot be
    /// asked for, or whose record this service did not write (`corrupt`), the error that says so.
    package func presences(
        of users: [UserID], patience: RedisPatience = .caller
    ) async -> [Result<UserPresence, StoreError>] {
        zip(users, await redis.pipeline(records(of: users), patience: patience)).map { user, record in
            Result { () throws(StoreError) in try Self.presence(of: user, record: record.orThrow()) }
        }
    }

    private func records(of users: some Collection<UserID>) -> RedisPipeline {
        var commands = RedisPipeline(commands: users.count)
        for user in users { commands.append("HGETALL", key: keys.userKey(user)) }
        return commands
    }

    package static func presence(of user: UserID, record: RedisValue) throws(StoreError) -> UserPresence {
        var presence = UserPresence(user: user, version: 0, changedAtMs: nil, sessions: [])
        let parts = record.array ?? []
        for index in stride(from: 0, to: parts.count - 1, by: 2) {
            guard let name = parts[index].string, let text = parts[index + 1].string else { continue }
            switch name {
            case "version": presence.version = Int(text) ?? 0
            case _ where !name.utf8.contains(UInt8(ascii: ":")): break
            default:
                guard let session = Record.session(device: name, record: text) else {
                    throw StoreError(
                        .corrupt, "The record of user \(user) holds a field \(name) this service did not write.")
                }
                presence.sessions.append(session)
            }
        }
        // The record's version stands there only where the last change is none that a session tells.
        for session in presence.sessions { presence.version = max(presence.version, session.changedAtMs) }
        presence.changedAtMs = presence.version > 0 ? presence.version : nil
        presence.sessions.sort { $0.isOlderLogin(than: $1) }
        return presence
    }
}
