import RedisClient
import Support
import Synchronization
import Testing

@Suite("Following changes through faults", .timeLimit(.minutes(5)))
struct FeedFaultTests {
    private static let settings = [
        "login.policy": "multi", "shards": "16", "heartbeat.browser-timeout-ms": "400000",
        "heartbeat.desktop-timeout-ms": "400000", "heartbeat.mobile-timeout-ms": "400000",
    ]

    /// Users who log in on some devices and out again, without end.
    private func traffic(_ backend: Backend, users: Int, until ending: Ending) async throws {
        try await withThrowingTaskGroup { group in
            for user in 0..<users {
                group.addTask {
                    var dice = SeededGenerator(seed: UInt64(user))
                    while !ending.isOver {
                        for platform in ["Android", "Mac", "Web"] {
                            let session = try await backend.session("user-\(user)", platform)
                            if Bool.random(using: &dice) { _ = try await backend.logout("user-\(user)", session) }
                            // So that all this can be heard as fast as it happens.
                            try await Task.sleep(for: .milliseconds(Int.random(in: 5...25, using: &dice)))
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test(
        "A reader that loses its worker twice goes on at others: every change once and in order per user, as the receiver"
    )
    func losesItsWorker() async throws {
        try await Deployment.with(workers: 3, Self.settings) { deployment in
            let reader = FeedReader(after: try await deployment.backend.call(.get, "/v1/events").body["next"].string)
            let ending = Ending()
            try await reader.following(deployment.workers.map(\.url)) {
                try await withThrowingTaskGroup { group in
                    let backend = Backend(deployment.workers[2])
                    group.addTask { try await traffic(backend, users: 12, until: ending) }
                    for worker in deployment.workers.prefix(2) {
                        let heard = reader.changes.count
                        try await eventually(else: "the reader hears nothing") { reader.changes.count > heard + 100 }
                        try await worker.kill()
                    }
                    let heard = reader.changes.count
                    try await eventually(else: "the reader does not go on") { reader.changes.count > heard + 100 }
                    ending.end()
                    try await group.waitForAll()
                }
                try await eventually(
                    else: "\(reader.changes.count) heard, \(deployment.receiver.events.count) received"
                ) {
                    try await deployment.isDelivered() && reader.changes.count == deployment.receiver.events.count
                }
            }
            #expect(reader.streams >= 3)
            for user in 0..<12 {
                let received = deployment.receiver.events(of: "user-\(user)")
                expectOrder(received, count: received.count)
                let heard = reader.changes.filter { $0["user"].string == "user-\(user)" }
                #expect(heard.map { $0["id"].string } == received.map(\.id))
                #expect(heard.map { $0["userStatus"].string } == received.map(\.userStatus))
            }
        }
    }

    @Test("Export and feed together equal the state, under load and a worker's kill")
    func trueCopy() async throws {
        try await Deployment.with(workers: 2, Self.settings) { deployment in
            let ending = Ending()
            let survivor = Backend(deployment.workers[1])
            for user in 0..<300 {
                _ = try await survivor.session("quiet-\(user)", user.isMultiple(of: 2) ? "Web" : "iPad")
            }
            try await withThrowingTaskGroup { group in
                group.addTask { try await traffic(survivor, users: 10, until: ending) }
                var copy = PresenceCopy()
                try await copy.export(from: [deployment.workers[0], deployment.workers[1]]) {
                    try await deployment.workers[0].kill()
                }
                let reader = FeedReader(after: copy.feed)
                try await reader.following([deployment.workers[1].url]) {
                    let heard = reader.changes.count
                    try await eventually(else: "the reader hears nothing") { reader.changes.count > heard + 200 }
                    ending.end()
                    try await group.waitForAll()
                    let last = try await survivor.session("last", "Web")
                    try await eventually(else: "the last change does not come") {
                        reader.changes.contains { $0["session"].string == last }
                    }
                }
                for change in reader.events(named: "change") { copy.apply(change) }
                let users = (0..<300).map { "quiet-\($0)" } + (0..<10).map { "user-\($0)" } + ["last"]
                for user in users {
                    let truth = try await survivor.call(.get, "/v1/users/\(user)").body
                    let sessions = truth["sessions"].list.reduce(into: [String: String]()) {
                        $0[$1["session"].string ?? ""] = $1["status"].string
                    }
                    #expect(copy.sessions(of: user) == sessions, "\(user)")
                    if !sessions.isEmpty { #expect(copy.version(of: user) == truth["version"].int, "\(user)") }
                }
                #expect(copy.users.isSubset(of: Set(users)))
            }
        }
    }
}

/// When traffic ends.
private final class Ending: Sendable {
    private let state = Mutex(false)

    var isOver: Bool { state.withLock(\.self) }
    func end() { state.withLock { $0 = true } }
}

/// A copy of who is there, as the documentation says how to make one.
private struct PresenceCopy {
    private struct User {
        var version = 0
        /// Session and status, by device.
        var devices: [String: (session: String, status: String)] = [:]
    }

    private var known: [String: User] = [:]
    private(set) var feed: String?

    var users: Set<String> { Set(known.filter { !$0.value.devices.isEmpty }.keys) }
    func version(of user: String) -> Int { known[user]?.version ?? 0 }
    func sessions(of user: String) -> [String: String] {
        (known[user]?.devices.values).map { Dictionary(uniqueKeysWithValues: $0.map { ($0.session, $0.status) }) }
            ?? [:]
    }

    private static func device(_ session: String) -> String {
        session.split(separator: ":").prefix(2).joined(separator: ":")
    }

    /// Takes page after page, from the workers in turn; one that is dead is passed over.
    mutating func export(
        from workers: [PresenceProcess], inBetween: () async throws -> Void
    ) async throws {
        var query = "limit=40"
        var live = workers
        var pages = 0
        while true {
            guard let worker = live.first else { throw TimedOut(description: "the export does not go on") }
            live.append(live.removeFirst())
            guard let page = try? await Backend(worker).call(.get, "/v1/sessions?\(query)"), page.status == 200 else {
                live.removeLast()
                continue
            }
            for told in page.body["users"].list {
                var user = User(version: told["version"].int ?? 0)
                for session in told["sessions"].list {
                    let id = session["session"].string ?? ""
                    user.devices[Self.device(id)] = (id, session["status"].string ?? "")
                }
                known[told["user"].string ?? ""] = user
            }
            feed = page.body["feed"].string
            pages += 1
            if pages == 2 { try await inBetween() }
            guard let next = page.body["next"].string else { return }
            query = "limit=40&after=\(next)"
        }
    }

    mutating func apply(_ change: JSON) {
        let name = change["user"].string ?? ""
        var user = known[name] ?? User()
        guard let version = change["version"].int, version > user.version else { return }
        user.version = version
        for kicked in change["kicked"].list { user.devices[Self.device(kicked.string ?? "")] = nil }
        let session = change["session"].string ?? ""
        let status = change["status"].string ?? ""
        user.devices[Self.device(session)] = status == "Offline" ? nil : (session, status)
        known[name] = user
    }
}

extension Deployment {
    /// The receiver has all there is.
    fileprivate func isDelivered() async throws -> Bool {
        try await redis.withClient { redis in
            let backlogs = try await redis.replies(
                (0..<16).map { RedisCommand("HGET", key: Self.key($0, "cursor"), "backlog") })
            return backlogs.allSatisfy { $0.int ?? 0 == 0 }
        }
    }
}
