import Logging

/// What operators can do.
package enum AuditedAction: String, Sendable, CaseIterable {
    case kick
    /// Dead letters are delivered once more.
    case replay
    /// Dead letters are thrown away.
    case drop
    case adoptRules = "adopt_rules"
    /// What the doctor found is mended.
    case fix
}

/// How it ended.
package enum AuditedOutcome: String, Sendable {
    case done
    case failed
}

extension Logger {
    /// The one line an operator's action leaves, at the level notice, with the keys `action`, `actor`, `outcome` and
    /// what else is known: `user`, `platform`, `instance`, `reason`, `count`, `request_id`.
    ///
    /// - Parameters:
    ///   - actor: by whom: `key 2 of auth.operate-keys`, never the key itself.
    ///   - about: what it was done to, and how much came of it.
    package func audit(
        _ action: AuditedAction, by actor: String, _ outcome: AuditedOutcome, _ about: LogMetadata = [:],
        file: String = #fileID
    ) {
        let fixed: LogMetadata = [
            .action: "\(action.rawValue)", .actor: "\(actor)", .outcome: "\(outcome.rawValue)",
        ]
        notice("audit", metadata: .keyed(about.merging(fixed) { $1 }), file: file)
    }
}
