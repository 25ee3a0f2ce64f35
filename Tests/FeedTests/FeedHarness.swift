import Logging
import NIOCore
import PresenceCore
import PresenceStore
import RedisClient
import Support

@testable import Feed

/// Runs the body beside a feed on a private redis-server.
func withFeed(
    shards: Int = 4, retentionMs: Int = 600_000, options: FeedOptions = FeedOptions(),
    body: (ChangeFeed, PresenceStore, RedisServer) async throws -> Void
) async throws {
    var rules = StoreOptions(worker: "a")
    rules.limits = LoginLimits(policy: .multi)
    rules.eventsRetentionMs = retentionMs
    try await RedisServer.withRedis { server in
        try await server.withClient { redis in
            let store = PresenceStore(redis: redis, keys: KeySpace(prefix: "test", shards: shards), options: rules)
            try await store.checkLayout()
            let feed = ChangeFeed(store: store, options: options, frames: .words, logger: .silent)
            try await withThrowingTaskGroup { group in
                group.addTask { try await feed.run() }
                defer { group.cancelAll() }
                try await body(feed, store, server)
            }
        }
    }
}

extension PresenceStore {
    /// A login that has to be accepted.
    @discardableResult
    func loggedIn(_ user: String, _ platform: Platform = .web) async throws -> AcceptedLogin {
        let answer = try await login(UserID(user), platform: platform, instance: InstanceID("1"))
        guard case .accepted(let login) = answer else { throw TimedOut(description: "not accepted: \(answer)") }
        return login
    }

    func command(_ words: String...) async throws -> RedisValue {
        try await redis.send(RedisCommand(words: words, routedBy: nil))
    }
}

extension FeedStream.Iterator {
    /// What comes until a part has this in it.
    mutating func text(with word: String) async throws -> String {
        var text = ""
        while !text.contains(word) {
            guard let part = try await next() else { return text + "nil" }
            text += String(buffer: part)
        }
        return text
    }
}

/// The ids in pages from a cursor on, until there are no more at once.
extension ChangeFeed {
    func all(after cursor: inout FeedCursor, limit: Int) async throws -> [StatusChange] {
        var changes: [StatusChange] = []
        while true {
            let page = try await page(after: cursor, limit: limit)
            changes += page.changes.map(\.change)
            let isEnd = page.next == cursor || !page.hasMore
            cursor = page.next
            if isEnd { return changes }
        }
    }
}
