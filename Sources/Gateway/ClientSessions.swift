import Logging
import Logs
import PresenceCore
import PresenceStore

/// What connections change in the store, and how its answers look to a client.
struct ClientSessions: Sendable {
    let store: PresenceStore
    let logger: Logger

    /// Logs the client in, or lets it go on with the session it came back for.
    /// - Parameter issuedAtMs: when its token was issued, Unix time in milliseconds; nil where none was asked for.
    func open(_ request: ConnectRequest, issuedAtMs: Int?, link: Link) async -> ConnectionState.Opening {
        do {
            if let resumed = try await resume(request, issuedAtMs: issuedAtMs, link: link) { return resumed }
        } catch {
            report(error, "A client is not let in", of: request.user)
            // The session it came back for is left to live: it will come back once more.
            return .refused(Refusal(error))
        }
        let newcomer = SessionID(platform: request.platform, instance: request.instance, generation: .random())
        do {
            return try await login(request, as: newcomer.generation, issuedAtMs: issuedAtMs, link: link)
        } catch {
            report(error, "A client is not let in", of: request.user)
            return error.mayHaveHappened ? .uncertain(newcomer, Refusal(error)) : .refused(Refusal(error))
        }
    }

    /// Goes on with the session the client came back for; nil if it has to log in.
    private func resume(
        _ request: ConnectRequest, issuedAtMs: Int?, link: Link
    ) async throws(StoreError) -> ConnectionState.Opening? {
        guard let session = request.session else { return nil }
        let answer = try await store.resume(
            request.user, session: session, details: request.details, link: link, attempt: request.attempt,
            userSigIssuedAtMs: issuedAtMs)
        switch answer {
        case .resumed(let version, let timing): return .accepted(session, version: version, timing, resumed: true)
        case .ended(let newcomer): return .kicked(by: newcomer)
        case .revoked: return .refused(.revoked)
        case .gone: return nil
        case .late: return .late
        }
    }

    /// A client that only comes back never displaces a device somebody has logged in with since.
    private func login(
        _ request: ConnectRequest, as generation: Generation, issuedAtMs: Int?, link: Link
    ) async throws(StoreError) -> ConnectionState.Opening {
        let isBack = request.session != nil
        let answer = try await store.login(
            request.user, platform: request.platform, instance: request.instance, details: request.details,
            userSigIssuedAtMs: issuedAtMs, link: link, attempt: request.attempt, mayDisplace: !isBack,
            generation: generation)
        switch answer {
        case .accepted(let login):
            return .accepted(login.session, version: login.version, login.heartbeat, resumed: false)
        case .rejected(let inTheWay):
            if isBack, store.options.limits.onLimit == .kick { return .kicked(by: inTheWay.last) }
            return .refused(.loginRejected)
        case .revoked: return .refused(.revoked)
        case .late: return .late
        }
    }

    /// - Returns: whether it is recorded; otherwise the client is to try again.
    func logout(_ user: UserID, _ session: SessionID) async -> Bool {
        do {
            _ = try await store.logout(user, session: session)
            return true
        } catch {
            report(error, "A client's end is not recorded", of: user)
            return false
        }
    }

    /// - Returns: false if Redis cannot be asked, so that it is worth another try.
    func disconnect(_ user: UserID, _ session: SessionID, link: Link) async -> Bool {
        do {
            _ = try await store.disconnect(user, session: session, link: link)
            return true
        } catch {
            report(error, "A client's end is not recorded", of: user)
            return error.code != .unavailable
        }
    }

    /// That Redis cannot be asked is told once by its client, not with every user.
    private func report(_ error: StoreError, _ what: Logger.Message, of user: UserID) {
        logger.log(
            level: error.code == .corrupt ? .warning : .debug, what,
            metadata: .keyed([.user: "\(user)", .error: "\(error.underlying ?? error)"]))
    }
}
