/// What the receiver heard.
extension Evidence {
    var differentBodies: [String] {
        var first: [String: String] = [:]
        return history.attempts.compactMap { attempt in
            let body = first[attempt.id] ?? attempt.body
            first[attempt.id] = body
            return body == attempt.body ? nil : "\(attempt.id): first \(body), then \(attempt.body)"
        }
    }

    var doubledChanges: [String] {
        var ids: [String: Change] = [:]
        var found: [String] = []
        for change in history.dump.log {
            if ids[change.id] != nil { found.append("\(change.user): \(change.id) is committed twice") }
            ids[change.id] = change
        }
        for (user, changes) in changes {
            for (one, other) in zip(changes, changes.dropFirst()) where one.version == other.version {
                if clock.isLost(between: one, and: other) { continue }
                found.append("\(user): \(one.id) and \(other.id) have one version")
            }
        }
        return found
    }

    var misorderedEvents: [String] {
        let dead = history.dump.dead
        return Dictionary(grouping: taken, by: \.user).flatMap { user, events in
            var found: [String] = []
            var last: ReceivedPost?
            for event in events {
                let (before, now) = (last.map(Change.init), Change(event))
                let isDeadBetween =
                    changes[user]?.contains {
                        dead.contains($0.id) && $0.version > last?.version ?? 0 && $0.version < event.version
                    } ?? false
                if !clock.isLost(between: before, and: now), !isDeadBetween {
                    if event.version <= last?.version ?? 0 {
                        found.append("\(user): \(event.id) came after version \(last?.version ?? 0)")
                    } else if event.previous != last?.version ?? 0 {
                        found.append(
                            "\(user): \(event.id) names \(event.previous) as the version before, heard was \(last?.version ?? 0)"
                        )
                    }
                }
                last = event
            }
            return found
        }
    }

    var inventedEvents: [String] {
        taken.compactMap { event in
            let heard = Change(event)
            guard let committed = logged[event.id] else {
                let at = clock.committedMs(heard) ?? event.heardMs
                let isGone = history.isLong || clock.isLost(from: at, to: event.heardMs)
                return isGone ? nil : "\(event.user): \(event.id) was heard and is not committed"
            }
            var told = committed
            (told.kicked, told.note, told.atMs) = ([], "", heard.atMs)
            return told == heard ? nil : "\(event.user): heard was \(heard), committed is \(told)"
        }
    }

    var undeliveredChanges: [String] {
        let dump = history.dump
        return dump.log.compactMap { change in
            if heardMs[change.id] != nil || dump.dead.contains(change.id) { return nil }
            let how = dump.pending.contains(change.id) ? "is still pending" : "was passed over"
            return "\(change.user): \(change.what) \(change.id) \(how)"
        }
    }
}
