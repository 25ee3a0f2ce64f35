import PresenceCore
import PresenceStore

/// The story as lines for a terminal of 80 columns; the commands at its end are as long as they are.
extension UserStory {
    private static let columnsMax = 80

    package var text: String { lines.joined(separator: "\n") }

    package var lines: [String] {
        let parts = [
            [headline], section("Why", why.flatMap { Self.wrapped($0, indent: 2) }),
            section("Sessions", sessions.flatMap(lines)),
            section("Sessions that are over", ended.flatMap(lines)),
            section(changesTitle, changes.flatMap(lines)),
            section("Shard \(facts.shard.number)", shardLines), section(rulesTitle, ruleLines),
            section(
                "The same with redis-cli" + (needsPassword ? " (its password in REDISCLI_AUTH)" : ""),
                commands.map { "  \($0)" }),
        ]
        return Array(parts.filter { !$0.isEmpty }.joined(separator: [""]))
    }

    private func section(_ title: String, _ lines: [String]) -> [String] {
        lines.isEmpty ? [] : [title] + lines
    }

    private func when(_ milliseconds: Int) -> String { Times.both(milliseconds, now: nowMs) }

    private var headline: String {
        guard let changed = facts.presence.changedAtMs else {
            return "\(user) is \(status.rawValue), and not on record"
        }
        return "\(user) is \(status.rawValue), last change \(when(changed))"
    }

    private func lines(_ story: SessionStory) -> [String] {
        let session = story.session
        let isOnline = session.status == .online
        let client = [
            session.details.address, session.details.network, session.details.version.map { "version \($0)" },
        ].compactMap(\.self).joined(separator: ", ")
        return ["  \(session.id.device) is \(session.status.rawValue)"]
            + Self.table([
                ("since", when(session.changedAtMs)), ("logged in", when(session.loginAtMs)),
                ("generation", session.id.generation.rawValue), ("client", client.isEmpty ? "told nothing" : client),
                ("worker", session.worker + (story.link.map { ", WebSocket \($0)" } ?? ", without a WebSocket")),
                (isOnline ? "heartbeat" : "push", story.timer.words(now: nowMs)),
            ])
    }

    private func lines(_ ended: EndedSession) -> [String] {
        Self.wrapped("\(ended.session.device) \(ended.how.sentence)", indent: 2)
            + Self.table([
                ("ended", ended.endedAtMs.map(when) ?? "not kept"),
                ("logged in", ended.loginAtMs.map(when) ?? "not kept"),
                ("generation", ended.session.generation.rawValue),
            ])
    }

    private var changesTitle: String {
        facts.isLogWhole ? "Changes that are kept, oldest first" : "The latest changes, oldest first"
    }

    private func lines(_ story: ChangeStory) -> [String] {
        let change = story.change
        var parts = ["session \(change.status.rawValue)", "user \(change.userStatus.rawValue)"]
        if !change.kicked.isEmpty { parts.append("displaced " + change.kicked.map(\.device).joined(separator: ", ")) }
        if let lateMs = change.lateMs { parts.append("settled \(Times.span(lateMs)) after its timer ended") }
        if change.reason == .kicked, let note = change.note { parts.append("reason \"\(note)\"") }
        if let request = change.cause?.request { parts.append("by request \(request)") }
        let missing = story.missesOneBefore ? Self.wrapped("(version \(change.previous) is missing)", indent: 2) : []
        return missing + [
            "  \(Times.iso(change.atMs))  \(change.action.rawValue)/\(change.reason.rawValue)  "
                + change.session.device
        ]
            + Self.wrapped(parts.joined(separator: ", "), indent: 4)
            + Self.wrapped(story.fate.words(now: nowMs, waiting: facts.shard.backlog), indent: 4)
    }

    private var shardLines: [String] {
        let shard = facts.shard
        var owner = "nobody"
        if let name = shard.owner {
            owner = name + (shard.isOwnerLive ? ", live" : ", not heard of lately")
            if shard.ownedUntilMs < nowMs { owner += ", until \(Times.ago(shard.ownedUntilMs, now: nowMs))" }
        }
        let deadline =
            switch facts.deadline {
            case .at(let at): when(at)
            case .none: "none"
            case .forbidden: "not known: the Redis user may not run ZSCORE"
            }
        return Self.table(
            [
                ("owner", owner), ("swept", shard.sweptAtMs.map { Times.ago($0, now: nowMs) } ?? "never"),
                ("grace", shard.graceBeganMs.map { "since \(when($0))" } ?? "none"), ("deadline", deadline),
                ("events", "\(shard.backlog) wait, \(shard.asideCount) set aside, \(shard.deadCount) dead letters"),
            ], indent: 2)
    }

