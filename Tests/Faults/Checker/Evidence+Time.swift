/// When sessions ended.
extension Evidence {
    /// How late a silent session may be settled.
    static let detectionMs = 2_000
    /// Redis and this run round to milliseconds.
    private static let roundingMs = 10
    /// A socket's heartbeat that was not answered may have come just before.
    private static let unansweredMs = 1_000

    private func isOfSilence(_ change: Change) -> Bool {
        change.what == "Disconnect/TimeOut" || (change.what == "Disconnect/LinkClose" && !change.note.isEmpty)
    }

    private func contacts(_ user: String) -> [String: [Call]] {
        let named = (calls[user] ?? []).filter { [.login, .heartbeat, .resume].contains($0.kind) && $0.session != nil }
        return Dictionary(grouping: named) { $0.session ?? "" }
    }

    var falseEnds: [String] {
        changes.flatMap { user, changes in
            let contacts = contacts(user)
            return changes.filter(isOfSilence).flatMap { change -> [String] in
                guard let at = clock.committedMs(change) else { return [] }
                let timeout = timeoutMs(of: change.session)
                return (contacts[change.session] ?? []).compactMap { call in
                    guard call.isRenewal, call.begunMs <= at, at < call.begunMs + timeout - Self.roundingMs,
                        !clock.isLost(from: call.begunMs, to: call.endedMs),
                        !hasGraceAfterStep(change.session, from: call.begunMs, to: at)
                    else { return nil }
                    return "\(user): \(change.session) ended by silence at \(at), its \(call.kind) began at "
                        + "\(call.begunMs) and was acknowledged at \(call.endedMs), the timeout is \(timeout)"
                }
            }
        }
    }

    /// Whether Redis' clock jumped ahead in between, over the end of every timer, and the grace after that was given.
    private func hasGraceAfterStep(_ session: String, from: RunMs, to: RunMs) -> Bool {
        let grace = history.rules.graceMs[String(session.prefix { $0 != ":" })] ?? 0
        let steps = history.steps.filter { $0 + Self.roundingMs >= from && $0 <= to }
        return steps.max().map { to >= $0 + grace - Self.roundingMs } ?? false
    }

    var lateEnds: [String] {
        guard history.epochMs != nil else { return [] }
        return folds.flatMap { user, fold -> [String] in
            let contacts = contacts(user)
            return fold.onlineSpells.compactMap { session, end in
                let known = (contacts[session] ?? []).filter { $0.outcome != .failed && !$0.isGone }
                guard let last = known.max(by: { $0.endedMs < $1.endedMs }) else { return nil }
                let due = last.endedMs + timeoutMs(of: session) + (last.isSocket ? Self.unansweredMs : 0)
                let latest = due + Self.detectionMs
                let ended = end.flatMap(clock.committedMs) ?? history.endMs
                guard ended > latest + stalledMs(from: last.endedMs, to: ended),
                    !isDelayed(from: due - timeoutMs(of: session), to: latest),
                    !clock.isLost(from: last.begunMs, to: ended)
                else { return nil }
                let how = end.map { "ended by \($0.what) at \(ended)" } ?? "is Online at the end, at \(ended)"
                return "\(user): \(session) was last heard of at \(last.endedMs) and \(how), due was \(due)"
            }
        }
    }

    var wrongExpiries: [String] {
        guard history.epochMs != nil else { return [] }
        let retention = history.rules.pushRetentionMs
        return folds.flatMap { user, fold -> [String] in
            var since: [String: RunMs] = [:]
            var found: [String] = []
            for step in fold.steps {
                guard let at = clock.committedMs(step.change) else { continue }
                let session = step.change.session
                if step.change.status == "PushOnline" { since[session] = at }
                guard step.change.reason == "Expired", let began = since[session] else { continue }
                if at < began + retention - Self.roundingMs, !clock.isLost(from: began, to: at) {
                    found.append("\(user): \(session) expired after \(at - began) ms of \(retention)")
                }
                let latest = began + retention + Self.detectionMs
                if at > latest + stalledMs(from: began, to: at), !isDelayed(from: began, to: latest),
                    !clock.isLost(from: began, to: at)
                {
                    found.append("\(user): \(session) expired after \(at - began) ms, due was \(retention)")
                }
            }
            return found
        }
    }
}

extension Fold {
    /// Every session that was Online, with the change that ended that.
    var onlineSpells: [(session: String, end: Change?)] {
        var open: Set<String> = []
        var spells: [(String, Change?)] = []
        for step in steps {
            let online = Set(step.sessions.filter { $0.value == "Online" }.keys)
            for session in open.subtracting(online) { spells.append((session, step.change)) }
            open = online
        }
        return spells + open.map { ($0, nil) }
    }
}

extension History {
    /// When the last call ended.
    var endMs: RunMs { calls.map(\.endedMs).max() ?? 0 }
}
