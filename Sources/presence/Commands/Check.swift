import ArgumentParser
import Foundation
import Inspection
import JSON
import PresenceStore

/// `presence check`: is the service well? For Nagios, Icinga and their like.
struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say in one line whether the service is well.",
        discussion: """
            Asks Redis, not the workers: who lives, whether every shard is swept, how late settlement is, what waits for \
            the receiver. Prints one line with the figures behind a | and ends with 0 (OK), 1 (WARNING), 2 (CRITICAL, \
            also where Redis cannot be asked in time) or 3 (UNKNOWN: the command itself is wrong). A figure of 0 switches \
            its limit off.
            """)

    @OptionGroup var redis: RedisArguments
    @OptionGroup var output: OutputArguments

    @Option(help: "Give up after this time.")
    var deadlineMs = 5_000

    @Option(help: "Critical with fewer live workers.")
    var workersMin = CheckThresholds().workersMin

    @Option(help: "Warning when a shard was not swept for so long.") var sweepWarningMs: Int?
    @Option(help: "Critical when a shard was not swept for so long.") var sweepCriticalMs: Int?
    @Option(help: "Warning when settlement is so late.") var lagWarningMs: Int?
    @Option(help: "Critical when settlement is so late.") var lagCriticalMs: Int?
    @Option(help: "Warning when so many events wait.") var backlogWarning: Int?
    @Option(help: "Critical when so many events wait.") var backlogCritical: Int?
    @Option(help: "Warning when an event waits for so long.") var backlogAgeWarningMs: Int?
    @Option(help: "Critical when an event waits for so long.") var backlogAgeCriticalMs: Int?
    @Option(help: "Warning when the backlog of a shard is so full, in percent.") var backlogFullWarning: Int?
    @Option(help: "Critical when the backlog of a shard is so full, in percent.") var backlogFullCritical: Int?
    @Option(help: "Warning at so many dead letters.") var deadWarning: Int?
    @Option(help: "Critical at so many dead letters.") var deadCritical: Int?
    @Option(help: "Warning at so many events set aside.") var asideWarning: Int?
    @Option(help: "Critical at so many events set aside.") var asideCritical: Int?
    @Option(help: "Warning at so many shards in a grace period.") var gracesWarning: Int?
    @Option(help: "Critical at so many shards in a grace period.") var gracesCritical: Int?
    @Option(help: "Warning at so many workers with other rules.") var otherRulesWarning: Int?
    @Option(help: "Critical at so many workers with other rules.") var otherRulesCritical: Int?

    func run() async throws {
        let level: CheckReport.Level
        do {
            let thresholds = try thresholds()
            let found = try await withThrowingTaskGroup(of: CheckReport?.self) { group in
                group.addTask { try await look(thresholds) }
                group.addTask {
                    try await Task.sleep(for: .milliseconds(deadlineMs))
                    // What is under way is not waited for.
                    end(.critical, "no answer within \(deadlineMs) ms: is Redis there, and the network?")
                }
                defer { group.cancelAll() }
                return try await group.next() ?? nil
            }
            guard let report = found else { return }
            output.print(report, [report.line])
            level = report.level
        } catch {
            let isAway = (error as? StartError)?.code == .unavailable
            end(isAway ? .critical : .unknown, "\(error)")
        }
        throw ExitCode(level.rawValue)
    }

    private func look(_ thresholds: CheckThresholds) async throws -> CheckReport {
        try await redis.withStore { store in
            var facts = try await store.health()
            do throws(StoreError) { facts.complaint = try await store.complaintAboutPermissions()?.message } catch {
                facts.complaint = error.message
            }
            return CheckReport(facts, shards: store.keys.shards, thresholds)
        }
    }

    /// Ends with UNKNOWN where these arguments cannot be understood; shows the help where they ask for it.
    static func refuse(_ arguments: some Collection<String>) {
        do { _ = try parse(Array(arguments)) } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            print(line(.unknown, message(for: error)))
            exit(withError: ExitCode(CheckReport.Level.unknown.rawValue))
        }
    }

    /// Prints why there is no report, and ends.
    private func end(_ level: CheckReport.Level, _ reason: String) -> Never {
        output.print(
            JSONObject { json in
                json.member("level", level.word)
                json.member("code", Int(level.rawValue))
                json.member("reason", reason)
            }, [Self.line(level, reason)])
        Self.exit(withError: ExitCode(level.rawValue))
    }

    static func line(_ level: CheckReport.Level, _ reason: String) -> String {
        "PRESENCE \(level.word) - \(reason.split(whereSeparator: \.isNewline).joined(separator: " ").escaped)"
    }

    private func thresholds() throws(StartError) -> CheckThresholds {
        try CommandInput.number("--deadline-ms", deadlineMs, from: 1)
        try CommandInput.number("--workers-min", workersMin, from: 0)
        var all = CheckThresholds()
        all.workersMin = workersMin
        try set(&all.sweepAgeMs, "sweep", sweepWarningMs, sweepCriticalMs, "-ms")
        try set(&all.lagMs, "lag", lagWarningMs, lagCriticalMs, "-ms")
        try set(&all.backlog, "backlog", backlogWarning, backlogCritical)
        try set(&all.backlogAgeMs, "backlog-age", backlogAgeWarningMs, backlogAgeCriticalMs, "-ms")
        try set(&all.backlogFull, "backlog-full", backlogFullWarning, backlogFullCritical)
        try set(&all.dead, "dead", deadWarning, deadCritical)
        try set(&all.aside, "aside", asideWarning, asideCritical)
        try set(&all.graces, "graces", gracesWarning, gracesCritical)
        try set(&all.otherRules, "other-rules", otherRulesWarning, otherRulesCritical)
        return all
    }

    private func set(
        _ limits: inout CheckThresholds.Limits, _ name: String, _ warning: Int?, _ critical: Int?, _ unit: String = ""
    ) throws(StartError) {
        try CommandInput.number("--\(name)-warning\(unit)", warning, from: 0)
        try CommandInput.number("--\(name)-critical\(unit)", critical, from: 0)
        if let warning { limits.warning = warning == 0 ? nil : warning }
        if let critical { limits.critical = critical == 0 ? nil : critical }
        guard let warning = limits.warning, let critical = limits.critical, warning > critical else { return }
        throw StartError(
            .usage,
            "--\(name)-warning\(unit) is \(warning), above --\(name)-critical\(unit), which is \(critical): raise that, too."
        )
    }
}