    private var rulesTitle: String {
        facts.rules.map { "Rules (adopted, digest \($0.digest))" } ?? "Rules (none stand: the defaults)"
    }

    private var ruleLines: [String] {
        var rows = [
            ("policy", "\(options.limits.policy.rawValue), over the limit: \(options.limits.onLimit.rawValue)"),
            ("receiver", options.hasReceiver ? "yes" : "none: changes are told to nobody"),
        ]
        for platform in platforms {
            let rule = PlatformRule(platform, options)
            rows.append((platform.name, "heartbeat every \(Times.exact(rule.heartbeat.intervalMs)), \(rule.fate)"))
            rows.append(("", rule.limits))
        }
        return Self.table(rows, indent: 2)
    }

    /// Names in a column, what is said of each beside it.
    private static func table(_ rows: [(String, String)], indent: Int = 4) -> [String] {
        let width = (rows.map(\.0.count).max() ?? 0) + 2
        return rows.flatMap { name, text in
            var lines = wrapped(text, indent: indent + width)
            if let first = lines.first {
                let head = String(repeating: " ", count: indent) + name
                lines[0] = head + first.dropFirst(head.count)
            }
            return lines
        }
    }

    /// Words in lines of at most 80 columns; one that is longer has a line of its own.
    static func wrapped(_ text: String, indent: Int) -> [String] {
        let margin = String(repeating: " ", count: indent)
        var lines: [String] = []
        var line = ""
        for word in text.split(separator: " ") {
            if !line.isEmpty, indent + line.count + 1 + word.count > columnsMax {
                lines.append(margin + line)
                line = ""
            }
            line += (line.isEmpty ? "" : " ") + word
        }
        return lines + [margin + line]
    }
}

/// What the rules say of one platform.
struct PlatformRule {
    let platform: Platform
    let heartbeat: HeartbeatTiming
    let login: LoginRule
    /// How long a lost session stays PushOnline; nil where it is Offline at once.
    let pushMs: Int?

    init(_ platform: Platform, _ options: StoreOptions) {
        let traits = options.platforms[platform]
        self.platform = platform
        heartbeat = traits.heartbeat
        login = options.limits.rule(for: platform, in: options.platforms)
        pushMs = traits.hasPush ? options.pushRetentionMs : nil
    }

    var fate: String {
        "lost after \(Times.exact(heartbeat.timeoutMs)), then "
            + (pushMs.map { "PushOnline for \(Times.exact($0))" } ?? "Offline")
    }

    var limits: String {
        let others = login.sharing.filter { $0 != platform }.map(\.name)
        let shared = others.isEmpty ? "" : " (together with \(others.joined(separator: ", ")))"
        let excluded = login.excluded.map(\.name).joined(separator: ", ")
        return "\(login.limit) at once\(shared); a login ends "
            + (excluded.isEmpty ? "no other platform's" : "those on \(excluded)")
    }
}

extension SessionStory.Timer {
    func words(now: Int) -> String {
        switch self {
        case .runs(let end): "timer ends \(Times.both(end, now: now))"
        case .endless: "timer has no end"
        case .grace(let until): "timer has ended; grace until \(Times.both(until, now: now))"
        case .due: "timer has ended; due to be settled"
        case .unswept: "timer has ended; the shard is not swept"
        }
    }
}

extension ChangeStory.Fate {
    /// - Parameter waiting: events of the shard that wait.
    func words(now: Int, waiting: Int) -> String {
        func after(_ attempts: Int) -> String { attempts > 0 ? " after \(attempts) attempts" : "" }
        switch self {
        case .waiting: return "waits to be delivered, as \(waiting) events of the shard do"
        case .delivered(1): return "delivered"
        case .delivered(let attempts): return "delivered after \(attempts) attempts"
        case .discarded: return "told to nobody: the receiver did not take it, and an operator dropped it"
        case .untold: return "told to nobody: there is no receiver"
        case .aside(let since, let attempts, let before):
            let place = before > 0 ? "; behind \(before) of the user before it" : "; tried again every 2 to 30 s"
            return "set aside \(Times.ago(since, now: now))\(after(attempts))\(place)"
        case .dead(let since, let attempts, let why):
            return "dead letter since \(Times.both(since, now: now))\(after(attempts)): \(why)"
        }
    }
}
