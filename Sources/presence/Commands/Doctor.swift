import ArgumentParser
import Foundation
import Inspection
import JSON
import Logging
import Logs
import PresenceStore

/// `presence doctor`: whether presence on this Redis is well. Takes the flags of `presence serve`.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what is wrong, and mend what can be.",
        discussion: """
            Looks at Redis, the workers, their shards, and every key, at a bounded rate. Takes the flags, environment \
            and file of `presence serve`; of these only Redis is needed. Ends with status 0 where all is well, 1 where \
            there is something to do. Without --fix it changes nothing.
            """)

    @Flag(help: "Mend what can be mended without ending a session.")
    var fix = false

    @Flag(inversion: .prefixedNo, help: "Look at every key.")
    var audit = true

    @Option(help: "Keys the audit looks at in a second, at most.")
    var keysPerSecond = DoctorOptions().keysPerSecond

    @OptionGroup var output: OutputArguments

    @Flag(help: "Print the configuration at hand too, secrets masked.")
    var showConfiguration = false

    @Flag(help: "Of the configuration print only what is not the default.")
    var onlyDiffering = false

    @Argument(parsing: .allUnrecognized, help: ArgumentHelp("As of presence serve.", valueName: "flags"))
    var flags: [String] = []

    func run() async throws {
        try await exitingWithSentence {
            guard (1...10_000_000).contains(keysPerSecond) else {
                throw StartError(.usage, "--keys-per-second must be from 1 to 10000000.")
            }
            let environment = ProcessInfo.processInfo.environment
            let sources = try ConfigurationSources(flags: flags, environment: environment)
            let rules = try sources.rules(environment: environment)
            let settings = try sources.settings(onlyDiffering: onlyDiffering)
            let shown = showConfiguration || onlyDiffering ? settings : nil
            let progress = output.progress()
            let report = try await RedisArguments.withStore(flags: flags) { store in
                defer { progress.end() }
                var options = DoctorOptions()
                options.audits = audit
                options.keysPerSecond = keysPerSecond
                options.fixes = fix
                options.configuration = rules
                options.told = { progress.tell($0.text, isEnd: $0.done == $0.total) }
                return try await examine(Doctor(store, options))
            }
            output.print(report.json(with: shown), report.lines(with: shown))
            if report.findings.areTold { throw ExitCode.failure }
        }
    }

    private func examine(_ doctor: Doctor) async throws -> DoctorReport {
        var report = DoctorReport()
        guard fix else {
            try await doctor.examine(&report)
            return report
        }
        return try await Logger.audited(.fix) { work in
            defer { work.about[.count] = "\(report.findings.mended)" }
            try await doctor.examine(&report)
            if report.findings.hasUnmended { work.outcome = .failed }
            return report
        }
    }
}

extension ConfigurationSources {
    /// The rules of this configuration; nil where it says nothing of them.
    fileprivate func rules(environment: [String: String]) throws(StartError) -> SharedRules? {
        let ofRules =
            StoreOptions(worker: "").rules(hasReceiver: false).values.keys + [ConfigurationKey.callbackURL.name]
        let isTold = ConfigurationKey.all.contains { key in
            (ofRules.contains(key.name) || key.name.hasPrefix("heartbeat.")) && given(key) != nil
        }
        guard isTold || !platformNames.isEmpty else { return nil }
        let configuration = try ServiceConfiguration(self, environment: environment)
        let options = Service(configuration: configuration, logger: Logger.service(level: .error)).storeOptions
        return options.rules(hasReceiver: options.hasReceiver)
    }
}

extension AuditProgress {
    fileprivate var text: String {
        let percent = total > 0 ? done * 100 / total : 100
        let seconds = took / .seconds(1)
        let left = done > 0 ? seconds / Double(done) * Double(total - done) : 0
        return "\(phase): \(done) of \(total) (\(percent) %), about \(Int(left)) s left"
    }
}

extension DoctorReport {
    fileprivate func json(with settings: [ConfigurationSetting]?) -> JSONObject {
        JSONObject { json in
            write(membersTo: &json)
            json.member("configuration", ifPresent: settings)
        }
    }

    fileprivate func lines(with settings: [ConfigurationSetting]?) -> [String] {
        var lines = settings?.map(\.line) ?? []
        lines += servers.map { "redis \($0)" } + workers.map { "worker \($0)" } + ["\(shards) shards"]
        if let audit {
            lines.append(
                "\(audit.keys) keys, \(audit.users) users and \(audit.sessions) sessions looked at in "
                    + "\(audit.milliseconds / 1_000).\(audit.milliseconds % 1_000 / 100) s")
        }
        lines += findings.lines
        let (critical, warnings, notes) = (findings.left(.critical), findings.left(.warning), findings.left(.note))
        lines.append(
            findings.areTold
                ? "\(critical) critical, \(warnings) warnings, \(notes) notes"
                : notes > 0 ? "All is well, \(notes) notes" : "All is well")
        return lines
    }
}
