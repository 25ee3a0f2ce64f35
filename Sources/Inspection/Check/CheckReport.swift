import JSON
import PresenceCore
import PresenceStore

/// Whether the service is well, as monitoring asks: one line, one level, and the figures it comes from.
package struct CheckReport: Sendable {
    /// In the order of Nagios' exit codes.
    package enum Level: Int32, Sendable, Comparable {
        case ok, warning, critical, unknown

        package var word: String {
            switch self {
            case .ok: "OK"
            case .warning: "WARNING"
            case .critical: "CRITICAL"
            case .unknown: "UNKNOWN"
            }
        }

        package static func < (one: Level, other: Level) -> Bool { one.rawValue < other.rawValue }
    }

    package struct Finding: Sendable, Equatable {
        package let level: Level
        package let text: String
    }

    /// One figure with its limits. Times are in milliseconds.
    package struct Figure: Sendable, Equatable {
        package let name: String
        package let value: Int
        package let isTime: Bool
        package let limits: CheckThresholds.Limits
    }

    /// What is not well, the worst first.
    package let findings: [Finding]
    package let figures: [Figure]
    private let workers: Int
    private let shards: Int

    package var level: Level { findings.map(\.level).max() ?? .ok }

    /// - Parameter shards: how many there are.
    package init(_ facts: HealthFacts, shards: Int, _ thresholds: CheckThresholds) {
        let all = facts.shards.values
        let now = facts.nowMs
        workers = facts.live.count
        self.shards = shards
        let otherRules = facts.rules.map { rules in facts.live.filter { $0.rules != rules.digest }.count } ?? 0
        let sweepAge = all.map { now - ($0.sweptAtMs ?? 0) }.max() ?? 0
        let waitingSince = all.compactMap(\.oldestWaitingMs).min()
        let options = facts.rules.map { StoreOptions(worker: "", rules: $0.rules) } ?? StoreOptions(worker: "")
        let capacity = max(1, options.eventsBacklogMax / max(1, shards))
        let fullest = (all.map(\.backlog).max() ?? 0) * 100 / capacity
        func figure(_ name: String, _ value: Int, _ limits: CheckThresholds.Limits, isTime: Bool = false) -> Figure {
            Figure(name: name, value: max(0, value), isTime: isTime, limits: limits)
        }
        figures = [
            figure("workers", workers, .init(nil, nil)),
            figure("sweep_age", min(sweepAge, now), thresholds.sweepAgeMs, isTime: true),
            figure("lag", now - (all.compactMap(\.firstDueMs).min() ?? now), thresholds.lagMs, isTime: true),
            figure("backlog", all.map(\.backlog).reduce(0, +), thresholds.backlog),
            figure("backlog_age", now - (waitingSince ?? now), thresholds.backlogAgeMs, isTime: true),
            figure("backlog_full", fullest, thresholds.backlogFull),
            figure("dead", all.map(\.dead).reduce(0, +), thresholds.dead),
            figure("aside", all.map(\.aside).reduce(0, +), thresholds.aside),
            figure("graces", all.filter(\.isInGrace).count, thresholds.graces),
            figure("other_rules", otherRules, thresholds.otherRules),
        ]
        var findings = figures.compactMap { figure -> Finding? in
            let level = figure.limits.level(of: figure.value)
            return level == .ok ? nil : Finding(level: level, text: figure.complaint(all, facts))
        }
        if workers < thresholds.workersMin {
            findings.append(
                Finding(level: .critical, text: "\(workers) live workers, \(thresholds.workersMin) are wanted"))
        }
        if let failure = facts.failures.min(by: { $0.key < $1.key }) {
            findings.append(
                Finding(
                    level: .critical, text: "\(facts.failures.count) shards cannot be asked: \(failure.value.message)"))
        }
        if let complaint = facts.complaint { findings.append(Finding(level: .critical, text: complaint)) }
        if facts.rules == nil { findings.append(Finding(level: .warning, text: "no rules stand")) }
        self.findings = findings.sorted { $0.level > $1.level }
    }

    /// `PRESENCE OK - 2 workers, ... | workers=2 ...`, without control characters.
    package var line: String {
        let told =
            findings.isEmpty
            ? "\(workers) workers, \(shards) shards, all swept lately" : findings.map(\.text).joined(separator: "; ")
        return "PRESENCE \(level.word) - \(told.separatingBar) | "
            + figures.map(\.performance).joined(separator: " ")
    }
}

extension String {
    /// Without the bar that stands before the figures.
    fileprivate var separatingBar: String {
        String(String.UnicodeScalarView(unicodeScalars.map { $0 == "|" ? "/" : $0 }))
    }
}

extension CheckReport.Figure {
    /// `lag=0.412s;5;60;0`
    fileprivate var performance: String {
        func text(_ value: Int?) -> String {
            guard let value else { return "" }
            return isTime ? "\(Double(value) / 1_000)" : "\(value)"
        }
        return "\(name)=\(text(value))\(isTime ? "s" : "");\(text(limits.warning));\(text(limits.critical));0"
    }

    fileprivate func complaint(
        _ shards: some Collection<HealthFacts.ShardHealth>, _ facts: HealthFacts
    ) -> String {
        switch name {
        case "sweep_age":
            let never = shards.filter { $0.sweptAtMs == nil }.count
            if never > 0 { return "\(never) shards were never swept" }
            return "a shard was not swept for \(Times.span(value))"
        case "lag": return "settlement is \(Times.span(value)) late"
        case "backlog": return "\(value) events wait for the receiver"
        case "backlog_age": return "the oldest waiting event is \(Times.span(value)) old"
        case "backlog_full":
            return value < 100
                ? "a shard's backlog is \(value) % full: at 100 % logins are refused"
                : "a shard's backlog is full: logins are refused until the receiver takes events"
        case "dead": return value == 1 ? "1 dead letter" : "\(value) dead letters"
        case "aside": return value == 1 ? "1 event is set aside" : "\(value) events are set aside"
        case "graces": return "\(value) shards are in a grace period"
        default:
            let names = facts.live.filter { $0.rules != facts.rules?.digest }.map(\.worker).prefix(3)
            return "workers with other rules: \(names.joined(separator: ", "))"
        }
    }
}

/// As one JSON document: level, Nagios' code, findings, figures (times in milliseconds).
extension CheckReport: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("level", level.word)
            json.member("code", Int(level.rawValue))
            json.member("findings", findings)
            json.member("figures") { json in
                for figure in figures { json.member(figure.isTime ? figure.name + "_ms" : figure.name, figure.value) }
            }
        }
    }
}

extension CheckReport.Finding: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("level", level.word)
            json.member("text", text)
        }
    }
}
