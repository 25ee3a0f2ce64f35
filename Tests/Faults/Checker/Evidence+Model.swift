import PresenceCore

/// Where the sides do not agree on how things stand.
extension Evidence {
    /// Queries that showed more sessions than the policy allows.
    var crowdedAnswers: [String] {
        history.calls.compactMap { call in
            guard call.kind == .query, call.isOK, let sessions = call.sessions?.map(\.session),
                !rules.allows(sessions)
            else { return nil }
            return "\(call.user): a query at \(call.begunMs) showed \(sessions)"
        }
    }

    var disagreements: [String] {
        let records = Dictionary(history.dump.users.map { ($0.user, $0) }) { first, _ in first }
        return users.sorted().flatMap { user -> [String] in
            let record = records[user]
            return differenceOfQuery(user, record) + differenceOfLast(user, record) + differenceOfClient(user, record)
        }
    }

    /// A query and the record.
    private func differenceOfQuery(_ user: String, _ record: Dump.User?) -> [String] {
        guard let answer = history.answers[user] else { return [] }
        let (shown, stored) = (Set(answer.sessions), Set(record?.sessions ?? []))
        guard shown != stored || answer.version != record?.version ?? 0 else { return [] }
        return ["\(user): a query shows \(answer.version) \(shown), Redis has \(record?.version ?? 0) \(stored)"]
    }

    /// The last event and the record.
    private func differenceOfLast(_ user: String, _ record: Dump.User?) -> [String] {
        guard let last = folds[user]?.steps.last else {
            return record.map { ["\(user): Redis has \($0), no change of it is known"] } ?? []
        }
        if clock.isLost(after: last.change) { return [] }
        var found: [String] = []
        if record?.version != last.change.version {
            found.append(
                "\(user): the last event is \(last.change.version), Redis has \(record.map { "\($0.version)" } ?? "nothing")"
            )
        }
        let stored = Dictionary((record?.sessions ?? []).map { ($0.session, $0.status) }) { first, _ in first }
        if last.isCertain, stored != last.sessions {
            found.append("\(user): by its events it has \(last.sessions), Redis has \(stored)")
        }
        let status = Status.ofUser((record?.sessions ?? []).compactMap { Status(rawValue: $0.status) }).rawValue
        if status != last.userStatus {
            found.append("\(user): the last event \(last.change.id) says \(last.userStatus), Redis \(status)")
        }
        return found
    }

    /// What a client that heartbeats believes, and the record.
    private func differenceOfClient(_ user: String, _ record: Dump.User?) -> [String] {
        history.believed.filter { $0.value == user }.keys.compactMap { session in
            let status = record?.sessions.first { $0.session == session }?.status
            return status == "Online" ? nil : "\(user): \(session) heartbeats, Redis has it as \(status ?? "gone")"
        }
    }
}
