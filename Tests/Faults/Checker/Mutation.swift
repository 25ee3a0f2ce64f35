/// A way to falsify a history, and the invariant that must notice.
package struct Mutation: Sendable {
    package let name: String
    package let caughtBy: String
    /// - Returns: false where the history has nothing to falsify so.
    package let apply: @Sendable (inout History) -> Bool

    package static let all: [Mutation] = deliveryMutations + changeMutations + callMutations + redisMutations

    private static let deliveryMutations = [
        Mutation(name: "an event dropped", caughtBy: "order") { history in
            guard let at = history.places(heardOf: 3)?[1] else { return false }
            let id = history.attempts[at].id
            history.attempts.removeAll { $0.id == id }
            return true
        },
        Mutation(name: "a last event dropped", caughtBy: "committed-is-delivered") { history in
            guard let id = history.attempts.last?.id else { return false }
            history.attempts.removeAll { $0.id == id }
            return true
        },
        Mutation(name: "two events swapped", caughtBy: "order") { history in
            guard let places = history.places(heardOf: 2) else { return false }
            history.attempts.swapAt(places[0], places[1])
            return true
        },
        Mutation(name: "a body changed", caughtBy: "same-id-same-body") { history in
            guard var again = history.attempts.first else { return false }
            again.body += " "
            history.attempts.append(again)
            return true
        },
        Mutation(name: "an event that tells something else", caughtBy: "as-committed") { history in
            guard let at = history.attempts.firstIndex(where: { $0.reason == "Register" }) else { return false }
            history.attempts[at].status = "PushOnline"
            return true
        },
        Mutation(name: "an event of nothing", caughtBy: "as-committed") { history in
            guard var ghost = history.attempts.first else { return false }
            (ghost.id, ghost.user, ghost.previous) = ("ghost-\(ghost.version)", "nobody", 0)
            history.attempts.append(ghost)
            return true
        },
        Mutation(name: "a change committed twice", caughtBy: "one-id-one-change") { history in
            guard let change = history.dump.log.first else { return false }
            history.dump.log.append(change)
            return true
        },
    ]

    private static let changeMutations = [
        Mutation(name: "an extra session", caughtBy: "policy") { history in
            guard let at = history.calls.firstIndex(where: { $0.kind == .query && $0.sessions?.isEmpty == false }),
                let seen = history.calls[at].sessions?.first
            else { return false }
            let device = seen.session.split(separator: ":")
            let others = (1...9).map { Call.Seen(session: "\(device[0]):other\($0):other", status: "Online") }
            history.calls[at].sessions? += others
            return true
        },
        Mutation(name: "a session that should have been displaced", caughtBy: "policy") { history in
            guard let at = history.dump.log.firstIndex(where: { !$0.kicked.isEmpty }) else { return false }
            history.dump.log[at].kicked = []
            return true
        },
        Mutation(name: "an end of a session that never began", caughtBy: "edges") { history in
            guard let at = history.dump.log.firstIndex(where: { $0.action == "Disconnect" }) else { return false }
            history.dump.log[at].session += "x"
            return true
        },
        Mutation(name: "a status that does not follow", caughtBy: "edges") { history in
            guard let at = history.dump.log.firstIndex(where: { $0.action == "Login" }) else { return false }
            history.dump.log[at].userStatus = "Offline"
            return true
        },
        Mutation(name: "an early expiry", caughtBy: "no-false-offline") { history in
            guard let epoch = history.epochMs,
                let change = history.dump.log.first(where: { $0.reason == "TimeOut" })
            else { return false }
            var beat = Call(
                .heartbeat, change.user, begunMs: change.atMs - epoch - 1_000, endedMs: change.atMs - epoch - 990)
            (beat.session, beat.outcome) = (change.session, .ok)
            history.calls.append(beat)
            return true
        },
        Mutation(name: "a late expiry", caughtBy: "detection") { history in
            guard history.epochMs != nil,
                let at = history.dump.log.firstIndex(where: { $0.reason == "TimeOut" && history.isCalm(at: $0) })
            else { return false }
            history.stalls = []
            history.dump.log[at].atMs += 2_600
            return true
        },
        Mutation(name: "a push that ends early", caughtBy: "push-expiry") { history in
            guard history.epochMs != nil,
                let at = history.dump.log.firstIndex(where: { $0.reason == "Expired" })
            else { return false }
            history.dump.log[at].atMs -= 1_000
            return true
        },
    ]

    private static let callMutations = [
        Mutation(name: "a lost acknowledged change", caughtBy: "acknowledged") { history in
            guard let call = history.calls.first(where: { $0.kind == .login && $0.isOK && $0.version != nil })
            else { return false }
            history.dump.log.removeAll { $0.session == call.session }
            history.attempts.removeAll { $0.session == call.session }
            return true
        },
        Mutation(name: "a failed change that was made", caughtBy: "asked-for") { history in
            guard let at = history.calls.firstIndex(where: { $0.kind == .login && $0.isOK && !$0.isSocket })
            else { return false }
            (history.calls[at].outcome, history.calls[at].session) = (.failed, nil)
            return true
        },
        Mutation(name: "a login nobody made", caughtBy: "asked-for") { history in
            guard let user = history.calls.first(where: { $0.kind == .login && $0.isOK })?.user else { return false }
            history.calls.removeAll { $0.user == user && $0.kind == .login }
            return true
        },
        Mutation(name: "a heartbeat of an ended session", caughtBy: "ended-is-ended") { history in
            guard let end = history.calls.first(where: { $0.kind == .logout && $0.isOK && $0.session != nil })
            else { return false }
            var beat = Call(.heartbeat, end.user, begunMs: end.endedMs + 500, endedMs: end.endedMs + 510)
            (beat.session, beat.outcome) = (end.session, .ok)
            history.calls.append(beat)
            return true
        },
        Mutation(name: "a query that invents", caughtBy: "queries") { history in
            guard let at = history.calls.firstIndex(where: { $0.kind == .query && $0.isOK && $0.status == "Online" })
            else { return false }
            history.calls[at].status = "Offline"
            return true
        },
        Mutation(name: "a stale query", caughtBy: "queries") { history in
            guard let at = history.calls.lastIndex(where: { $0.kind == .query && $0.isOK && $0.status == "Online" })
            else { return false }
            (history.calls[at].version, history.calls[at].status, history.calls[at].sessions) = (0, "Offline", nil)
            return true
        },
    ]

    private static let redisMutations = [
        Mutation(name: "a last state that differs", caughtBy: "final-state") { history in
            guard let at = history.dump.users.firstIndex(where: { !$0.sessions.isEmpty }) else { return false }
            history.dump.users[at].sessions = []
            return true
        },
        Mutation(name: "a client taken for lost", caughtBy: "final-state") { history in
            guard let session = history.believed.first else { return false }
            history.believed["Web:ghost:ghost"] = session.value
            return true
        },
        Mutation(name: "a key without a TTL", caughtBy: "ttl-and-index") { history in
            guard let at = history.dump.keys.firstIndex(where: { $0.name.contains(":lease:") }) else { return false }
            history.dump.keys[at].ttlMs = nil
            return true
        },
        Mutation(name: "a user without an index", caughtBy: "ttl-and-index") { history in
            guard let user = history.dump.users.first(where: { !$0.sessions.isEmpty })?.user else { return false }
            history.dump.indexed.remove(user)
            return true
        },
        Mutation(name: "a counter that drifted", caughtBy: "counters") { history in
            history.dump.counters["users:Online", default: 0] += 1
            return true
        },
        Mutation(name: "an event passed over", caughtBy: "committed-is-delivered") { history in
            guard let change = history.dump.log.last else { return false }
            history.attempts.removeAll { $0.id == change.id }
            return true
        },
    ]
}

extension History {
    /// Where the attempts stand of a user of whom so many different events were heard, each once.
    fileprivate func places(heardOf count: Int) -> [Int]? {
        Dictionary(grouping: attempts.indices) { attempts[$0].user }.values
            .filter { places in places.allSatisfy { attempts[$0].isTaken } }
            .filter { places in Set(places.map { attempts[$0].id }).count == places.count && places.count >= count }
            .min { attempts[$0[0]].user < attempts[$1[0]].user }
    }

    fileprivate func isCalm(at change: Change) -> Bool {
        let at = change.atMs - (epochMs ?? 0)
        let from = at - (rules.timeoutMs.values.max() ?? 0) - 3_000
        return !faults.contains { $0.delaysDetection && $0.fromMs <= at && $0.toMs >= from }
    }
}
