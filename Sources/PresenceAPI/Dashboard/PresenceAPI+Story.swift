import HTTPServer
import Inspection
import JSON
import Logging
import Logs
import PresenceCore
import PresenceStore
import RedisClient
import Synchronization

// What an operator asks about one user, and orders.

extension PresenceAPI {
    /// Why the user is in this state, and what became of each change: what `presence inspect` tells.
    func story(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let user = try user(in: request)
        guard stories.begin() else {
            throw Problem(.overloaded, "\(APILimits.storiesMax) stories are being read; try again.")
        }
        defer { stories.end() }
        let facts = try await store.facts(of: user, eventsMax: APILimits.storyEventsMax)
        let story = UserStory(
            facts, commandLine: store.redis.redisCLI(slot: store.keys.slot(of: facts.shard.number)),
            needsPassword: store.redis.needsPassword)
        return .json(story, headers: [("Cache-Control", "no-store")])
    }

    /// Delivers the user's dead letters once more.
    func replay(_ request: HTTPServerRequest) async throws -> HTTPServerResponse {
        let user = try user(in: request)
        _ = try request.json(as: NoFields.self, absent: NoFields())
        if let adopted = try await store.adoptedRules(), !adopted.rules.hasReceiver {
            throw Problem(.noReceiver, "Start the workers with callback.url, then try again.")
        }
        let answer = try await logger.audited(
            .replay, by: request.caller ?? "unknown", request, [.user: "\(user)"], count: \.replayed
        ) { () throws(StoreError) in
            try await store.replayDeadLetters(of: store.keys.shard(of: user), DeadLetterFilter(user: user))
        }
        return .json(answer)
    }
}

extension ReplayAnswer: JSONWritable {
    package func write(to json: inout JSONWriter) {
        json.object {
            $0.member("replayed", replayed)
            $0.member("left", left)
            $0.member("unreadable", unreadable)
        }
    }
}

/// How many are at it, and no more than may.
final class Places: Sendable {
    private let taken = Atomic(0)
    private let most: Int

    init(_ most: Int) { self.most = most }

    /// - Returns: false where all are taken; otherwise `end` has to follow.
    func begin() -> Bool {
        if taken.add(1, ordering: .relaxed).newValue <= most { return true }
        end()
        return false
    }

    func end() { taken.subtract(1, ordering: .relaxed) }
}
