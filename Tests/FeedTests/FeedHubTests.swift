import NIOCore
import PresenceCore
import PresenceStore
import Telemetry
import Testing

@testable import Feed

extension FeedFrames {
    /// Frames that say in a word what they are of.
    static let words = FeedFrames(
        opening: ByteBuffer(string: "opening "),
        change: { ByteBuffer(string: "\($0.change.user)-\($0.change.version) ") },
        cursor: { _ in ByteBuffer(string: "cursor ") }, heartbeat: ByteBuffer(string: "heartbeat "),
        end: { ByteBuffer(string: "end:\($0.rawValue) ") })
}

@Suite("Who is told")
struct FeedHubTests {
    private let hub = FeedHub(frames: .words, streamsMax: 3, figures: FeedFigures(.none))
    private let ann = try! UserID("ann")
    private let bob = try! UserID("bob")

    private func change(_ user: UserID, _ version: Int) -> FeedChange {
        FeedChange(
            change: LogModel.change(user.rawValue, version), position: FeedPosition(ms: version),
            cursor: FeedCursor(FeedPosition(ms: version), dataID: "a"))
    }

    /// What waits for it, to its end or so many parts.
    private func parts(_ listener: FeedListener, _ count: Int = 1) async -> String {
        var text = ""
        for _ in 0..<count { text += await listener.next().map { String(buffer: $0) } ?? "nil" }
        return text
    }

    @Test("Those who follow all hear all, those who follow users theirs, in order; who has left nothing")
    func told() async throws {
        let all = try hub.join(nil)
        let one = try hub.join([ann])
        let both = try hub.join([ann, bob])
        for listener in [one, both] { hub.begin(listener, behind: [:]) }
        hub.tell([change(ann, 1), change(bob, 1), change(ann, 2)], now: .now)
        #expect(await parts(all) == "ann-1 bob-1 ann-2 ")
        #expect(await parts(one) == "ann-1 ann-2 ")
        #expect(await parts(both) == "ann-1 bob-1 ann-2 ")
        #expect(throws: StoreError.self) { try hub.join(nil) }
        hub.left(one)
        hub.tell([change(ann, 3)], now: .now)
        #expect(await parts(one) == "nil")
        #expect(await parts(both) == "ann-3 ")
        _ = try hub.join([bob])
    }

    @Test("What comes before the snapshot is told waits, and what is in the snapshot is left out")
    func floors() async throws {
        let listener = try hub.join([ann, bob])
        hub.tell([change(ann, 4), change(ann, 5), change(bob, 1)], now: .now)
        hub.begin(listener, behind: [ann: 4])
        #expect(await parts(listener) == "ann-5 bob-1 ")
        hub.tell([change(ann, 3), change(ann, 6)], now: .now)
        #expect(await parts(listener) == "ann-6 ")
        hub.forgetFloors(before: .now)
        hub.tell([change(ann, 3)], now: .now)
        #expect(await parts(listener) == "ann-3 ")
    }

    @Test("What comes while the snapshot is told is told behind it, once and in order")
    func begun() async throws {
        for _ in 0..<300 {
            let listener = try hub.join([ann])
            let telling = Task.detached { for version in 1...20 { hub.tell([change(ann, version)], now: .now) } }
            hub.begin(listener, behind: [ann: 3])
            await telling.value
            #expect(await parts(listener) == (4...20).map { "ann-\($0) " }.joined())
            hub.left(listener)
        }
    }

    @Test("For whom too much waits before the snapshot is told is ended too")
    func heldTooMuch() async throws {
        let listener = try hub.join([ann])
        for version in 1...60_000 { hub.tell([change(ann, version)], now: .now) }
        hub.begin(listener, behind: [:])
        #expect(await parts(listener, 2) == "end:too-slow nil")
        #expect(hub.pending.count == 0)
    }

    @Test("For whom too much waits is ended with a reason, and the others go on")
    func slow() async throws {
        let (slow, fast) = (try hub.join([ann]), try hub.join([ann]))
        for listener in [slow, fast] { hub.begin(listener, behind: [:]) }
        var heard = 0
        for version in 1...60_000 {
            hub.tell([change(ann, version)], now: .now)
            if version.isMultiple(of: 100) { heard += await parts(fast).split(separator: " ").count }
        }
        #expect(await parts(slow, 2) == "end:too-slow nil")
        #expect(hub.pending.count == 0)
        #expect(heard == 60_000)
        #expect(hub.counts.ofUsers == 1)
    }

    @Test("While as much is being written as may wait nobody joins with a snapshot")
    func full() async throws {
        let writing = try hub.join(nil)
        writing.writes(FeedLimits.pendingBytesTotalMax + 1)
        #expect(throws: StoreError.self) { try hub.join([ann]) }
        _ = try hub.join(nil)
        writing.writes(0)
        _ = try hub.join([ann])
    }

    @Test("Who is cut off while it took nothing was too slow, whatever was being written to it; else it left")
    func cutOff() async throws {
        let (behind, gone) = (try hub.join(nil, isBehind: true), try hub.join(nil))
        behind.writes(100, now: .now - FeedLimits.unreadMax)
        #expect(behind.left(now: .now) == .tooSlow)
        #expect(gone.left(now: .now) == .left)
    }

    @Test("Who hears nothing for 15 s gets a sign of life, with a cursor where that is of use")
    func heartbeats() async throws {
        let (all, one) = (try hub.join(nil), try hub.join([ann]))
        hub.begin(one, behind: [:])
        let cursor = FeedCursor(FeedPosition(ms: 1), dataID: "a")
        for second in 0..<15 { hub.beat(second: second, cursor: cursor, now: .now) }
        hub.tell([change(ann, 1)], now: .now)
        let later = ContinuousClock.now + .seconds(15)
        for second in 0..<15 { hub.beat(second: second, cursor: cursor, now: later) }
        #expect(await parts(all) == "ann-1 cursor ")
        #expect(await parts(one) == "ann-1 heartbeat ")
    }

    @Test("A worker that stops ends all behind what waits, and lets nobody join")
    func stop() async throws {
        let (all, waiting) = (try hub.join(nil), try hub.join([bob]))
        hub.tell([change(ann, 1)], now: .now)
        async let ended = parts(waiting, 2)
        hub.stop()
        #expect(await ended == "end:stopping nil")
        #expect(await parts(all, 2) == "ann-1 end:stopping nil")
        #expect(throws: StoreError.self) { try hub.join(nil) }
    }

    @Test("A task that is cancelled waits no longer")
    func cancelled() async throws {
        let listener = try hub.join(nil)
        let task = Task { await listener.next() }
        task.cancel()
        #expect(await task.value == nil)
    }
}
