import PresenceCore
import RedisClient

/// What those need who follow the event logs, and who go through all users.
extension PresenceStore {
    /// Time of the master that has the shard, in milliseconds. An event added to one of its shards after this has no
    /// earlier position, unless its clock was set back or another master took its place.
    package func timeMs(at shard: Shard) async throws(StoreError) -> Int {
        try Self.milliseconds(
            await send(RedisCommand(words: ["TIME"], routedBy: keys.events(shard)), patience: .background))
    }

    /// Names the data there is, which gets a name where it has none: another name tells that it was lost, or is another
    /// Redis'.
    /// - Throws: `StoreError` where it cannot be asked, or nothing is noted yet.
    package func ensureDataID() async throws(StoreError) -> String {
        if let id = try await notedDataID() { return id }
        // Of an earlier version, or lost: where the layout is noted the name is, too.
        _ = try await run(Scripts.noteLayout, keys: [keys.meta], [String(keys.shards), Layout.name, Self.newDataID()])
        if let id = try await notedDataID() { return id }
        throw StoreError(.unavailable, "What stands in Redis has no name yet; try again.")
    }

    private func notedDataID() async throws(StoreError) -> String? {
        try await send(RedisCommand("HGET", key: keys.meta, "id"), patience: .background).string
    }

    static func newDataID() -> String { String(Generation.random().rawValue.prefix(12)) }

    /// Users of shards in the order of their deadlines, which every user with a session has.
    /// - Parameter starts: behind which place of each shard, and how many users at most.
    package func userPages(_ starts: [(shard: Shard, after: UserPlace?, limit: Int)]) async -> ShardAnswers<UserPage> {
        let answers = await run(
            starts.map { shard, place, limit in
                ScriptCall(
                    Scripts.pageUsers, keys: [keys.deadlines(shard), keys.owner(shard), keys.events(shard)],
                    arguments: [place?.deadline ?? "", place.map { percentEncoded($0.name) } ?? "", String(limit)])
            })
        return ShardAnswers(starts.map(\.shard), answers) { answer throws(StoreError) in
            let answer = try answer.get()
            var places: [UserPlace] = []
            for index in stride(from: 2, to: answer.texts.count - 1, by: 2) {
                guard let name = [UInt8](percentEncoded: answer.texts[index].utf8) else { throw answer.unexpected }
                places.append(UserPlace(deadline: answer.texts[index + 1], name: name))
            }
            return UserPage(lowered: try answer.text(0), lastEvent: try answer.text(1), places: places)
        }
    }
}

/// Where a user stands among the users of its shard.
package struct UserPlace: Sendable, Hashable {
    /// As Redis writes it, in milliseconds.
    package var deadline: String
    /// What stands there, byte for byte: usually a user's id.
    package var name: [UInt8]

    package init(deadline: String, name: some Sequence<UInt8>) {
        self.deadline = deadline
        self.name = Array(name)
    }
}

/// Every byte of it: what is no text comes through a command, too.
private func percentEncoded(_ name: [UInt8]) -> String {
    name.reduce(into: "") { $0 += ($1 < 16 ? "%0" : "%") + String($1, radix: 16) }
}

/// Users of a shard as they stood at one moment.
package struct UserPage: Sendable, Equatable {
    /// Changes when deadlines have come earlier without a change of their users.
    package var lowered: String
    /// The shard's last event at that moment.
    package var lastEvent: String
    package var places: [UserPlace]
}
