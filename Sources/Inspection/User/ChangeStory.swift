import PresenceCore
import PresenceStore

/// One change of a user, and what became of its event.
package struct ChangeStory: Sendable, Equatable {
    package enum Fate: Sendable, Equatable {
        case waiting
        /// The receiver has it, after so many attempts; or it was told not to send such changes.
        case delivered(attempts: Int)
        /// Nobody is to be told.
        case untold
        /// It failed so often while others' were accepted; `before` are events of the user that go first.
        case aside(sinceMs: Int, attempts: Int, before: Int)
        case dead(sinceMs: Int, attempts: Int, why: String)
        /// It was dead, and an operator dropped it.
        case discarded
    }

    package let change: StatusChange
    package let fate: Fate
    /// Its entry in the log, among the set-aside or among the dead letters.
    package let position: String
    /// The user's change before it should be there and is not: it was lost, as in a failover.
    package let missesOneBefore: Bool

    static func all(_ facts: UserFacts) -> [ChangeStory] {
        var fates: [String: (StatusChange, Fate, String)] = [:]
        for entry in facts.events {
            guard let change = entry.change else { continue }
            fates[change.id] = (change, fate(ofLogged: entry, change, facts), entry.position)
        }
        for letter in facts.dead {
            guard let change = letter.entry.change else { continue }
            let fate = Fate.dead(
                sinceMs: milliseconds(letter.entry.position), attempts: letter.entry.attempts, why: letter.why)
            fates[change.id] = (change, fate, letter.entry.position)
        }
        let aside = facts.aside.sorted { $0.change?.version ?? 0 < $1.change?.version ?? 0 }
        for (before, entry) in aside.enumerated() {
            guard let change = entry.change else { continue }
            let fate = Fate.aside(sinceMs: milliseconds(entry.position), attempts: entry.attempts, before: before)
            fates[change.id] = (change, fate, entry.position)
        }
        let sorted = fates.values.sorted { $0.0.version < $1.0.version }
        return sorted.enumerated().map { index, story in
            ChangeStory(
                change: story.0, fate: story.1, position: story.2,
                missesOneBefore: isMissing(story.0.previous, index == 0 ? nil : sorted[index - 1].0, facts))
        }
    }

    private static func fate(ofLogged entry: OutboxEntry, _ change: StatusChange, _ facts: UserFacts) -> Fate {
        if StreamPosition.isBefore(facts.shard.cursor, entry.position) { return .waiting }
        if facts.rules?.rules.hasReceiver == false { return .untold }
        let attempts = facts.attempts[change.id] ?? 1
        return attempts == 0 ? .discarded : .delivered(attempts: attempts)
    }

    /// Whether the change of this version should be there, as later ones are in a log that is kept as far back.
    private static func isMissing(_ version: Int, _ before: StatusChange?, _ facts: UserFacts) -> Bool {
        guard version > 0, before?.version != version, facts.isLogWhole, let first = facts.shard.firstEvent else {
            return false
        }
        return version > milliseconds(first)
    }

    /// The versions of changes that are on record and have no event: the last one's, where it is so.
    static func unrecorded(_ facts: UserFacts, _ changes: [ChangeStory]) -> Int? {
        let version = facts.presence.version
        return isMissing(version, changes.last?.change, facts) && version > changes.last?.change.version ?? 0
            ? version : nil
    }

    static func milliseconds(_ position: String) -> Int { StreamPosition.milliseconds(position) ?? 0 }
}
