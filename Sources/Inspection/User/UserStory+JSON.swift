import JSON
import PresenceCore
import PresenceStore

/// The story as one JSON document. Times are Redis time in milliseconds; what is not known is left out. Members may be
/// added, none changes its meaning.
extension UserStory: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("user", user.rawValue)
            json.member("key", "\(facts.shard.keys)user:\(user)")
            json.member("at", nowMs)
            json.member("isKnown", isKnown)
            json.member("status", status.rawValue)
            json.member("version", facts.presence.version)
            json.member("changedAt", ifPresent: facts.presence.changedAtMs)
            json.member("why", why)
            json.member("sessions", sessions)
            json.member("ended", ended)
            json.member("changes", changes.map { ToldChange($0) })
            json.member("changesAreAllKept", facts.isLogWhole)
            json.member("shard") { write(facts.shard, to: &$0) }
            json.member("rules") { writeRules(to: &$0) }
            json.member("commands", commands)
        }
    }

    private func write(_ shard: UserFacts.ShardFacts, to json: inout JSONWriter) {
        json.member("number", shard.number)
        json.member("keys", shard.keys)
        json.member("owner", ifPresent: shard.owner)
        json.member("isOwnerLive", shard.isOwnerLive)
        json.member("sweptAt", ifPresent: shard.sweptAtMs)
        json.member("graceBeganAt", ifPresent: shard.graceBeganMs)
        if case .at(let deadline) = facts.deadline { json.member("deadline", deadline) }
        json.member("waiting", shard.backlog)
        json.member("aside", shard.asideCount)
        json.member("dead", shard.deadCount)
    }

    private func writeRules(to json: inout JSONWriter) {
        json.member("adopted", facts.rules != nil)
        json.member("digest", ifPresent: facts.rules?.digest)
        json.member("policy", options.limits.policy.rawValue)
        json.member("onLimit", options.limits.onLimit.rawValue)
        json.member("hasReceiver", options.hasReceiver)
        json.member("platforms", platforms.map { PlatformRule($0, options) })
    }
}

extension PlatformRule: JSONWritable {
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("platform", platform.name)
            json.member("limit", login.limit)
            json.member("sharesLimitWith", login.sharing.filter { $0 != platform }.map(\.name))
            json.member("ends", login.excluded.map(\.name))
            json.member("intervalMs", heartbeat.intervalMs)
            json.member("timeoutMs", heartbeat.timeoutMs)
            json.member("pushRetentionMs", ifPresent: pushMs)
        }
    }
}

extension SessionStory: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(session.id)
            json.member("generation", session.id.generation.rawValue)
            json.member("status", session.status.rawValue)
            json.member("since", session.changedAtMs)
            json.member("loginAt", session.loginAtMs)
            json.member("address", ifPresent: session.details.address)
            json.member("network", ifPresent: session.details.network)
            json.member("version", ifPresent: session.details.version)
            json.member("worker", session.worker)
            json.member("link", ifPresent: link)
            json.member("timer") { json in
                switch timer {
                case .runs(let end):
                    json.member("state", "runs")
                    json.member("endsAt", end)
                case .endless: json.member("state", "endless")
                case .grace(let until):
                    json.member("state", "grace")
                    json.member("until", until)
                case .due: json.member("state", "due")
                case .unswept: json.member("state", "unswept")
                }
            }
        }
    }
}

extension EndedSession: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(session)
            json.member("loginAt", ifPresent: loginAtMs)
            json.member("endedAt", ifPresent: endedAtMs)
            json.member("how", how.word)
            switch how {
            case .displaced(let by): json.member("by", by.description)
            case .kicked(let reason): json.member("reason", ifPresent: reason)
            case .silent(let lateMs), .expired(let lateMs): json.member("lateMs", ifPresent: lateMs)
            case .loggedOut, .closed: break
            }
        }
    }
}

extension EndedSession.How {
    var word: String {
        switch self {
        case .displaced: "displaced"
        case .kicked: "kicked"
        case .loggedOut: "loggedOut"
        case .closed: "closed"
        case .silent: "silent"
        case .expired: "expired"
        }
    }
}

extension JSONWriter {
    /// `session` as the API takes it, and its parts.
    mutating func member(_ session: SessionID) {
        member("session", session.description)
        member("platform", session.platform.name)
        member("instance", session.instance.rawValue)
    }
}

/// A change of a user, as the commands tell it in JSON.
package struct ToldChange: JSONWritable, Sendable {
    private let change: StatusChange
    private let story: ChangeStory?

    /// - Parameter story: what became of it, too.
    package init(_ story: ChangeStory) { (change, self.story) = (story.change, story) }

    package init(_ change: StatusChange) { (self.change, story) = (change, nil) }

    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("id", change.id)
            json.member("at", change.atMs)
            json.member("user", change.user.rawValue)
            json.member("version", change.version)
            json.member("previous", change.previous)
            json.member("action", change.action.rawValue)
            json.member("reason", change.reason.rawValue)
            json.member(change.session)
            json.member("status", change.status.rawValue)
            json.member("userStatus", change.userStatus.rawValue)
            json.member("address", ifPresent: change.address)
            if !change.kicked.isEmpty { json.member("kicked", change.kicked.map(\.description)) }
            if change.reason == .kicked { json.member("note", ifPresent: change.note) }
            json.member("lateMs", ifPresent: change.lateMs)
            json.member("request", ifPresent: change.cause?.request?.description)
            json.member("traceparent", ifPresent: change.cause?.trace?.description)
            guard let story else { return }
            json.member("missesOneBefore", story.missesOneBefore)
            json.member("event") { story.fate.write(to: &$0, position: story.position) }
        }
    }
}

extension ChangeStory.Fate {
    fileprivate func write(to json: inout JSONWriter, position: String) {
        switch self {
        case .waiting: json.member("state", "waiting")
        case .delivered(let attempts):
            json.member("state", "delivered")
            json.member("attempts", attempts)
        case .discarded: json.member("state", "discarded")
        case .untold: json.member("state", "untold")
        case .aside(let since, let attempts, let before):
            json.member("state", "aside")
            json.member("since", since)
            json.member("attempts", attempts)
            json.member("behind", before)
        case .dead(let since, let attempts, let why):
            json.member("state", "dead")
            json.member("since", since)
            json.member("attempts", attempts)
            json.member("why", why)
        }
        json.member("position", position)
    }
}
