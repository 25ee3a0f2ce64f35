/// Milliseconds since the run began, by this machine's monotonic clock.
package typealias RunMs = Int

/// One call a simulated client made, and what came of it.
package struct Call: Codable, Sendable, Equatable {
    package enum Kind: String, Codable, Sendable, CaseIterable {
        case login, heartbeat, disconnect, logout, kick, query
        /// A socket that took its session up again.
        case resume
    }

    package enum Outcome: String, Codable, Sendable {
        /// Acknowledged.
        case ok
        /// Certainly not done: refused, or never sent.
        case failed
        /// Done or not: no answer, or one that says so.
        case unknown
    }

    /// A session a query showed, or a call ended.
    package struct Seen: Codable, Sendable, Equatable, Hashable {
        package var session: String
        package var status: String

        package init(session: String, status: String) {
            self.session = session
            self.status = status
        }
    }

    package var kind: Kind
    package var user: String
    /// `<platform>:<instance>`; of a kick the platform, empty for all.
    package var device = ""
    /// The one the call named; of a login the one it was answered with.
    package var session: String?
    package var isSocket = false
    package var begunMs: RunMs
    package var endedMs: RunMs
    package var outcome = Outcome.unknown
    /// Why it is not ok.
    package var why = ""

    package var version: Int?
    /// Of the user; of a disconnect or logout that of the session.
    package var status: String?
    package var userStatus: String?
    package var isSuperseded = false
    /// A heartbeat was told that the session is gone.
    package var isGone = false
    /// Whom a login or kick ended; the sessions a query with details showed.
    package var sessions: [Seen]?

    package init(_ kind: Kind, _ user: String, begunMs: RunMs, endedMs: RunMs = 0) {
        self.kind = kind
        self.user = user
        self.begunMs = begunMs
        self.endedMs = endedMs
    }

    package var isOK: Bool { outcome == .ok }
    /// It kept its session alive.
    package var isRenewal: Bool { isOK && !isGone && [.login, .heartbeat, .resume].contains(kind) }
}
