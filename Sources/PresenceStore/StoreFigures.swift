import PresenceCore
import Telemetry

/// How a heartbeat came.
package enum HeartbeatWay: String, Sendable, CaseIterable {
    /// In a call of the API.
    case http
    /// From a client's socket.
    case socket
}

/// What a store tells of what it did. A change counts where its script was answered: what Redis did though its answer
/// was lost is not counted, and what is asked for again does not count again.
final class StoreFigures: Sendable {
    private struct Login: Hashable {
        var platform: Platform?
        var outcome: LoginOutcome
    }

    private struct Change: Hashable {
        var platform: Platform?
        var reason: Reason
    }

    private struct Kick: Hashable {
        var platform: Platform?
        var by: Kicker
    }

    private struct Heartbeat: Hashable {
        var outcome: HeartbeatOutcome
        var way: HeartbeatWay
    }

    enum LoginOutcome: String, CaseIterable {
        case accepted, rejected, revoked, late
        /// Too many changes wait for the receiver, or Redis is out of memory.
        case overloaded
        case contended
        /// Redis could not be asked, or holds what it should not.
        case failed
    }

    enum HeartbeatOutcome: String, CaseIterable {
        case renewed
        /// Its lease had ended, and nobody had settled that.
        case revived
        case gone
        /// Redis could not be asked.
        case failed
    }

    /// What ended a session.
    enum Kicker: String, CaseIterable {
        case login, call
    }

    private let platforms: Set<Platform>
    private let logins: EventCounters<Login>
    private let changes: EventCounters<Change>
    private let kicks: EventCounters<Kick>
    private let heartbeats: EventCounters<Heartbeat>
    private let lag: DurationHistogram

    init(_ instruments: Instruments, platforms table: PlatformTable) {
        platforms = Set(table.traits.keys)
        let platforms = table.traits.keys.map(Optional.some) + [nil]
        func each<Value, Key>(_ values: [Value], _ make: (Platform?, Value) -> Key) -> [Key] {
            platforms.flatMap { platform in values.map { make(platform, $0) } }
        }
        logins = instruments.counters(.logins, each(LoginOutcome.allCases) { Login(platform: $0, outcome: $1) }) {
            [$0.platform.label, $0.outcome.rawValue]
        }
        changes = instruments.counters(.transitions, each(Reason.allCases) { Change(platform: $0, reason: $1) }) {
            [$0.platform.label, $0.reason.action.rawValue, $0.reason.rawValue]
        }
        kicks = instruments.counters(.kickedSessions, each(Kicker.allCases) { Kick(platform: $0, by: $1) }) {
            [$0.platform.label, $0.by.rawValue]
        }
        heartbeats = instruments.counters(
            .heartbeats,
            HeartbeatOutcome.allCases.flatMap { outcome in
                HeartbeatWay.allCases.map { Heartbeat(outcome: outcome, way: $0) }
            }
        ) { [$0.outcome.rawValue, $0.way.rawValue] }
        lag = instruments.histogram(.settlementLag)
    }

    /// The platform as a label has it: nil for one that is not in the table, which only records name.
    private func known(_ platform: Platform) -> Platform? { platforms.contains(platform) ? platform : nil }

    func heartbeats(_ outcome: HeartbeatOutcome, via way: HeartbeatWay, _ count: Int) {
        heartbeats.count(Heartbeat(outcome: outcome, way: way), count)
    }

    func changed(_ platform: Platform, _ reason: Reason) {
        changes.count(Change(platform: known(platform), reason: reason))
    }

    func kicked(_ sessions: [SessionID], by: Kicker) {
        for session in sessions { kicks.count(Kick(platform: known(session.platform), by: by)) }
    }

    func settled(_ session: SettledSession) {
        changed(session.platform, session.reason)
        if let lagMs = session.lagMs { lag.record(milliseconds: lagMs) }
    }

    /// Counts what becomes of a login.
    func login(
        on platform: Platform, _ attempt: () async throws(StoreError) -> LoginAnswer
    ) async throws(StoreError) -> LoginAnswer {
        let platform = known(platform)
        do throws(StoreError) {
            let answer = try await attempt()
            logins.count(Login(platform: platform, outcome: answer.outcome))
            if case .accepted(let login) = answer {
                changes.count(Change(platform: platform, reason: .register))
                kicked(login.kicked, by: .login)
            }
            return answer
        } catch {
            logins.count(Login(platform: platform, outcome: error.outcome))
            throw error
        }
    }
}

extension LoginAnswer {
    fileprivate var outcome: StoreFigures.LoginOutcome {
        switch self {
        case .accepted: .accepted
        case .rejected: .rejected
        case .revoked: .revoked
        case .late: .late
        }
    }
}

extension StoreError {
    fileprivate var outcome: StoreFigures.LoginOutcome {
        switch code {
        case .overloaded: .overloaded
        case .contended: .contended
        case .unavailable, .corrupt, .layout: .failed
        }
    }
}

extension Reason {
    /// Of which it is a reason.
    fileprivate var action: Action {
        switch self {
        case .register: .login
        case .linkClose, .timeOut: .disconnect
        case .unregister, .kicked, .expired: .logout
        }
    }
}

extension Platform? {
    fileprivate var label: String { self?.name ?? "other" }
}
