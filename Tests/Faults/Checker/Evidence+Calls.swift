/// What callers were told.
extension Evidence {
    var lostAcknowledgements: [String] {
        history.calls.compactMap { call in
            guard call.isOK, !clock.isLost(from: call.begunMs, to: call.endedMs) else { return nil }
            let flaw: String? =
                switch call.kind {
                case .login: flaw(ofLogin: call)
                case .disconnect, .logout: flaw(ofEnd: call)
                case .kick: flaw(ofKick: call)
                case .heartbeat, .query, .resume: nil
                }
            return flaw.map { "\(call.user): the \(call.kind) of \(call.begunMs) to \(call.endedMs): \($0)" }
        }
    }

    private func flaw(ofLogin call: Call) -> String? {
        guard let session = call.session else { return "it has no session" }
        let own = changes[call.user]?.filter { $0.session == session && $0.action == "Login" } ?? []
        guard let change = own.first else { return "\(session) is not committed" }
        if own.count > 1 { return "\(session) has \(own.count) events" }
        if let version = call.version, version != change.version {
            return "answered was version \(version), committed is \(change.version)"
        }
        let kicked = Set((call.sessions ?? []).map(\.session))
        if !call.isSocket, logged[change.id] != nil, kicked != Set(change.kicked) {
            return "answered was that \(kicked) are kicked, committed is \(change.kicked)"
        }
        return nil
    }

    private func flaw(ofEnd call: Call) -> String? {
        guard let session = call.session else { return nil }
        // A socket is told that it is logged out, not the version.
        guard let version = call.version else {
            let isThere = folds[call.user]?.steps.last?.sessions[session] != nil
            return isThere ? "\(session) is there at the end" : nil
        }
        guard version > 0 else { return "answered was version 0" }
        guard let step = folds[call.user]?.step(at: version) else { return "version \(version) is not committed" }
        guard step.isCertain else { return nil }
        let status = step.sessions[session] ?? "Offline"
        if status == "Online" || (call.kind == .logout && status != "Offline") {
            return "after version \(version) \(session) is \(status)"
        }
        // A session that another replaced is Offline to those who name it.
        if call.status != status { return "answered was \(call.status ?? ""), committed is \(status)" }
        if call.userStatus != step.userStatus {
            return "answered was a user \(call.userStatus ?? ""), committed is \(step.userStatus)"
        }
        return nil
    }

    private func flaw(ofKick call: Call) -> String? {
        for session in (call.sessions ?? []).map(\.session) {
            let isTold = changes[call.user]?.contains { $0.session == session && $0.reason == "Kicked" } ?? false
            if !isTold { return "\(session) was kicked, and that is not committed" }
        }
        guard let version = call.version, version > 0 else { return nil }
        guard let step = folds[call.user]?.step(at: version) else { return "version \(version) is not committed" }
        let left = step.sessions.keys.filter { call.matches($0) }
        return step.isCertain && !left.isEmpty ? "after it there are \(left)" : nil
    }

    var unaskedChanges: [String] {
        changes.flatMap { user, changes -> [String] in
            let calls = (self.calls[user] ?? []).filter { $0.outcome != .failed }
            var unanswered: [String: Int] = [:]
            for call in calls where call.kind == .login && call.outcome == .unknown {
                unanswered[call.device, default: 0] += 1
            }
            return changes.compactMap { change in
                if clock.isLost(after: change) { return nil }
                let isAsked: Bool
                switch change.what {
                case "Login/Register":
                    isAsked =
                        calls.contains { $0.kind == .login && $0.session == change.session }
                        || take(change.device, from: &unanswered)
                case "Logout/Unregister":
                    isAsked = calls.contains {
                        $0.kind == .logout
                            && ($0.session == change.session || $0.isSocket && $0.device == change.device)
                    }
                case "Logout/Kicked":
                    isAsked = calls.contains { $0.kind == .kick && $0.matches(change.session) }
                case "Disconnect/LinkClose" where change.note.isEmpty && logged[change.id] != nil:
                    isAsked = calls.contains {
                        $0.kind == .disconnect && $0.session == change.session
                            || $0.isSocket && $0.device == change.device
                    }
                default: isAsked = true
                }
                return isAsked ? nil : "\(user): nobody asked for \(change.what) of \(change.session) (\(change.id))"
            }
        }
    }

