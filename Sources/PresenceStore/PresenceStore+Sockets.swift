import PresenceCore
import RedisClient

/// A socket of this worker that serves a session: a number no other socket of the worker's process ever has.
package typealias Link = Int

/// What a worker asks that holds the clients' sockets itself.
extension PresenceStore {
    /// A client came back for its session. It goes on through the new socket if it is still Online, even if its
    /// lease has ended; the socket it had is told. Harmless to repeat.
    /// - Parameters:
    ///   - details: replaces what the client told before.
    ///   - attempt: which of the client's attempts this is. One that comes after a later one is left undone.
    ///   - userSigIssuedAtMs: Unix time in milliseconds; nil where no usersig was shown.
    package func resume(
        _ user: UserID, session: SessionID, details: ClientDetails = .unknown, link: Link,
        attempt: Attempt? = nil, userSigIssuedAtMs: Int? = nil
    ) async throws(StoreError) -> ResumeAnswer {
        let timing = platforms[session.platform].heartbeat
        let answer = try await run(
            Scripts.resume,
            keys: [
                keys.user(user), keys.deadlines(keys.shard(of: user)), keys.recent(user), keys.lease(user, session),
                keys.revoked(user),
            ],
            [
                user.rawValue, session.device, session.generation.rawValue, String(timing.timeoutMs),
                Record.details(details, worker: options.worker, link: link, attempt: attempt),
                userSigIssuedAtMs.map { String($0) } ?? "",
            ])
        switch answer.word {
        case .resumed: return .resumed(version: try answer.int(0), heartbeat: timing)
        case .ended: return .ended(by: answer.texts == [""] ? nil : try answer.sessions(from: 0).first)
        case .gone: return .gone
        case .revoked: return .revoked
        case .late: return .late
        }
    }

    /// Which of these sessions are no longer Online on this worker: ended, superseded or resumed on another; and which
    /// of them could not be asked for. One round trip that changes nothing, for a worker that may have missed notices.
    package func ended(among sessions: [UserSession]) async -> SessionsAnswer {
        let records = await redis.pipeline(
            sessions.map { RedisCommand("HGET", key: keys.user($0.user), $0.session.device) }, patience: .background)
        var answer = SessionsAnswer()
        for (asked, record) in zip(sessions, records) {
            do throws(StoreError) {
                let text = try record.ofStore.unlessCorrupt()?.string
                let found = text.flatMap { Record.session(device: asked.session.device, record: $0) }
                let isHere = found?.id == asked.session && found?.status == .online && found?.worker == options.worker
                if !isHere { answer.gone.append(asked) }
            } catch {
                answer.failed.append((asked, error))
            }
        }
        return answer
    }
}
