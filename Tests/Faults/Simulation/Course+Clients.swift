import PresenceCore
import PresenceStore

/// What clients and backends do.
extension Course {
    /// A call that was made and whose answer the caller did not get.
    struct Unanswered {
        enum Call {
            case login(UserID, UserModel.Login)
            case kick(UserID, OperationID, Platform?, InstanceID?, revoking: Bool)
        }

        var call: Call
        var store: PresenceStore
        /// What it was answered, and whether it did what it was for.
        var first: String
        var isDone: Bool
        /// Until when the caller repeats it, by the clocks of workers.
        var until: ContinuousClock.Instant
        /// By the clock of Redis, which may be set.
        var untilMs: Int
        /// Data have been lost since: it may count once more.
        var losses: Int
    }

    mutating func login() async throws {
        guard let user = pick(Self.users.dropLast()), let platform = pick(platforms), let worker = pick(workers) else {
            return
        }
        let instance = chance(2) ? "a" : "b"
        let link = chance(2) ? nil : Int.random(in: 1...3, using: &random)
        var login = UserModel.Login(
            id: try newSession(platform, instance), worker: worker.name, link: link,
            attempt: chance(3) ? try attempt(of: instance) : nil, mayDisplace: !chance(6))
        if chance(6) { login.userSigIssuedAtMs = nowMs - Int.random(in: 0...2_000, using: &random) }
        note(
            "\(user) logs in as \(login.id) at \(worker.name), link \(link ?? 0), attempt "
                + "\(login.attempt?.description ?? "-"), may displace \(login.mayDisplace)")
        let answer = try await perform(login, of: user, on: worker.store)
        let call = Unanswered.Call.login(user, login)
        let isIn = model.users[user]?.held(login.id) != nil
        if chance(4) { return lose(call, worker.store, answer, isDone: isIn) }
        if isIn { given[user, default: []].append(login.id) }
    }

    /// Names a session that no login has given out yet.
    mutating func newSession(_ platform: Platform, _ instance: String) throws -> SessionID {
        generations += 1
        return SessionID(
            platform: platform, instance: try InstanceID(instance),
            generation: try Generation("g\(generations)x\(UInt32.random(in: 0...9_999, using: &random))"))
    }

    /// The client's next attempt, or one that was held up on its way.
    private mutating func attempt(of client: String) throws -> Attempt {
        let number = generations + 1
        return try Attempt("c\(client).\(chance(6) ? max(0, number - 5) : number)")
    }

    private mutating func lose(_ call: Unanswered.Call, _ store: PresenceStore, _ answer: String, isDone: Bool) {
        note("  its answer is lost")
        faults += 1
        unanswered.append(
            Unanswered(
                call: call, store: store, first: answer, isDone: isDone, until: workerNow + .seconds(30),
                untilMs: nowMs + 30_000,
                losses: losses))
    }

    /// Makes the call, and checks what it is answered.
    /// - Returns: the answer.
    mutating func perform(
        _ login: UserModel.Login, of user: UserID, on store: PresenceStore
    ) async throws -> String {
        let isFull = (seen.number(keys.cursor(keys.shard(of: user)), "backlog") ?? 0) >= backlogMost
        let expected = model.users[user]?.login(login, isFull: isFull, nowMs: nowMs) ?? .late
        commit(user)
        let found: UserModel.LoginOutcome
        do throws(StoreError) {
            let answer = try await store.login(
                user, platform: login.id.platform, instance: login.id.instance,
                userSigIssuedAtMs: login.userSigIssuedAtMs, link: login.link, attempt: login.attempt,
                mayDisplace: login.mayDisplace, generation: login.id.generation)
            found =
                switch answer {
                case .accepted(let login):
                    .accepted(version: login.version, status: login.userStatus, kicked: login.kicked)
                case .rejected(let inTheWay): .rejected(inTheWay)
                case .revoked: .revoked
                case .late: .late
                }
        } catch {
            guard error.code == .overloaded else { throw error }
            found = .full
        }
        try expect(found, is: expected, .answer, "login of \(user) as \(login.id)")
        return "\(found)"
    }

    mutating func repeatUnanswered() async throws {
        guard let index = unanswered.indices.randomElement(using: &random) else { return }
        let call = unanswered.remove(at: index)
        guard workerNow <= call.until, nowMs <= call.untilMs else { return }
        let before = committed
        let answer: String
        switch call.call {
        case .login(let user, let login):
            note("the login of \(user) as \(login.id) is repeated")
            answer = try await perform(login, of: user, on: call.store)
            if model.users[user]?.held(login.id) != nil { given[user, default: []].append(login.id) }
        case .kick(let user, let operation, let platform, let instance, let revoking):
            note("the kick of \(user) is repeated")
            answer = try await kick(user, operation, platform, instance, revoking: revoking, on: call.store)
        }
        guard call.losses == losses, call.isDone else { return }
        try expect(answer, is: call.first, .oneChange, "the answer to a repeated call")
        try expect(committed == before, is: true, .oneChange, "a repeated call changes nothing")
    }

