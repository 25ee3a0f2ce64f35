import Logging
import PresenceCore
import PresenceStore
import PresenceWorker
import RedisClient
import Support
import Synchronization

extension UserID {
    static let ann = try! UserID("ann")
    static let bob = try! UserID("bob")
}

/// Background work of one worker in this process, on a Redis of the test, at paces the test chooses.
struct WorkHarness {
    let store: PresenceStore
    let work: BackgroundWork
    let log: LogRecorder

    /// Runs the body beside the work, which is cancelled afterwards.
    /// - Parameter deliver: nil for a worker without a receiver.
    static func with<Result: Sendable>(
        _ name: String, on server: RedisServer, shards: Int = 4, paces: WorkerPaces = WorkerPaces(),
        options change: (inout StoreOptions) -> Void = { _ in }, deliver: Deliver? = nil,
        body: (WorkHarness) async throws -> Result
    ) async throws -> Result {
        try await with(
            name, at: server.url, shards: shards, paces: paces, options: change, deliver: deliver, body: body)
    }

    /// - Parameter url: of the Redis, or of the cluster.
    static func with<Result: Sendable>(
        _ name: String, at url: String, shards: Int, paces: WorkerPaces = WorkerPaces(),
        options change: (inout StoreOptions) -> Void = { _ in }, deliver: Deliver? = nil,
        body: (WorkHarness) async throws -> Result
    ) async throws -> Result {
        var options = StoreOptions(worker: name)
        options.hasReceiver = deliver != nil
        change(&options)
        let log = LogRecorder()
        let chosen = options
        return try await RedisClient.with(url) { redis in
            let store = PresenceStore(
                redis: redis, keys: KeySpace(prefix: "test", shards: shards), options: chosen)
            var choices = WorkerOptions()
            choices.paces = paces
            let work = BackgroundWork(store: store, options: choices, deliver: deliver, logger: log.logger)
            return try await withThrowingTaskGroup { group in
                group.addTask { try await work.run() }
                defer { group.cancelAll() }
                return try await body(WorkHarness(store: store, work: work, log: log))
            }
        }
    }

    /// The owners of all shards, as Redis knows them.
    func owners() async throws -> Set<String?> {
        let owners = await store.redis.pipeline(
            (0..<store.keys.shards).map { RedisCommand("HGET", key: store.keys.owner($0), "worker") })
        return Set(owners.map { try? $0.get().string })
    }

    func untilOwned(by names: String...) async throws {
        try await eventually(else: "not owned by \(names): \(log.lines.suffix(5))") { try await owners() == Set(names) }
    }

    func loggedIn(_ user: UserID, _ platform: Platform = .web) async throws -> AcceptedLogin {
        guard case .accepted(let login) = try await store.login(user, platform: platform, instance: .unnamed) else {
            throw NotLetIn(user: user)
        }
        return login
    }
}

struct NotLetIn: Error {
    let user: UserID
}

/// Changes that were told.
final class Told: Sendable {
    private let kept = Mutex<[StatusChange]>([])

    var changes: [StatusChange] { kept.withLock(\.self) }

    var deliver: Deliver {
        { change in
            self.kept.withLock { $0.append(change) }
            return .delivered
        }
    }
}
