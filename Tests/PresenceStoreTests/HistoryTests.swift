import PresenceCore
import RedisClient
import Support
import Testing

@testable import PresenceStore

@Suite struct HistoryTests {
    /// New ones in every run; a failure names the one to put here instead.
    static let seeds = (0..<6).map { _ in UInt64.random(in: 0...UInt64.max) }
    static let stepCount = 80

    @Test("After any history Redis holds what the rules say", arguments: LoginPolicy.allCases, seeds)
    func history(_ policy: LoginPolicy, _ seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let onLimit: OnLimit = Bool.random(using: &random) ? .kick : .reject
        let limits = LoginLimits(
            policy: policy, onLimit: onLimit,
            instances: PlatformTable.builtIn.keys.sorted { $0.name < $1.name }
                .reduce(into: [:]) { $0[$1] = Int.random(in: 1...3, using: &random) })
        try await withStore(limits: limits) { store in
            try await store.sweepAll()
            var history = History(store: store, random: random)
            for step in 1...Self.stepCount {
                try await history.step()
                let presence = try await store.presence(history.user)
                let model = history.models[history.user]!
                #expect(presence.sessions.reduce(into: [:]) { $0[$1.id] = $1.status } == model.statuses, "step \(step)")
                #expect(presence.status == model.status, "step \(step)")
                #expect(presence.version == history.version, "step \(step)")
                #expect(model.keepsLimits, "step \(step)")
                #expect(try await store.counts().withoutZeros == history.counts, "step \(step)")
            }
            try await expectEvents(of: history)
        }
    }

    private func expectEvents(of history: History) async throws {
        let store = history.store
        var backlog = 0
        for (user, model) in history.models {
            let changes = try await store.changes(user)
            #expect(changes.map(UserModel.Change.init) == model.changes)
            #expect(Set(changes.map(\.id)).count == changes.count)
            #expect(zip([0] + changes.map(\.version), changes).allSatisfy { $0 == $1.previous && $0 < $1.version })
            #expect(zip(changes, changes.dropFirst()).allSatisfy { $0.atMs <= $1.atMs })
            backlog += changes.count
        }
        var counted = 0
        for shard in 0..<store.keys.shards {
            counted += Int(try await store.command("HGET", store.keys.cursor(shard), "backlog").int ?? 0)
        }
        #expect(counted == backlog)
        try await expectTimers(of: history)
    }

    /// Every session has its one timer, and every user with sessions a deadline not after the first of them.
    private func expectTimers(of history: History) async throws {
        let store = history.store
        var timers: Set<String> = []
        for (user, model) in history.models {
            for session in model.sessions.values {
                let isOnline = session.status == .online
                let timer = isOnline ? store.keys.lease(user, session.id) : store.keys.push(user, session.id)
                timers.insert(timer)
                let end = try #require(try await store.command("PEXPIRETIME", timer).int)
                #expect(try #require(try await store.deadline(user)) <= end + 100)
            }
            if model.sessions.isEmpty { #expect(try await store.deadline(user) == nil) }
        }
        let all = try #require(try await store.command("KEYS", "*").array?.compactMap(\.string))
        #expect(Set(all.filter { $0.contains(":lease:") || $0.contains(":push:") }) == timers)
    }
}

/// A random walk of a few users, each step done to Redis and to the model.
private struct History {
    let store: PresenceStore
    var random: SeededGenerator
    var models: [UserID: UserModel]
    /// Every session there ever was, so that old ones are named too.
    var given: [UserID: [SessionID]] = [:]
    var versions: [UserID: Int] = [:]
    /// The user of the last step.
    var user = UserID.ann

    init(store: PresenceStore, random: SeededGenerator) {
        self.store = store
        self.random = random
        let model = UserModel(platforms: store.platforms, limits: store.options.limits)
        models = [.ann: model, .bob: model]
    }

    var version: Int { versions[user] ?? 0 }

    var counts: PresenceCounts {
        var counts = PresenceCounts()
        for model in models.values {
            if model.status != .offline { counts.users[model.status, default: 0] += 1 }
            for session in model.sessions.values {
                counts.sessions[session.status, default: [:]][session.id.platform, default: 0] += 1
            }
        }
        return counts
    }

    mutating func step() async throws {
        user = Bool.random(using: &random) ? .ann : .bob
        switch Int.random(in: 0..<11, using: &random) {
        case 0...3: try await login()
        case 4: try await disconnect()
        case 5: try await logout()
        case 6: try await kick()
        case 7: try await beat()
        case 8: try await resume()
        default: try await fallSilent()
        }
    }