    mutating func heartbeat() async throws {
        guard let user = pick(Self.users), let sessions = given[user], let worker = pick(workers) else { return }
        let some = sessions.suffix(6).filter { _ in !chance(3) }
        guard !some.isEmpty else { return }
        note("heartbeats of \(user): \(some.map(\.description).joined(separator: " "))")
        let expected = some.filter { model.users[user]?.heartbeat($0, nowMs: nowMs) == false }
        let answer = await worker.store.heartbeat(some.map { UserSession(user: user, session: $0) })
        if let failed = answer.failed.first { throw failed.error }
        try expect(answer.gone.map(\.session), is: expected, .answer, "sessions that are gone")
    }

    mutating func disconnect() async throws {
        guard let (user, session) = someSession(), let worker = pick(workers) else { return }
        let link = chance(2) ? nil : Int.random(in: 1...3, using: &random)
        try await disconnect(session, of: user, at: worker, link: link)
    }

    mutating func disconnect(
        _ session: SessionID, of user: UserID, at worker: SimulatedWorker, link: Link?
    ) async throws {
        note("\(session) of \(user) disconnects at \(worker.name), link \(link ?? 0)")
        let expected = model.users[user]?.disconnect(session, socket: link.map { (worker.name, $0) }, nowMs: nowMs)
        commit(user)
        let answer = UserModel.Ending(try await worker.store.disconnect(user, session: session, link: link))
        try expect(answer, is: expected, .answer, "disconnect of \(session)")
    }

    mutating func logout() async throws {
        guard let (user, session) = someSession(), let worker = pick(workers) else { return }
        note("\(session) of \(user) logs out")
        let expected = model.users[user]?.logout(session, nowMs: nowMs)
        commit(user)
        let answer = UserModel.Ending(try await worker.store.logout(user, session: session))
        try expect(answer, is: expected, .answer, "logout of \(session)")
    }

    mutating func kick() async throws {
        guard let user = pick(Self.users), let worker = pick(workers) else { return }
        let platform = chance(2) ? pick(platforms) : nil
        let instance = platform != nil && chance(3) ? try InstanceID("a") : nil
        generations += 1
        let operation = OperationID(try Generation("k\(generations)"))
        let revoking = chance(3)
        note("\(user) is kicked: \(platform?.name ?? "all") \(instance?.rawValue ?? ""), revoking \(revoking)")
        let answer = try await kick(user, operation, platform, instance, revoking: revoking, on: worker.store)
        if chance(3) {
            lose(.kick(user, operation, platform, instance, revoking: revoking), worker.store, answer, isDone: true)
        }
    }

    private mutating func kick(
        _ user: UserID, _ operation: OperationID, _ platform: Platform?, _ instance: InstanceID?, revoking: Bool,
        on store: PresenceStore
    ) async throws -> String {
        let expected = model.users[user]?.kick(
            operation, platform: platform, instance: instance, note: "why", revoking: revoking, nowMs: nowMs)
        commit(user)
        let answer = UserModel.Kick(
            try await store.kick(
                user, platform: platform, instance: instance, note: "why", revokingUserSigs: revoking,
                operation: operation))
        try expect(answer, is: expected, .answer, "kick of \(user)")
        return "\(answer)"
    }

    mutating func resume() async throws {
        guard let (user, session) = someSession(), let worker = pick(workers) else { return }
        let link = Int.random(in: 1...3, using: &random)
        let attempt = chance(3) ? try attempt(of: session.instance.rawValue) : nil
        let issued = chance(6) ? nowMs - Int.random(in: 0...2_000, using: &random) : nil
        note("\(session) of \(user) comes back at \(worker.name), link \(link), attempt \(attempt?.description ?? "-")")
        let expected = model.users[user]?.resume(
            session, worker: worker.name, link: link, attempt: attempt, userSigIssuedAtMs: issued, nowMs: nowMs)
        let answer = try await worker.store.resume(
            user, session: session, link: link, attempt: attempt, userSigIssuedAtMs: issued)
        let found: UserModel.ResumeOutcome =
            switch answer {
            case .resumed(let version, _): .resumed(version: version)
            case .ended(let by): .ended(by: by?.description ?? "")
            case .gone: .gone
            case .revoked: .revoked
            case .late: .late
            }
        try expect(found, is: expected, .answer, "coming back of \(session)")
    }

    /// One a client was told of, rather a late one.
    private mutating func someSession() -> (UserID, SessionID)? {
        guard let user = pick(Self.users), let sessions = given[user], !sessions.isEmpty else { return nil }
        return pick(chance(3) ? sessions : sessions.suffix(2)).map { (user, $0) }
    }
}
