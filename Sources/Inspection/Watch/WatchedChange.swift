import PresenceCore

/// A change as `presence watch` tells it in one line.
package enum WatchedChange {
    package static func line(_ change: StatusChange) -> String {
        var line =
            "\(Times.iso(change.atMs))  \(change.user)  \(change.session.device)  "
            + "\(change.action.rawValue)/\(change.reason.rawValue)  \(change.status.rawValue)"
        if change.userStatus != change.status { line += ", user \(change.userStatus.rawValue)" }
        if !change.kicked.isEmpty { line += ", displaced " + change.kicked.map(\.device).joined(separator: " ") }
        if change.reason == .kicked, let note = change.note { line += ", reason \"\(note)\"" }
        if let lateMs = change.lateMs { line += ", settled \(Times.span(lateMs)) late" }
        return line
    }
}
