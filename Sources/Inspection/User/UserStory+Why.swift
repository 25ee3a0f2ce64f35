import PresenceCore
import PresenceStore

/// The story in sentences: what makes the user Online, PushOnline or Offline, and what is not as it should be.
extension UserStory {
    package var why: [String] {
        guard isKnown else { return [neverSeen] }
        return (sessions.isEmpty ? [whyOffline] : sessions.map(why)) + [delivery].compactMap(\.self) + oddities
    }

    private var neverSeen: String {
        let prefix = facts.shard.keys.prefix { $0 != ":" }
        return "Nobody of this name is on record. Either no client of this user has logged in here yet, or the last "
            + "session ended more than \(Times.exact(options.offlineRetentionMs)) ago (offline.retention-ms). Ids are "
            + "compared byte by byte: case, blanks and the spelling of accents count. Looked for under the prefix "
            + "\(prefix)."
    }

    private var whyOffline: String {
        guard let last = ended.last else {
            return "No session is left. How the last one ended is not kept any more: changes are kept for "
                + "\(Times.exact(options.eventsRetentionMs)) after delivery (events.retention-ms)."
        }
        return "No session is left. The last one, \(last.session.device), \(last.how.sentence)."
    }

    private func why(_ story: SessionStory) -> String {
        let (session, device) = (story.session, story.session.id.device)
        let isOnline = session.status == .online
        let timer = isOnline ? "heartbeat timer" : "push timer"
        switch story.timer {
        case .runs(let endsAtMs) where isOnline:
            return "\(device) is Online: it is logged in, and its heartbeat timer runs for another "
                + "\(Times.span(endsAtMs - nowMs))."
        case .runs(let endsAtMs):
            return "\(device) is PushOnline: its client is gone and can be reached by push. Without a login it is "
                + "Offline in \(Times.span(endsAtMs - nowMs))."
        case .endless:
            return
                "\(device) is \(session.status.rawValue), and its \(timer) has no end: somebody took it away by hand. "
                + "The next sweep that finds the user due gives it one."
        case .grace(let untilMs):
            return "\(device) is still Online: its heartbeat timer has ended, but in the grace period after an outage "
                + "nobody is settled as lost. A heartbeat until \(Times.iso(untilMs)) revives it."
        case .due:
            return
                "\(device) is still \(session.status.rawValue): its \(timer) has ended, and the next sweep settles it."
        case .unswept:
            let since = facts.shard.sweptAtMs.map { "since \(Times.iso($0))" } ?? "yet"
            return "\(device) is still \(session.status.rawValue): its \(timer) has ended, but no worker has swept its "
                + "shard \(since). When one does that counts as an outage, and a grace period begins."
        }
    }

    /// What the receiver has not been told, if anything.
    private var delivery: String? {
        let waiting = changes.filter { $0.fate == .waiting }.count
        let aside = facts.aside.count
        let dead = changes.filter(\.isDead).count
        let parts = [(waiting, "waiting"), (aside, "set aside"), (dead, dead == 1 ? "dead letter" : "dead letters")]
            .filter { $0.0 > 0 }.map { "\($0) \($1)" }
        guard !parts.isEmpty else { return nil }
        return "The receiver does not know all of it: of this user's changes it has not accepted "
            + "\(parts.joined(separator: ", "))."
    }

    /// What a healthy service never shows for longer than a moment.
    private var oddities: [String] {
        var all = changes.filter(\.missesOneBefore).map {
            "A change is missing: that of version \($0.change.previous) was lost, as in a failover."
        }
        if let version = ChangeStory.unrecorded(facts, changes) {
            all.append("The last change on record, version \(version), has no event: it was lost, as in a failover.")
        }
        for story in sessions where story.hasStray {
            all.append("\(story.session.id.device) has a timer of another status beside its own: presence doctor.")
        }
        let ends = sessions.compactMap { if case .runs(let end) = $0.timer { end } else { nil as Int? } }
        switch (facts.deadline, ends.min()) {
        case (.none, _) where !sessions.isEmpty:
            all.append(
                "The user is not among the deadlines: nobody settles it when it falls silent. Run presence doctor.")
        case (.at(let deadline), let end?) where deadline > end + Self.clockStepMs:
            all.append(
                "The user's deadline is \(Times.span(deadline - end)) after the end of the first timer: it is settled so "
                    + "much too late. Run presence doctor.")
        default: break
        }
        return all
    }

    /// What the reads of deadline and timers may be apart.
    private static let clockStepMs = 1_000
}

extension ChangeStory {
    var isDead: Bool { if case .dead = fate { true } else { false } }
}

extension EndedSession.How {
    /// To follow the name of a session.
    var sentence: String {
        switch self {
        case .displaced(let by): "was displaced by a login on \(by.device)"
        case .kicked(let reason?): "was kicked by an operator: \"\(reason)\""
        case .kicked: "was kicked by an operator"
        case .loggedOut: "logged out"
        case .closed: "ended when its connection was closed"
        case .silent(let lateMs?): "fell silent, and was settled \(Times.span(lateMs)) after its timer ended"
        case .silent: "fell silent"
        case .expired(let lateMs?):
            "expired: PushOnline for too long, settled \(Times.span(lateMs)) after its timer ended"
        case .expired: "expired: PushOnline for too long"
        }
    }
}
