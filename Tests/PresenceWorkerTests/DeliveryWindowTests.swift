import PresenceCore
import PresenceStore
import Testing

@testable import PresenceWorker

@Suite("The window of a shard's outbox")
struct DeliveryWindowTests {
    private func window(_ users: String...) throws -> DeliveryWindow {
        var window = DeliveryWindow(cursor: OutboxEntry(position: "0-0", change: nil), isThere: false)
        window.append(try users.enumerated().map { try entry($0.offset + 1, $0.element) }) { _ in false }
        return window
    }

    private func started(_ window: inout DeliveryWindow) -> [Int] {
        var tokens: [Int] = []
        while let (token, _) = window.startFresh() { tokens.append(token) }
        return tokens
    }

    private let ann = try! UserID("ann")
    private let bob = try! UserID("bob")

    @Test("Events of different users start together, those of one user one after the other")
    func order() throws {
        var window = try window("ann", "bob", "ann", "bob", "cat")
        #expect(started(&window) == [0, 1, 4])
        window.done(1, of: bob)
        #expect(started(&window) == [3])
        window.failed(0)
        #expect(started(&window).isEmpty, "one that failed is started when its pause is over")
        #expect(window.start(2) == nil, "not before the user's first")
        #expect(window.start(0)?.version == 1)
        window.done(0, of: ann)
        #expect(started(&window) == [2])
    }

    @Test("The cursor moves over the done front only, and names the last event's own id")
    func front() throws {
        var window = try window("ann", "bob", "cat")
        _ = started(&window)
        window.done(1, of: bob)
        #expect(window.front(fence: 7) == nil)
        window.done(0, of: ann)
        let front = try some(window.front(fence: 7))
        #expect(front == DoneEvents(fence: 7, after: "0-0", position: "2-0", id: "g2-2", count: 2))
        #expect(window.acknowledged(count: 2).isEmpty)
        #expect(window.front(fence: 7) == nil && window.cursor.position == "2-0" && window.count == 1)
        #expect(window.openCount == 1 && window.last.position == "3-0")
    }

    @Test("A user set aside takes the waiting events along, and those that come; one under way stays open")
    func aside() throws {
        var window = try window("ann", "ann", "bob", "ann")
        #expect(started(&window) == [0, 2])
        window.setAside(ann)
        #expect(window.openCount == 2 && window.holdsAside(ann))
        window.append([try entry(5, "ann")]) { _ in false }
        #expect(started(&window).isEmpty && window.openCount == 2)
        window.failed(0)
        window.setAside(ann)
        window.done(2, of: bob)
        let front = try some(window.front(fence: 1))
        #expect(front.count == 5 && front.aside == ["1-0", "2-0", "4-0", "5-0"])
        #expect(window.acknowledged(count: 5).map { $0?.version } == [1, 2, 4, 5])
        #expect(!window.holdsAside(ann) && window.openCount == 0)
        window.append([try entry(6, "ann")]) { _ in false }
        #expect(started(&window) == [5], "nothing of the user is aside any more")
    }

    @Test("Of an event that failed before it is told how many attempts it took; of one set aside, how many failed")
    func attempts() throws {
        var window = try window("ann", "bob", "cat")
        _ = started(&window)
        window.failed(0)
        window.notMade(1)
        window.failed(2)
        for token in [0, 1, 2] { _ = window.start(token) }
        window.done(0, of: ann)
        window.done(1, of: bob)
        window.failed(2)
        window.setAside(try UserID("cat"))
        let front = try some(window.front(fence: 7))
        #expect(front.aside == ["3-0"] && front.attempts == ["1-0": 2, "3-0": 2])
        _ = window.acknowledged(count: 3)
        window.append([try entry(4, "ann")]) { _ in false }
        for token in started(&window) { window.done(token, of: ann) }
        #expect(window.front(fence: 7)?.attempts == [:], "nothing is left of those that are acknowledged")
    }

    @Test("An entry that cannot be read is set aside and holds up nobody; its id is empty")
    func unreadable() throws {
        var window = DeliveryWindow(cursor: OutboxEntry(position: "0-0", change: nil), isThere: false)
        window.append([OutboxEntry(position: "1-0", change: nil), try entry(2, "ann")]) { _ in false }
        #expect(started(&window) == [1])
        let front = try some(window.front(fence: 1))
        #expect(front == DoneEvents(fence: 1, after: "0-0", position: "1-0", id: "", count: 1, aside: ["1-0"]))
    }

    @Test("One acknowledgement takes a bounded number of events and of copies")
    func bounds() throws {
        var window = DeliveryWindow(cursor: OutboxEntry(position: "0-0", change: nil), isThere: false)
        let count = WorkerLimits.acknowledgedEventsMax + 1
        window.append(try (1...count).map { try entry($0, "user\($0)") }) { _ in false }
        for token in started(&window) { window.done(token, of: try UserID("user\(token + 1)")) }
        #expect(window.front(fence: 1)?.count == WorkerLimits.acknowledgedEventsMax)
        _ = window.acknowledged(count: WorkerLimits.acknowledgedEventsMax)
        window.append(try (0..<count).map { try entry(count + 1 + $0, "ann") }) { _ in true }
        #expect(window.front(fence: 1)?.aside.count == WorkerLimits.acknowledgedAsideMax)
    }
}

@Suite("Pauses between attempts")
struct RetryDelayTests {
    @Test("They double up to the limit, lose up to half by chance, and are no shorter than asked for, within bounds")
    func pauses() {
        let delay = RetryDelay(firstMs: 200, mostMs: 10_000, askedMostMs: 60_000)
        let full = (1...9).map { delay.duration(afterAttempt: $0, part: 1) }
        #expect(full == [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000].map { .milliseconds($0) })
        #expect(delay.duration(afterAttempt: 1, part: 0) == .milliseconds(100))
        #expect(delay.duration(afterAttempt: 1, askedMs: 30_000) == .seconds(30))
        #expect(delay.duration(afterAttempt: 1, askedMs: .max) == .seconds(60))
        #expect(delay.duration(afterAttempt: .max, part: 1) == .seconds(10))
    }
}
