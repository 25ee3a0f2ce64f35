import PresenceCore
import RedisClient

/// What clients and backends change: log in, heartbeat, disconnect, log out, kick.
extension PresenceStore {
    /// Logs a device in. Sessions the policy does not allow beside it end in the same step, or, under
    /// `onLimit: reject`, it is refused.
    ///
    /// Two round trips: which sessions may have to end, for their timers have to be declared, and the login. Two more
    /// for every time another login comes between.
    /// - Parameters:
    ///   - userSigIssuedAtMs: Unix time in milliseconds; nil where no usersig was shown. A kick that revokes
    ///     usersigs and a login with one exclude each other: whichever is second sees the first.
    ///   - link: the client's socket on this worker, which is told when the session ends; nil for one without.
    ///   - attempt: which of the client's attempts this is. One that comes after a later one is left undone.
    ///   - mayDisplace: whether others' sessions may end for it, else it is refused as under `onLimit: reject`,
    ///     also by another client's Online session of the same device. Otherwise such a session ends.
    ///   - cause: the call this is for, kept with the event.
    ///   - generation: of the new session. The same call with the same generation counts once.
    package func login(
        _ user: UserID, platform: Platform, instance: InstanceID, details: ClientDetails = .unknown,
        userSigIssuedAtMs: Int? = nil, link: Link? = nil, attempt: Attempt? = nil, mayDisplace: Bool = true,
        cause: Cause? = nil, generation: Generation = .random()
    ) async throws(StoreError) -> LoginAnswer {
        let session = SessionID(platform: platform, instance: instance, generation: generation)
        let rule = rule(for: platform)
        let timing = platforms[platform].heartbeat
        let arguments =
            [
                user.rawValue, OperationID(generation).rawValue, session.device, String(timing.timeoutMs),
                Record.details(details, worker: options.worker, link: link, attempt: attempt), list(rule.excluded),
                list(rule.sharing), String(rule.limit), mayDisplace ? rule.onLimit.rawValue : "yield",
                String(backlogPerShardMax), userSigIssuedAtMs.map { String($0) } ?? "", String(options.doneMs),
                String(options.endedMs),
            ] + cause.arguments
        return try await figures.login(on: platform) { () throws(StoreError) in
            for _ in 0..<StoreLimits.declareAttemptsMax {
                let declared = try await presence(of: user).sessions.map(\.id).filter { rule.concerns($0.platform) }
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
                case .stale: continue
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
    }

    /// Renews the leases of many sessions in one round trip to each master; those whose lease has ended take a second.
    package func heartbeat(_ beats: [UserSession], via way: HeartbeatWay = .http) async -> SessionsAnswer {
        var commands = RedisPipeline(commands: beats.count)
        for beat in beats {
            commands.append(
                "PEXPIRE", key: keys.leaseKey(beat.user, beat.session),
                String(platforms[beat.session.platform].heartbeat.timeoutMs))
        }
        var answer = SessionsAnswer()
        var missed: [UserSession] = []
        for (beat, result) in zip(beats, await redis.pipeline(commands)) {
            switch result {
            case .success(.integer(1)): continue
            case .success: missed.append(beat)
            case .failure(let error): answer.failed.append((beat, StoreError(error)))
            }
        }
        figures.heartbeats(.renewed, via: way, beats.count - missed.count - answer.failed.count)
        if !missed.isEmpty {
            let failed = answer.failed.count
            await revive(missed, &answer)
            figures.heartbeats(
                .revived, via: way, missed.count - answer.gone.count - (answer.failed.count - failed))
        }
        figures.heartbeats(.gone, via: way, answer.gone.count)
        figures.heartbeats(.failed, via: way, answer.failed.count)
        return answer
    }

    private func revive(_ beats: [UserSession], _ heartbeats: inout SessionsAnswer) async {
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
        for (beat, answer) in zip(beats, await run(calls, patience: .caller)) {
            do throws(StoreError) {
                if try answer.unlessCorrupt()?.word != .renewed { heartbeats.gone.append(beat) }
            } catch {
                heartbeats.failed.append((beat, error))
            }
        }
    }

    /// The session's connection was closed. Harmless to repeat; a superseded session changes nothing.
    /// - Parameter link: the socket of this worker that was closed: a session that goes on through another is
    ///   superseded. nil for a connection this service does not hold.
    package func disconnect(
        _ user: UserID, session: SessionID, link: Link? = nil, cause: Cause? = nil
    ) async throws(StoreError) -> SessionAnswer {
        let socket = link.map { Record.details(.unknown, worker: options.worker, link: $0) } ?? ""
        return try await end(
            Scripts.disconnect, user, session, [String(pushRetentionMs(session.platform)), socket] + cause.arguments,
            changed: .changed, .linkClose, superseded: .superseded)
    }

    /// The user logged out on this device. Harmless to repeat; a superseded session changes nothing.
    package func logout(
        _ user: UserID, session: SessionID, cause: Cause? = nil
    ) async throws(StoreError) -> SessionAnswer {
        try await end(
            Scripts.logout, user, session, cause.arguments, changed: .changed, .unregister, superseded: .superseded)
    }

    private func end<Word>(
        _ script: StoreScript<Word>, _ user: UserID, _ session: SessionID, _ arguments: [String], changed: Word,
        _ reason: Reason, superseded: Word
    ) async throws(StoreError) -> SessionAnswer {
        let answer = try await run(
            script, keys: userKeys(user) + timerKeys(user, [session]),
            [
                user.rawValue, session.device, session.generation.rawValue, String(options.offlineRetentionMs),
                String(options.doneMs),
            ] + arguments)
        if answer.word == changed { figures.changed(session.platform, reason) }
        return SessionAnswer(
            status: try answer.status(0), userStatus: try answer.status(1), version: try answer.int(2),
            superseded: answer.word == superseded)
    }

    /// Ends the sessions on a platform, of an instance, or all of them.
    /// - Parameters:
    ///   - revokingUserSigs: no usersig issued up to this millisecond is good for a login any more.
    ///   - operation: the same call with the same operation counts once.
    package func kick(
        _ user: UserID, platform: Platform? = nil, instance: InstanceID? = nil, note: String? = nil,
        revokingUserSigs: Bool = false, cause: Cause? = nil, operation: OperationID = .random()
    ) async throws(StoreError) -> KickAnswer {
        let arguments =
            [
                user.rawValue, operation.rawValue, platform?.name ?? "", instance?.rawValue ?? "",
                note ?? "",
                String(options.offlineRetentionMs), String(revokingUserSigs ? options.userSigAgeMaxMs : 0),
                String(options.doneMs), String(options.endedMs),
            ] + cause.arguments
        for _ in 0..<StoreLimits.declareAttemptsMax {
            let declared = try await presence(of: user).sessions.map(\.id)
            let answer = try await run(
                Scripts.kick, keys: userKeys(user) + [keys.revoked(user)] + timerKeys(user, declared),
                arguments + declared.map(\.description))
            switch answer.word {
            case .kicked:
                let kicked = try answer.sessions(from: 2)
                for session in kicked { figures.changed(session.platform, .kicked) }
                figures.kicked(kicked, by: .call)
                return KickAnswer(userStatus: try answer.status(1), version: try answer.int(0), kicked: kicked)
            case .stale: continue
            }
        }
        throw StoreError(.contended, "Too many logins of this user at once; try again.")
    }

    var backlogPerShardMax: Int { max(1, options.eventsBacklogMax / keys.shards) }

    private func list(_ platforms: [Platform]) -> String { platforms.map(\.name).joined(separator: ",") }
}

extension Cause? {
    /// As scripts take it: empty texts for what is not known.
    fileprivate var arguments: [String] { [self?.request?.description ?? "", self?.trace?.description ?? ""] }
}
