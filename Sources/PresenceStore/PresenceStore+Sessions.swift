import PresenceCore
import RedisClient

/// What clients and backends change: log in, heartbeat, disconnect, log out, kick.
extension PresenceStore {
    /// Logs a device in. Sessions the policy does not allow beside it end in the same step, or, under
    /// `onLimit: reject`, it is refused.
    ///
    /// One round trip where nobody is displaced; one more for every time it learns of sessions to end.
    /// - Parameters:
    ///   - userSigIssuedAtMs: Unix time in milliseconds; nil where no usersig was shown. A kick that revokes
    ///     usersigs and a login with one exclude each other: whichever is second sees the first.
    ///   - link: the client's socket on this worker, which is told when the session ends; nil for one without.
    ///   - attempt: which of the client's attempts this is. One that comes after a later one is left undone.
    ///   - mayDisplace: whether others' sessions may end for it, else it is refused as under `onLimit: reject`,
    ///     also by another client's Online session of the same device. Otherwise such a session ends.
    ///   - generation: of the new session. The same call with the same generation counts once.
    package func login(
        _ user: UserID, platform: Platform, instance: InstanceID, details: ClientDetails = .unknown,
        userSigIssuedAtMs: Int? = nil, link: Link? = nil, attempt: Attempt? = nil, mayDisplace: Bool = true,
        generation: Generation = .random()
    ) async throws(StoreError) -> LoginAnswer {
        let session = SessionID(platform: platform, instance: instance, generation: generation)
        let rule = rule(for: platform)
        let timing = platforms[platform].heartbeat
        let arguments = [
            user.rawValue, OperationID(generation).rawValue, session.device, String(timing.timeoutMs),
            Record.details(details, worker: options.worker, link: link, attempt: attempt), list(rule.excluded),
            list(rule.sharing), String(rule.limit), mayDisplace ? rule.onLimit.rawValue : "yield",
            String(backlogPerShardMax), userSigIssuedAtMs.map { String($0) } ?? "", String(options.doneMs),
            String(options.endedMs),
        ]
        var declared: [SessionID] = []
        for _ in 0..<StoreLimits.declareAttemptsMax {
            let answer = try await run(
                Scripts.login,
                keys: userKeys(user) + [keys.lease(user, session), keys.revoked(user)] + timerKeys(user, declared),
                arguments + declared.map(\.description))
            switch answer.word {
            case .accepted:
                return .accepted(
                    AcceptedLogin(
                        session: session, userStatus: try answer.status(1), version: try answer.int(0),
                        heartbeat: timing, kicked: try answer.sessions(from: 2)))
            case .stale: declared = try answer.sessions(from: 0)
            case .rejected: return .rejected(inTheWay: try answer.sessions(from: 0))
            case .revoked: return .revoked
            case .late: return .late
            case .full:
                throw StoreError(
                    .overloaded,
                    "Too many changes wait for the callback receiver; logins are refused until it catches up.")
            }
        }
        throw StoreError(.contended, "Too many logins of this user at once; try again.")
    }

    /// Renews the leases of many sessions in one round trip; those whose lease has ended take a second one.
    /// - Returns: the sessions that are gone (ended, superseded, never there or not readable), in the given order.
    package func heartbeat(_ beats: [UserSession]) async throws(StoreError) -> [UserSession] {
        var commands = RedisPipeline(commands: beats.count)
        for beat in beats {
            commands.append(
                "PEXPIRE", key: keys.leaseKey(beat.user, beat.session),
                String(platforms[beat.session.platform].heartbeat.timeoutMs))
        }
        var missed: [UserSession] = []
        for (beat, reply) in zip(beats, try await pipeline(commands)) where try reply.orThrow().int != 1 {
            missed.append(beat)
        }
        return missed.isEmpty ? [] : try await revive(missed)
    }

    private func revive(_ beats: [UserSession]) async throws(StoreError) -> [UserSession] {
        let calls = beats.map { beat in
            ScriptCall(
                Scripts.revive,
                keys: [
                    keys.user(beat.user), keys.deadlines(keys.shard(of: beat.user)),
                    keys.lease(beat.user, beat.session),
                ],
                arguments: [
                    beat.user.rawValue, beat.session.device, beat.session.generation.rawValue,
                    String(platforms[beat.session.platform].heartbeat.timeoutMs),
                ])
        }
        var gone: [UserSession] = []
        for (beat, answer) in zip(beats, try await run(calls)) {
            let word = try answer.unlessCorrupt()?.word
            if word != .renewed { gone.append(beat) }
        }
        return gone
    }

    /// The session's connection was closed. Harmless to repeat; a superseded session changes nothing.
    /// - Parameter link: the socket of this worker that was closed: a session that goes on through another is
    ///   superseded. nil for a connection this service does not hold.
    package func disconnect(
        _ user: UserID, session: SessionID, link: Link? = nil
    ) async throws(StoreError) -> SessionAnswer {
        let socket = link.map { Record.details(.unknown, worker: options.worker, link: $0) } ?? ""
        return try await end(
            Scripts.disconnect, user, session, [String(pushRetentionMs(session.platform)), socket],
            superseded: .superseded)
    }

    /// The user logged out on this device. Harmless to repeat; a superseded session changes nothing.
    package func logout(_ user: UserID, session: SessionID) async throws(StoreError) -> SessionAnswer {
        try await end(Scripts.logout, user, session, [], superseded: .superseded)
    }

    private func end<Word>(
        _ script: StoreScript<Word>, _ user: UserID, _ session: SessionID, _ arguments: [String], superseded: Word
    ) async throws(StoreError) -> SessionAnswer {
        let answer = try await run(
            script, keys: userKeys(user) + timerKeys(user, [session]),
            [
                user.rawValue, session.device, session.generation.rawValue, String(options.offlineRetentionMs),
                String(options.doneMs),
            ] + arguments)
        return SessionAnswer(
            status: try answer.status(0), userStatus: try answer.status(1), version: try answer.int(2),
            superseded: answer.word == superseded)
    }

    /// Ends the sessions on a platform, of an instance, or all of them.
    /// - Parameter revokingUserSigs: no usersig issued up to this millisecond is good for a login any more.
    package func kick(
        _ user: UserID, platform: Platform? = nil, instance: InstanceID? = nil, note: String? = nil,
        revokingUserSigs: Bool = false
    ) async throws(StoreError) -> KickAnswer {
        let arguments = [
            user.rawValue, OperationID.random().rawValue, platform?.name ?? "", instance?.rawValue ?? "", note ?? "",
            String(options.offlineRetentionMs), String(revokingUserSigs ? options.userSigAgeMaxMs : 0),
            String(options.doneMs), String(options.endedMs),
        ]
        var declared: [SessionID] = []
        for _ in 0..<StoreLimits.declareAttemptsMax {
            let answer = try await run(
                Scripts.kick, keys: userKeys(user) + [keys.revoked(user)] + timerKeys(user, declared),
                arguments + declared.map(\.description))
            switch answer.word {
            case .kicked:
                return KickAnswer(
                    userStatus: try answer.status(1), version: try answer.int(0), kicked: try answer.sessions(from: 2))
            case .stale: declared = try answer.sessions(from: 0)
            }
        }
        throw StoreError(.contended, "Too many logins of this user at once; try again.")
    }

    var backlogPerShardMax: Int { max(1, options.eventsBacklogMax / keys.shards) }

    private func list(_ platforms: [Platform]) -> String { platforms.map(\.name).joined(separator: ",") }
}
