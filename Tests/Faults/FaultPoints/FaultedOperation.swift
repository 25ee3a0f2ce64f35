import PresenceCore
import PresenceStore

/// An operation of the store, and what there is when it is called.
struct FaultedOperation: Sendable {
    /// One call of it, as one who repeats it makes it again: what it answers, where that matters to somebody.
    typealias Attempt = @Sendable (PresenceStore) async throws -> String

    let name: String
    /// Makes what there is, by a store that nothing fails for.
    let prepare: @Sendable (Stage) async throws -> Attempt

    init(_ name: String, _ prepare: @escaping @Sendable (Stage) async throws -> Attempt) {
        self.name = name
        self.prepare = prepare
    }

    /// A server whose clock stands still, with one shard.
    struct Stage: Sendable {
        let server: DrivenServer
        let store: PresenceStore

        static let ann = UserID.example

        func pass(ms: Int) async throws { try server.set(nowMs: DrivenServer.startMs + ms) }

        /// Owns the shard and sweeps it at this time.
        func owned() async throws -> Fence {
            let owned = await store.own([0], leaseMs: 60_000).answers.mapValues(\.fence)
            _ = await store.tend(owned, leaseMs: 60_000, renewAtMs: 40_000, usersMax: 1)
            return owned[0] ?? 0
        }

        /// Logs a device in that is to be logged in.
        @discardableResult
        func login(
            _ platform: Platform, _ number: Int, of user: UserID = ann, link: Link? = nil
        ) async throws -> SessionID {
            let id = try Self.session(platform, number)
            _ = try await store.login(
                user, platform: platform, instance: id.instance, link: link, generation: id.generation)
            return id
        }

        static func session(_ platform: Platform, _ number: Int) throws -> SessionID {
            SessionID(platform: platform, instance: .unnamed, generation: try Generation("g\(number)"))
        }

        static func users(_ count: Int) throws -> [UserID] { try (0..<count).map { try UserID("user-\($0)") } }

        /// Logs users in, one event each.
        func events(_ count: Int) async throws -> [OutboxEntry] {
            for (number, user) in try Self.users(count).enumerated() { try await login(.web, 100 + number, of: user) }
            return await store.events(after: [0: "0-0"], limit: 1_000)[0] ?? []
        }

        func done(_ entries: [OutboxEntry], _ fence: Fence, aside: [OutboxEntry] = []) -> [Shard: DoneEvents] {
            [
                0: DoneEvents(
                    fence: fence, after: "0-0", position: entries.last?.position ?? "", id: entries.last?.id ?? "",
                    count: entries.count, aside: aside.map(\.position))
            ]
        }

        /// Sets all of so many events aside.
        /// - Returns: their entries there.
        func asideEntries(_ count: Int, _ fence: Fence) async throws -> [String] {
            let entries = try await events(count)
            guard case .acknowledged(let aside) = await store.acknowledge(done(entries, fence, aside: entries))[0]
            else { throw DrivenServer.Unusable("nothing could be set aside") }
            return aside
        }

        func deadLetters(_ count: Int, _ fence: Fence) async throws {
            let finished = try await asideEntries(count, fence).map { FinishedAside(entry: $0, whyDead: "400") }
            _ = await store.finishAside([0: (fence, finished)])
        }
    }
}

extension ShardAnswers {
    /// The answer of the only shard.
    func only() throws -> Answer? {
        if let failure = failures[0] { throw failure }
        return answers[0]
    }
}
