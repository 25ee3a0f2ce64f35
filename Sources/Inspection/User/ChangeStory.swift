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

    /// The last part of a stream's key.
    enum Stream: String {
        case events, aside, dead, attempts
    }

    package let change: StatusChange
    package let fate: Fate
    /// Where its entry stands: in the log, among the set-aside, among the dead letters, or in the notes on attempts of
    /// those whose delivery took longer than the log keeps them.
    let stream: Stream
    /// Its entry there.
    package let position: String
    /// The user's change before it should be there and is not: it was lost, as in a failover.
    package let missesOneBefore: Bool

    static func all(_ facts: UserFacts) -> [ChangeStory] {
        var fates: [String: (change: StatusChange, fate: Fate, stream: Stream, position: String)] = [:]
        func tell(_ entry: OutboxEntry, in stream: Stream, _ fate: (StatusChange) -> Fate) {
            guard let change = entry.change else { return }
            fates[change.id] = (change, fate(change), stream, entry.position)
        }
        // Of one that is in several the last counts: it may have moved on meanwhile, and been replayed before.
        for entry in facts.late { tell(entry, in: .attempts) { fate(ofDone: $0, facts) } }
        for entry in facts.events { tell(entry, in: .events) { fate(ofLogged: entry, $0, facts) } }
        for letter in facts.dead {
            let entry = letter.entry
            tell(entry, in: .dead) { _ in
                .dead(sinceMs: milliseconds(entry.position), attempts: entry.attempts, why: letter.why)
            }
        }
        let aside = facts.aside.sorted { $0.change?.version ?? 0 < $1.change?.version ?? 0 }
        for (before, entry) in aside.enumerated() {
            tell(entry, in: .aside) { _ in
                .aside(sinceMs: milliseconds(entry.position), attempts: entry.attempts, before: before)
            }
        }
        let sorted = fates.values.sorted { $0.change.version < $1.change.version }
        return sorted.enumerated().map { index, story in
            let before = index == 0 ? nil : sorted[index - 1].change
            return ChangeStory(
                change: story.change, fate: story.fate, stream: story.stream, position: story.position,
                missesOneBefore: isMissing(story.change.previous, before, facts))
        }
    }

    private static func fate(ofLogged entry: OutboxEntry, _ change: StatusChange, _ facts: UserFacts) -> Fate {
        if StreamPosition.isBefore(facts.shard.cursor, entry.position) { return .waiting }
        if facts.rules?.rules.hasReceiver == false { return .untold }
        return fate(ofDone: change, facts)
    }

    private static func fate(ofDone change: StatusChange, _ facts: UserFacts) -> Fate {
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