    private mutating func login() async throws {
        let platform = PlatformTable.builtIn.keys.sorted { $0.name < $1.name }.randomElement(using: &random)!
        let instance = try InstanceID(["a", "b", "c", "d"].randomElement(using: &random)!)
        let expected = models[user]!.displaced(byLoginOf: "\(platform):\(instance)", on: platform)
        switch try await store.login(user, platform: platform, instance: instance) {
        case .rejected(let inTheWay):
            #expect(store.options.limits.onLimit == .reject)
            #expect(Set(inTheWay) == expected)
            #expect(!expected.isEmpty)
        case .revoked: Issue.record("no usersig was shown")
        case .late: Issue.record("no attempt was named")
        case .accepted(let login):
            #expect(Set(login.kicked) == expected)
            #expect(store.options.limits.onLimit == .kick || expected.isEmpty)
            let session = try #require(try await store.presence(user).sessions.first { $0.id == login.session })
            models[user]!.login(session)
            given[user, default: []].append(login.session)
            #expect(login.userStatus == models[user]!.status)
            try grow(to: login.version)
        }
    }

    private mutating func disconnect() async throws {
        guard let session = given[user]?.randomElement(using: &random) else { return }
        let answer = try await store.disconnect(user, session: session)
        models[user]!.lose(session, .linkClose)
        try expect(answer, of: session)
    }

    private mutating func logout() async throws {
        guard let session = given[user]?.randomElement(using: &random) else { return }
        let answer = try await store.logout(user, session: session)
        models[user]!.logout(session, .unregister)
        try expect(answer, of: session)
    }

    private mutating func expect(_ answer: SessionAnswer, of session: SessionID) throws {
        let current = models[user]!.sessions[session.device]
        #expect(answer.superseded == (current != nil && current?.id != session))
        #expect(answer.status == (current?.id == session ? current?.status : .offline))
        #expect(answer.userStatus == models[user]!.status)
        try grow(to: answer.version)
    }

    private mutating func kick() async throws {
        let everything = Int.random(in: 0..<3, using: &random) == 0
        let platform = everything ? nil : given[user]?.randomElement(using: &random)?.platform
        let ending = models[user]!.sessions.values.map(\.id).filter { platform == nil || $0.platform == platform }
        let answer = try await store.kick(user, platform: platform)
        #expect(Set(answer.kicked) == Set(ending))
        for session in ending.sorted(by: { $0.device < $1.device }) { models[user]!.logout(session, .kicked) }
        #expect(answer.userStatus == models[user]!.status)
        try grow(to: answer.version)
    }

    private mutating func beat() async throws {
        let beats = (given[user] ?? []).map { UserSession(user: user, session: $0) }
        let statuses = models[user]!.statuses
        #expect(try await store.heartbeat(beats) == beats.filter { statuses[$0.session] != .online })
    }

    private mutating func resume() async throws {
        guard let session = given[user]?.randomElement(using: &random) else { return }
        let link = Int.random(in: 0...2, using: &random)
        let answer = try await store.resume(user, session: session, link: link)
        if models[user]!.statuses[session] == .online {
            #expect(answer == .resumed(version: version, heartbeat: store.platforms[session.platform].heartbeat))
        } else if case .resumed = answer {
            Issue.record("a session that is not Online was resumed")
        }
    }

    /// A session's timer ends; sometimes its client comes back before that was seen.
    private mutating func fallSilent() async throws {
        guard
            let session = models[user]!.sessions.values.map(\.id).sorted(by: { $0.device < $1.device })
                .randomElement(using: &random)
        else { return }
        let online = models[user]!.sessions[session.device]?.status == .online
        try await store.silence(user, session)
        if online, Int.random(in: 0..<4, using: &random) == 0 {
            #expect(try await store.heartbeat([UserSession(user: user, session: session)]) == [])
            #expect(try await store.settle([user]).settled == 0)
        } else {
            #expect(try await store.settle([user]).settled == 1)
            models[user]!.timeOut(session)
            versions[user] = try await store.presence(user).version
        }
    }

    private mutating func grow(to version: Int) throws {
        let changed = models[user]!.changes.count
        let known = versions[user] ?? 0
        #expect(version >= known && (version > 0) == (changed > 0))
        versions[user] = version
    }
}

extension PresenceCounts {
    /// Without the numbers that have come down to none.
    fileprivate var withoutZeros: PresenceCounts {
        var counts = self
        counts.users = counts.users.filter { $0.value != 0 }
        counts.sessions = counts.sessions.mapValues { $0.filter { $0.value != 0 } }.filter { !$0.value.isEmpty }
        return counts
    }
}
