import PresenceCore
import PresenceStore

/// What a change makes of the user, and what is remembered of it.
extension UserModel {
    /// - Returns: the version before.
    mutating func grow(_ nowMs: Int) -> Int {
        let previous = version
        version = max(version + 1, nowMs)
        return previous
    }

    mutating func lose(_ held: Held, _ reason: Reason, note: String?, _ nowMs: Int) -> Status {
        let (previous, pushMs) = (grow(nowMs), rules.pushMs(held.id.platform))
        if pushMs > 0 {
            sessions[held.id.device]?.status = .pushOnline
            sessions[held.id.device]?.changedMs = version
            sessions[held.id.device]?.timerEndsMs = nowMs + pushMs
        } else {
            sessions[held.id.device] = nil
        }
        let after: Status = pushMs > 0 ? .pushOnline : .offline
        record(.disconnect, reason, held.id, after, previous: previous, nowMs, note: note)
        return after
    }

    mutating func end(_ held: Held, _ reason: Reason, note: String?, _ nowMs: Int) {
        let previous = grow(nowMs)
        sessions[held.id.device] = nil
        record(.logout, reason, held.id, .offline, previous: previous, nowMs, note: note)
    }

    mutating func record(
        _ action: Action, _ reason: Reason, _ id: SessionID, _ status: Status, previous: Int, _ nowMs: Int,
        kicked: [SessionID] = [], note: String? = nil
    ) {
        if sessions.isEmpty { recordEndsMs = nowMs + rules.options.offlineRetentionMs }
        fresh.append(
            StatusChange(
                id: "\(id.generation)-\(version)", user: user, version: version, previous: previous, atMs: nowMs,
                action: action, reason: reason, session: id, status: status, userStatus: self.status, kicked: kicked,
                note: note))
    }
}

/// What is remembered.
extension UserModel {
    func remembered(_ generation: Generation, _ nowMs: Int) -> Ended? {
        ended[generation].flatMap { $0.untilMs > nowMs ? $0 : nil }
    }

    mutating func remember(_ id: SessionID, by: String?, _ nowMs: Int) {
        if let held = held(id) { remember(held, by: by, nowMs) }
    }

    mutating func remember(_ held: Held, by: String?, _ nowMs: Int) {
        guard by != nil || held.attempt != nil else { return }
        forgetPast(nowMs)
        // Of whom nobody ended, what is held up on its way alone may still come.
        let ms = by == nil ? rules.options.doneMs : rules.options.endedMs
        ended[held.id.generation] = Ended(
            untilMs: nowMs + ms, loginMs: held.loginMs, device: held.id.device, by: by,
            attempt: held.attempt)
    }

    mutating func forgetPast(_ nowMs: Int) {
        ended = ended.filter { $0.value.untilMs > nowMs }
        done = done.filter { $0.value.untilMs > nowMs }
    }

    func isLate(_ attempt: Attempt?, on device: String, _ nowMs: Int) -> Bool {
        guard let attempt else { return false }
        let others = [sessions[device]?.attempt] + ended.values.filter { $0.untilMs > nowMs }.map(\.attempt)
        return others.contains { $0?.client == attempt.client && $0?.number ?? 0 > attempt.number }
    }
}
