import AsyncHTTPClient
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import PresenceCore
import PresenceStore
import RedisClient
import Support
import Synchronization

@testable import PresenceWorker

extension DeliveryPaces {
    /// The same in kind as the real ones, and some fifty times as fast.
    static var fast: DeliveryPaces {
        var paces = DeliveryPaces()
        paces.asideAfter = .milliseconds(200)
        paces.deadAfter = .milliseconds(500)
        paces.faultAfter = .milliseconds(50)
        paces.retry = RetryDelay(firstMs: 10, mostMs: 100, askedMostMs: 200)
        paces.asideRetry = RetryDelay(firstMs: 50, mostMs: 200, askedMostMs: 1_000)
        paces.probe = RetryDelay(firstMs: 20, mostMs: 100, askedMostMs: 300)
        paces.failurePause = .milliseconds(50)
        paces.tick = .milliseconds(10)
        paces.lookPause = .milliseconds(200)
        return paces
    }
}

/// The delivery of all shards of a store, without the rest of a worker.
struct DeliveryHarness: Sendable {
    let store: PresenceStore
    let owned: OwnedShards
    let delivery: Delivery

    /// Runs the body beside the delivery of a store on a Redis of its own.
    static func with(
        shards: Int = 4, backlogMax: Int = 1_000_000, paces: DeliveryPaces = .fast, deliver: Deliver?,
        logger: Logger = .silent, body: (DeliveryHarness) async throws -> Void
    ) async throws {
        try await RedisServer.withRedis { server in
            try await server.withClient { redis in
                var options = StoreOptions(worker: "a")
                options.eventsBacklogMax = backlogMax
                let store = PresenceStore(
                    redis: redis, keys: KeySpace(prefix: "test", shards: shards), options: options)
                try await run(on: store, paces: paces, deliver: deliver, logger: logger, body: body)
            }
        }
    }

    /// Runs the body beside the delivery of this store by its worker; at the end it is stopped, as a worker does.
    static func run(
        on store: PresenceStore, paces: DeliveryPaces = .fast, deliver: Deliver?, logger: Logger = .silent,
        body: (DeliveryHarness) async throws -> Void
    ) async throws {
        let owned = OwnedShards(worker: store.options.worker, shards: store.keys.shards)
        let taken = await store.own(Array(0..<store.keys.shards), leaseMs: 600_000).answers
        owned.took(taken, leaseMs: 600_000, asked: .now)
        let delivery = Delivery(
            store: store, owned: owned, deliver: deliver, inFlightMax: 16, paces: paces, logger: logger)
        let running = Task { await delivery.run() }
        let hearing = Task {
            while !Task.isCancelled {
                let tended = await store.tend(owned.fences, leaseMs: 600_000, renewAtMs: 1, usersMax: 0)
                await delivery.heard(tended.answers.compactMapValues(\.streams))
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
        defer { hearing.cancel() }
        do {
            try await body(DeliveryHarness(store: store, owned: owned, delivery: delivery))
        } catch {
            await delivery.stop()
            throw error
        }
        await delivery.stop()
        await running.value
        await store.release(taken.mapValues(\.fence))
    }

    /// One change of the user.
    func login(_ user: String) async throws {
        let answer = try await store.login(UserID(user), platform: .web, instance: InstanceID("1"), link: nil)
        guard case .accepted = answer else { throw NotLetIn(user: try UserID(user)) }
    }

    func command(_ words: String...) async throws -> RedisValue {
        try await store.redis.send(RedisCommand(words: words, routedBy: nil))
    }

    /// The sum of the lengths of these streams, or of these numbers of the cursors.
    func sum(_ key: (Shard) -> String, _ field: String? = nil) async throws -> Int {
        var sum = 0
        for shard in 0..<store.keys.shards {
            let words = field.map { ["HGET", key(shard), $0] } ?? ["XLEN", key(shard)]
            let answer = try await store.redis.send(RedisCommand(words: words, routedBy: nil))
            sum += Int(answer.int ?? 0)
        }
        return sum
    }
}

extension TendAnswer {
    fileprivate var streams: StreamTails? {
        if case .tended(let tended) = self { tended.streams } else { nil }
    }
}

/// Posts a change to a receiver, as the sender does, but for what the receiver of the tests does not read.
func post(_ change: StatusChange, to receiver: CallbackReceiver) async -> DeliveryOutcome {
    var request = HTTPClientRequest(url: receiver.url)
    request.method = .POST
    let body = """
        {"EventTime":\(change.atMs),"Info":{"Action":"\(change.action.rawValue)","To_Account":"\(change.user)",\
        "Reason":"\(change.reason.rawValue)"},"Presence":{"id":"\(change.id)","version":\(change.version),\
        "previous":\(change.previous)}}
        """
    request.body = .bytes(ByteBuffer(string: body))
    guard let answer = try? await HTTPClient.shared.execute(request, timeout: .seconds(2)) else {
        return .retry(afterMs: nil, detail: "no answer")
    }
    _ = try? await answer.body.collect(upTo: 1_024)
    switch answer.status.code {
    case 200..<300: return .delivered
    case 429: return .retry(afterMs: 60_000, detail: "the receiver answered 429")
    case 400..<500: return .refused(detail: "the receiver answered \(answer.status.code)")
    default: return .retry(afterMs: nil, detail: "the receiver answered \(answer.status.code)")
    }
}
