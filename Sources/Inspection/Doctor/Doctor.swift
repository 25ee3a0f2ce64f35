import JSON
import PresenceCore
import PresenceStore
import RedisClient

// The doctor: whether presence on this Redis is well, and what to do where it is not.
//
// Promises: it says nothing of a healthy system, also while it changes: what looks wrong is looked at again, at one
// moment. It reads at a bounded rate and holds a page of keys, or one shard, at a time. Without `fixes` it writes
// nothing; with it, nothing that ends a session, and only what is still wrong when Redis writes it: repeating it is
// harmless.
// Does not: ask workers anything; what they say of themselves stands in Redis.

/// How the doctor is to look.
package struct DoctorOptions: Sendable {
    /// Whether every key is looked at.
    package var audits = true
    package var keysPerSecond = 20_000
    package var fixes = false
    /// The rules of the configuration at hand; nil where none was given.
    package var configuration: SharedRules?
    package var told: @Sendable (AuditProgress) -> Void = { _ in }

    package init() {}
}

/// What the doctor saw.
package struct DoctorReport: Sendable {
    package var servers: [String] = []
    package var workers: [String] = []
    package var shards = 0
    /// nil where no key was looked at.
    package var audit: AuditSummary?
    package var findings = Findings()

    package init() {}
}

package struct Doctor: Sendable {
    /// Before shards and workers that look wrong are looked at again.
    static let pause = Duration.seconds(2)

    private let store: PresenceStore
    private let options: DoctorOptions
    private let adopted: SharedRules.Adopted?

    /// - Parameter store: of any options: those of the rules that stand are used.
    package init(_ store: PresenceStore, _ options: DoctorOptions) async throws(StoreError) {
        adopted = try await store.adoptedRules()
        let rules = adopted.map { StoreOptions(worker: store.options.worker, rules: $0.rules) }
        self.store = PresenceStore(redis: store.redis, keys: store.keys, options: rules ?? store.options)
        self.options = options
    }

    /// Looks at everything, and mends what is to be.
    /// - Parameter report: gets what is seen; where this throws, as far as it came.
    package func examine(_ report: inout DoctorReport) async throws {
        report.shards = store.keys.shards
        await examineServers(&report)
        try await examineWorkers(&report)
        for difference in configurationDifferences {
            report.findings.add(Finding(.configurationDiffers, "configuration", difference))
        }
        if options.audits {
            var audit = Audit(
                store, keysPerSecond: options.keysPerSecond, fixes: options.fixes, told: options.told)
            defer { report.findings.add(audit.findings) }
            try await audit.run()
            report.audit = audit.summary
        }
    }

    private var configurationDifferences: [String] {
        guard let own = options.configuration, let adopted else { return [] }
        return own.differences(from: adopted.rules)
    }
}

/// Redis.
extension Doctor {
    private func examineServers(_ report: inout DoctorReport) async {
        var looks: [ServerLook] = []
        for master in store.redis.masters {
            do throws(RedisError) {
                looks.append(try await ServerLook.ask(master, of: store))
            } catch {
                report.findings.add(Finding(.masterDown, "\(master)", error.message))
            }
        }
        for replica in looks.flatMap(\.replicas) {
            do throws(RedisError) {
                looks.append(try await ServerLook.ask(replica.address, of: store))
            } catch {
                report.findings.add(Finding(.replicaDown, "\(replica.address)", error.message))
            }
        }
        report.servers = looks.map { "\($0.address) \($0.software) \($0.info["role"] ?? "")" }
        report.findings.add(ServerChecks(servers: looks, hasFailover: store.redis.hasFailover).findings)
        do throws(StoreError) {
            let hints = try await store.missingHintPermissions()
            if !hints.isEmpty {
                report.findings.add(Finding(.missingHintPermission, "redis user", hints.joined(separator: " ")))
            }
        } catch {
            // Who is forbidden to ask is told of by the servers.
            if !error.isForbidden {
                report.findings.add(Finding(.cannotLook, "redis user", "its permissions: \(error.message)"))
            }
        }
        if await store.redis.warningOfFullCoverage() != nil { report.findings.add(Finding(.fullCoverage, "cluster")) }
    }
}

/// Workers and shards.
extension Doctor {
    private func examineWorkers(_ report: inout DoctorReport) async throws {
        var (checks, failures) = try await look()
        var found = checks.findings
        if !found.isEmpty || !failures.isEmpty {
            try await Task.sleep(for: Self.pause)
            (checks, failures) = try await look()
            found = checks.findings.standing(since: found)
        }
        report.workers = checks.workers.map(\.text)
        report.findings.add(failures.map { Finding(.cannotLook, "shard \($0.key)", Audit.reason($0.value)) })
        for finding in found {
            let shard = finding.code == .backlogWrong ? Shard(finding.subject.dropFirst("shard ".count)) : nil
            guard let shard, options.fixes else {
                report.findings.add(finding)
                continue
            }
            do throws(StoreError) {
                report.findings.add(finding, try await store.mendBacklog(of: shard) ? .mended : .failed)
            } catch {
                let reason = "\(finding.detail); \(Audit.reason(error))"
                report.findings.add(Finding(finding.code, finding.subject, reason), .failed)
            }
        }
    }

    private func look() async throws(StoreError) -> (WorkerChecks, failures: [Shard: StoreError]) {
        let workers = try await store.liveWorkers()
        let rules = try await store.adoptedRules()
        var shards: [ShardLook] = []
        var failures: [Shard: StoreError] = [:]
        for batch in Array(0..<store.keys.shards).batches(of: 64) {
            let answers = await store.look(at: batch)
            shards += batch.compactMap { answers[$0] }
            failures.merge(answers.failures) { $1 }
        }
        return (
            WorkerChecks(workers: workers, adopted: rules, shards: shards, options: store.options, keys: store.keys),
            failures
        )
    }
}

extension DoctorReport {
    /// The members of its JSON form.
    package func write(membersTo json: inout JSONWriter) {
        json.member("well", !findings.areTold)
        json.member("servers", servers)
        json.member("workers", workers)
        json.member("shards", shards)
        json.member("audit", ifPresent: audit)
        json.member("critical", findings.left(.critical))
        json.member("warnings", findings.left(.warning))
        json.member("notes", findings.left(.note))
        json.member("findings", findings)
    }
}

extension AuditSummary: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("keys", keys)
            json.member("users", users)
            json.member("sessions", sessions)
            json.member("milliseconds", milliseconds)
        }
    }
}
