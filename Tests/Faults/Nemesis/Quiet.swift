import Support

/// The end of a run: clients begin nothing new, those that are in a session heartbeat, and all the rest has to end.
struct Quiet: Sendable {
    /// How long it may take: longer than the longest timeout, and more than that.
    private let patience: Duration
    let stage: Stage
    let caller: Caller
    let users: [String]
    private let renewedWithinMs: Int

    init(_ stage: Stage, _ caller: Caller, _ users: [String]) {
        self.stage = stage
        self.caller = caller
        self.users = users
        let rules = stage.recorder.history.rules
        let longestMs = max(rules.timeoutMs.values.max() ?? 0, rules.pushRetentionMs) * 2
        patience = .seconds(50) + .milliseconds(longestMs)
        renewedWithinMs = (rules.timeoutMs.values.min() ?? 0) / 2
    }

    /// Waits until everything is delivered and every session that lost its client is settled, then writes down how
    /// things stand. What never becomes quiet is written down too.
    func settle() async throws {
        let (begin, beganMs) = (ContinuousClock.now, stage.recorder.nowMs)
        var (last, loud) = (Dump(), "nothing was read")
        while ContinuousClock.now - begin < patience + stalled(since: beganMs) {
            try await Task.sleep(for: .milliseconds(400))
            guard let dump = try? await Dump(of: stage.masters()) else { continue }
            loud = noise(dump, last)
            last = dump
            if loud.isEmpty, try await agree(dump) { return }
        }
        let (dump, why) = (last, loud.isEmpty ? "queries do not come to an end" : loud)
        stage.recorder.edit {
            $0.dump = dump
            $0.unrest.append("after \(patience): \(why)")
        }
    }

    /// For how long this machine was busy with others, up to as long as the patience is.
    private func stalled(since beganMs: RunMs) -> Duration {
        let stalls = stage.recorder.history.stalls.filter { $0.atMs >= beganMs }
        return min(.milliseconds(stalls.map(\.lengthMs).reduce(0, +)), patience)
    }

    /// What is not settled yet, as a sentence; empty if nothing is.
    private func noise(_ dump: Dump, _ before: Dump) -> String {
        let waiting = dump.pending.count
        let pushed = dump.users.filter { user in user.sessions.contains { $0.status == "PushOnline" } }.map(\.user)
        let heartbeating = stage.recorder.renewed(within: renewedWithinMs)
        let silent = dump.users.flatMap { user in user.sessions.map(\.session) }.filter { !heartbeating.contains($0) }
        var parts: [String] = []
        if waiting > 0 { parts.append("\(waiting) events are pending (\(dump.pending.sorted().prefix(3)))") }
        if !pushed.isEmpty { parts.append("\(pushed.prefix(5)) are PushOnline") }
        if !silent.isEmpty { parts.append("\(silent.prefix(5)) have no client") }
        if dump.users != before.users { parts.append("users still change") }
        return parts.joined(separator: ", ")
    }

    /// Asks for everybody and reads Redis once more.
    /// - Returns: whether nothing has changed meanwhile.
    private func agree(_ dump: Dump) async throws -> Bool {
        var answers: [Dump.User] = []
        for start in stride(from: 0, to: users.count, by: 500) {
            guard let part = await caller.answers(of: Array(users[start..<min(start + 500, users.count)])) else {
                return false
            }
            answers += part
        }
        guard let after = try? await Dump(of: stage.masters()), after.users == dump.users, after.pending.isEmpty else {
            return false
        }
        stage.recorder.edit { history in
            history.dump = after
            for answer in answers { history.answers[answer.user] = answer }
        }
        return true
    }
}

extension Recorder {
    /// The sessions that were renewed lately, or may have been.
    fileprivate func renewed(within ms: Int) -> Set<String> {
        let since = nowMs - ms
        let calls = history.calls.lazy.filter { $0.endedMs > since && !$0.isGone && $0.kind != .query }
        return Set(calls.compactMap(\.session))
    }
}
