import PresenceCore
import PresenceStore
import Telemetry

/// Who is wanted: users with a session of this status and platform.
package struct ExportFilter: Sendable {
    package var status: Status?
    package var platform: Platform?

    package init(status: Status? = nil, platform: Platform? = nil) {
        self.status = status
        self.platform = platform
    }

    func wants(_ presence: UserPresence) -> Bool {
        presence.sessions.contains { session in
            (status.map { $0 == session.status } ?? true) && (platform.map { $0 == session.id.platform } ?? true)
        }
    }
}

/// A part of those who are there.
package struct ExportPage: Sendable {
    package var users: [UserPresence] = []
    /// Those whose record this service did not write.
    package var unreadable: [(user: UserID, error: StoreError)] = []
    /// nil behind the last page.
    package var next: ExportCursor?
    package var feed: FeedCursor
}

// All who are there, page by page.
//
// Shard by shard, in the order of deadlines, which every user with a session has. A deadline that is raised has its user
// named again; one comes earlier only with an event of its user, and who has an event while the pages of a shard are read
// is named again behind the last, or with those of all who have longer timeouts, and the shard is begun anew. So one who
// is there all the while is named, and of one who is not the feed tells. A shard read at once is as it was at one moment.
extension ChangeFeed {
    /// - Parameters:
    ///   - after: nil for the first page.
    ///   - limit: the most users to look at: a page has fewer, or none, where not all are wanted.
    /// - Throws: `FeedCursorExpired` if the data is not what it was; `StoreError` if a master cannot be asked.
    package nonisolated func exported(
        after: ExportCursor?, limit: Int, _ filter: ExportFilter = ExportFilter()
    ) async throws -> ExportPage {
        try await exports.pass { [store, figures] in
            var export = Export(store, after: after, feed: try await self.feedCursor(of: after), limit: limit)
            try await export.run()
            figures.exported.count(export.looked)
            export.page.users.removeAll { !filter.wants($0) }
            return (export.page, export.looked)
        }
    }

    private nonisolated func feedCursor(of export: ExportCursor?) async throws -> FeedCursor {
        guard let export else { return try await store.feedStart(ofAll: true) }
        guard try await store.ensureDataID() == export.feed.dataID else { throw FeedCursorExpired() }
        return export.feed
    }
}

/// Making one page.
private struct Export {
    let store: PresenceStore
    var cursor: ExportCursor
    var page: ExportPage
    var looked = 0
    private let limit: Int
    /// Shards asked at once: more the emptier they are.
    private var shardsAtOnce = 1

    init(_ store: PresenceStore, after: ExportCursor?, feed: FeedCursor, limit: Int) {
        self.store = store
        self.limit = limit
        cursor = after ?? ExportCursor(feed: feed)
        page = ExportPage(feed: feed)
    }

    private var room: Int { limit - looked }

    mutating func run() async throws {
        while cursor.shard < store.keys.shards, room > 0 {
            switch cursor.step {
            case .begin: try await readShards()
            case .users(let place, let since, let lowered): try await readOn(behind: place, since, lowered)
            case .changed(let since): try await readChanged(since)
            }
        }
        page.next = cursor.shard < store.keys.shards ? cursor : nil
    }

    /// The next shards from their beginning, as long as they are read whole.
    private mutating func readShards() async throws {
        let shards = cursor.shard..<min(store.keys.shards, cursor.shard + shardsAtOnce)
        let share = shards.count == 1 ? room : max(8, 2 * room / shards.count)
        let pages = await store.userPages(shards.map { ($0, nil, share) })
        for shard in shards {
            guard let page = pages[shard] else { throw pages.failures[shard] ?? .noAnswer }
            let places = page.places.prefix(room)
            try await name(places)
            guard places.count == page.places.count, places.count < share else {
                if let last = places.last {
                    cursor.step = .users(last, since: page.lastEvent, lowered: page.lowered)
                }
                shardsAtOnce = 1
                return
            }
            cursor.nextShard()
        }
        shardsAtOnce = min(FeedLimits.exportedShardsMax, shardsAtOnce * 4)
    }

    private mutating func readOn(behind place: UserPlace, _ since: String, _ lowered: String) async throws {
        let limit = room
        let pages = await store.userPages([(cursor.shard, place, limit)])
        guard let page = pages[cursor.shard] else { throw pages.failures[cursor.shard] ?? .noAnswer }
        guard page.lowered == lowered else {
            cursor.step = .begin
            return
        }
        try await name(page.places)
        if page.places.count < limit {
            cursor.step = .changed(since: since)
        } else if let last = page.places.last {
            cursor.step = .users(last, since: since, lowered: lowered)
        }
    }

    private mutating func readChanged(_ since: String) async throws {
        let limit = room
        let events = await store.events(from: [cursor.shard: since], limit: limit)
        guard var entries = events[cursor.shard] else { throw events.failures[cursor.shard] ?? .noAnswer }
        if entries.first?.position == since {
            entries.removeFirst()
        } else if since != "0-0", !entries.isEmpty {
            // Trimmed meanwhile, and who knows what with it.
            cursor.step = .begin
            return
        }
        let changed = Set(entries.compactMap { $0.change?.user })
        looked += changed.count
        try await read(Array(changed))
        if entries.count < limit {
            cursor.nextShard()
        } else if let last = entries.last {
            cursor.step = .changed(since: last.position)
        }
    }

    /// Names the users who stand there; what names none was put there by hand.
    private mutating func name(_ places: some Collection<UserPlace>) async throws {
        looked += places.count
        try await read(places.compactMap { String(validating: $0.name, as: UTF8.self).flatMap { try? UserID($0) } })
    }

    /// Reads these users; those of another shard were put there by hand.
    private mutating func read(_ users: [UserID]) async throws {
        let users = users.filter { store.keys.shard(of: $0) == cursor.shard }
        for (user, presence) in zip(users, await store.presences(of: users)) {
            switch presence {
            case .success(let presence): if !presence.sessions.isEmpty { page.users.append(presence) }
            case .failure(let error) where error.code == .corrupt: page.unreadable.append((user, error))
            case .failure(let error): throw error
            }
        }
    }
}

extension StoreError {
    fileprivate static let noAnswer = StoreError(.unavailable, "Redis cannot be asked right now; try again.")
}