    private func take(_ device: String, from unanswered: inout [String: Int]) -> Bool {
        guard let left = unanswered[device], left > 0 else { return false }
        unanswered[device] = left - 1
        return true
    }

    var lateSuccesses: [String] {
        folds.flatMap { user, fold -> [String] in
            var ended: [String: RunMs] = [:]
            func end(_ session: String, _ at: RunMs) { ended[session] = min(ended[session] ?? .max, at) }
            var before: [String: String] = [:]
            for step in fold.steps {
                // Committed before it was heard.
                if let heard = heardMs[step.change.id] {
                    // After a loss it is not known who else there was.
                    let gone = before.keys.filter {
                        step.sessions[$0] != "Online" && before[$0] == "Online"
                            && (step.isCertain || $0 == step.change.session)
                    }
                    for session in gone { end(session, heard) }
                }
                before = step.sessions
            }
            let calls = calls[user] ?? []
            for call in calls where call.isOK {
                if [.disconnect, .logout].contains(call.kind), let session = call.session {
                    end(session, call.endedMs)
                }
                if [.login, .kick].contains(call.kind) {
                    for other in call.sessions ?? [] { end(other.session, call.endedMs) }
                }
            }
            return calls.compactMap { call in
                guard [.heartbeat, .resume].contains(call.kind), call.isRenewal, let session = call.session,
                    let at = ended[session], call.begunMs > at, !clock.isLost(from: at, to: call.endedMs)
                else { return nil }
                return
                    "\(user): \(session) ended by \(at) at the latest, its \(call.kind) of \(call.begunMs) was accepted"
            }
        }
    }

    var wrongAnswers: [String] {
        calls.flatMap { user, calls -> [String] in
            let acknowledged = calls.filter { $0.isOK && $0.kind != .query && $0.version != nil }
                .sorted { $0.endedMs < $1.endedMs }
            var (next, newest) = (0, 0)
            let queries = calls.filter { $0.kind == .query && $0.isOK && $0.version != nil }
            return queries.sorted { $0.begunMs < $1.begunMs }.compactMap { query in
                while next < acknowledged.count, acknowledged[next].endedMs < query.begunMs {
                    newest = max(newest, acknowledged[next].version ?? 0)
                    next += 1
                }
                return flaw(of: query, newest).map { "\(user): the query of \(query.begunMs) \($0)" }
            }
        }
    }

    private func flaw(of query: Call, _ newest: Int) -> String? {
        let (version, status) = (query.version ?? 0, query.status ?? "")
        let isLossy = history.losses.contains { $0.fromMs - Self.slackMs <= query.endedMs }
        if version < newest, !isLossy { return "says version \(version), acknowledged was \(newest)" }
        if version == 0 { return status == "Offline" ? nil : "says \(status) of a user without a change" }
        guard let step = folds[query.user]?.step(at: version) else {
            return isLossy ? nil : "says version \(version), which is not committed"
        }
        if step.userStatus != status { return "says \(status) at \(version), committed is \(step.userStatus)" }
        guard step.isCertain, let seen = query.sessions else { return nil }
        let shown = Dictionary(seen.map { ($0.session, $0.status) }) { first, _ in first }
        return shown == step.sessions ? nil : "shows \(shown) at \(version), committed are \(step.sessions)"
    }
}

extension Call {
    /// Whether a kick is about the session.
    func matches(_ session: String) -> Bool { device.isEmpty || session.hasPrefix(device + ":") }
}
