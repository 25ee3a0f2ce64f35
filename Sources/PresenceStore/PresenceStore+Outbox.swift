import PresenceCore
import RedisClient

/// A change as it stands in the outbox of its shard.
package struct OutboxEntry: Sendable, Equatable {
    /// Its place in the stream, `<ms>-<sequence>`. Orders the shard; not an id to give to receivers.
    package var position: String
    /// The change; nil if the entry is none this version can read.
    package var change: StatusChange?

    package init(position: String, change: StatusChange?) {
        self.position = position
        self.change = change
    }
}

/// An entry the receiver will not take, and why.
package struct RefusedEntry: Sendable, Equatable {
    package var position: String
    package var why: String

    package init(position: String, why: String) {
        self.position = position
        self.why = why
    }
}

package enum Acknowledgement: Sendable, Equatable {
    case acknowledged
    /// The shard has another owner.
    case lost
    /// The dead letters of the shard are full: nothing was acknowledged.
    case crowded
}

/// Reading and acknowledging the outbox.
extension PresenceStore {
    /// Where delivery of each shard stands: the position of the last event that is done.
    package func cursors(_ shards: [Shard]) async throws(StoreError) -> ShardAnswers<String> {
        let replies = try await pipeline(shards.map { RedisCommand("HGET", key: keys.cursor($0), "id") })
        return ShardAnswers(shards, replies) { reply throws(StoreError) in try reply.orThrow().string ?? "0-0" }
    }

    /// The events after a position of each shard, at most `limit` of each.
    package func events(
        after positions: [Shard: String], limit: Int
    ) async throws(StoreError) -> ShardAnswers<[OutboxEntry]> {
        let replies = try await pipeline(
            positions.map { shard, position in
                RedisCommand("XRANGE", key: keys.events(shard), "(\(position)", "+", "COUNT", String(limit))
            })
        return ShardAnswers(positions.keys, replies) { reply throws(StoreError) in
            try reply.orThrow().array?.compactMap(OutboxEntry.init)
        }
    }

    /// Moves the cursor of a shard to `position`, over events that are all done, `refused` among them.
    /// - Parameter counted: how many events follow the position `after` up to the new one. It spares Redis the
    ///   counting where the cursor stands at `after`; without it, or where it does not, Redis counts.
    package func acknowledge(
        _ shard: Shard, fence: Fence, upTo position: String, refused: [RefusedEntry],
        counted: (after: String, events: Int)? = nil
    ) async throws(StoreError) -> Acknowledgement {
        let answer = try await run(
            Scripts.acknowledge,
            keys: [keys.owner(shard), keys.cursor(shard), keys.events(shard), keys.dead(shard)],
            [
                options.worker, String(fence), position, String(options.eventsRetentionMs),
                String(StoreLimits.deadLettersPerShardMax), counted?.after ?? "", String(counted?.events ?? 0),
            ] + refused.flatMap { [$0.position, $0.why] })
        switch answer.word {
        case "acknowledged", "already": return .acknowledged
        case "lost": return .lost
        case "crowded": return .crowded
        default: throw answer.unexpected
        }
    }

    /// Puts dead letters back at the end of the shard's outbox, the oldest first: all there are, but no more than half
    /// of the backlog that refuses logins.
    /// - Returns: how many were put back, and how many are left.
    package func replayDeadLetters(of shard: Shard) async throws(StoreError) -> (replayed: Int, left: Int) {
        var (replayed, left) = (0, 0)
        // What is refused again meanwhile must not keep this going.
        for _ in 0..<(StoreLimits.deadLettersPerShardMax / StoreLimits.replayBatchMax) {
            let answer = try await run(
                Scripts.replay, keys: [keys.dead(shard), keys.events(shard), keys.cursor(shard)],
                [String(StoreLimits.replayBatchMax), String(max(1, backlogPerShardMax / 2))])
            let count = try answer.int(0)
            replayed += count
            left = try answer.int(1)
            if count < StoreLimits.replayBatchMax { break }
        }
        return (replayed, left)
    }
}

extension OutboxEntry {
    init?(_ value: RedisValue) {
        guard let entry = value.array, entry.count == 2, let position = entry[0].string,
            let parts = entry[1].array
        else { return nil }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: parts.count - 1, by: 2) {
            if let name = parts[index].string { fields[name] = parts[index + 1].string }
        }
        self.init(position: position, change: StatusChange(position: position, fields: fields))
    }
}

extension StatusChange {
    /// Reads what `write_event` of the scripts wrote. The event's id is not kept: a session's generation and the user's
    /// version name the change.
    init?(position: String, fields: [String: String]) {
        guard let committed = Int(position.prefix { $0 != "-" }), let user = fields["user"].flatMap({ try? UserID($0) }),
            let version = fields["version"].flatMap({ Int($0) }),
            let previous = fields["previous"].flatMap({ Int($0) }),
            let action = fields["action"].flatMap(Action.init), let reason = fields["reason"].flatMap(Reason.init),
            let session = fields["session"].flatMap({ try? SessionID($0) }),
            let status = fields["status"].flatMap(Status.init),
            let userStatus = fields["userStatus"].flatMap(Status.init)
        else { return nil }
        self.init(
            id: "\(session.generation)-\(version)", user: user, version: version, previous: previous, atMs: min(version, committed), action: action, reason: reason,
            session: session, status: status, userStatus: userStatus,
            address: fields["address"].flatMap { $0.isEmpty ? nil : Record.decode($0[...]) },
            kicked: fields["kicked"]?.split(separator: ",").compactMap { try? SessionID(String($0)) } ?? [],
            note: fields["note"].flatMap { $0.isEmpty ? nil : $0 })
    }
}
