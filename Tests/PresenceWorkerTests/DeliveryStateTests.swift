import PresenceCore
import PresenceStore
import Testing

@testable import PresenceWorker

@Suite("Deliveries of a worker, as transcripts")
struct DeliveryStateTests {
    /// bob and cat log in again and again, so that others are accepted all the time.
    private func others(_ transcript: inout DeliveryTranscript, from number: Int, _ count: Int) throws {
        transcript.read(try (number..<(number + count)).map { try entry($0, $0.isMultiple(of: 2) ? "bob" : "cat") })
    }

    @Test("A user whose events keep failing in any way while others' are accepted is set aside after 10 s, in order")
    func setAside() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "ann", "bob"])
        let failures: [DeliveryOutcome] = [.down, .no, .retry(afterMs: nil, detail: "no answer within 2000 ms")]
        var made = 0
        transcript.play(.milliseconds(9_900)) { attempt in
            guard attempt.text.hasPrefix("ann") else { return .delivered }
            made += 1
            return failures[made % 3]
        }
        #expect(try !transcript.isAside("ann"), "not before 10 s")
        try others(&transcript, from: 4, 2)
        transcript.play(.seconds(8)) { $0.text.hasPrefix("ann") ? .down : .delivered }
        #expect(try transcript.isAside("ann"))
        #expect(transcript.news == ["keeps failing", "aside"])
        let events = try some(transcript.acknowledge())
        #expect(events.count == 5 && events.aside == ["1-0", "2-0"])
        #expect(try transcript.isAside("ann"), "now the index holds them")
        transcript.read([try entry(6, "ann")])
        #expect(transcript.acknowledge()?.aside == ["6-0"], "later ones are never started")
    }

    @Test("Without another user's acceptance nobody is set aside, however long it takes")
    func alone() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "ann"])
        let made = transcript.play(.seconds(120)) { _ in .no }
        #expect(try !transcript.isAside("ann"))
        #expect(Set(made) == ["ann1"] && made.count > 12)
        #expect(transcript.acknowledge() == nil)
    }

    @Test("A receiver that refuses everything is paused and probed with events of users in turn; nothing is marked")
    func refusesAll() throws {
        var transcript = DeliveryTranscript()
        let users = (1...300).map { "user\($0)" }
        try transcript.open(users)
        let made = transcript.play(.seconds(1)) { _ in .no }
        #expect(transcript.state.receiver.isAtFault && made.count < 900)
        let probes = transcript.play(.seconds(14)) { _ in .no }
        #expect(3...9 ~= probes.count && Set(probes).count == probes.count, "\(probes)")
        #expect(transcript.acknowledge() == nil && transcript.news.isEmpty)
        transcript.play(.seconds(10)) { _ in .delivered }
        let events = try some(transcript.acknowledge())
        #expect(events.count == 300 && events.aside.isEmpty)
        #expect(transcript.finished().isEmpty)
    }

    @Test("One bad event at the front cannot stand for all: its turn passes")
    func probeTurns() throws {
        var transcript = DeliveryTranscript(inFlightMax: 2)
        try transcript.open(["ann", "bob", "cat", "dan"])
        transcript.play(.seconds(3)) { _ in .down }
        #expect(transcript.state.receiver.isAtFault)
        let probes = transcript.play(.seconds(30)) { _ in .down }
        #expect(Set(probes).count == 4)
        for (one, other) in zip(probes, probes.dropFirst(4)) { #expect(one == other, "in turn") }
        transcript.play(.seconds(30)) { $0.text == "ann1" ? .down : .delivered }
        #expect(!transcript.state.receiver.isAtFault)
        #expect(transcript.start().isEmpty)
    }

    @Test("Failures while the receiver was at fault count against nobody when it is back")
    func forgiven() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "bob", "cat", "dan"])
        transcript.play(.seconds(60)) { _ in .down }
        var anns = 0
        // Of the time before 2.5 s count, so that less than 10 s of service are over at the end.
        transcript.play(.milliseconds(7_000)) { attempt in
            guard attempt.text == "ann1" else { return .delivered }
            anns += 1
            return .down
        }
        #expect(try anns >= 1 && !transcript.isAside("ann"))
    }

    @Test(
        "Where bad users beside few good ones look like a receiver at fault, a good one's event waits a second, not as asked"
    )
    func sparse() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "bob", "cat"])
        transcript.play(.seconds(15)) { _ in .retry(afterMs: 60_000, detail: "503") }
        #expect(transcript.state.receiver.isAtFault)
        transcript.read([try entry(10, "good")])
        let attempts = transcript.play(.milliseconds(1_300)) {
            $0.text.hasPrefix("good") ? .delivered : .retry(afterMs: 60_000, detail: "503")
        }
        #expect(attempts.contains { $0.hasPrefix("good") })
    }

    @Test("Three bad users beside few good events are set aside, though each good event ends a fault of the receiver")
    func threeBad() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "bob", "cat"])
        var number = 10
        for _ in 0..<12 {
            transcript.read([try entry(number, "good\(number)")])
            number += 1
            transcript.play(.seconds(10)) { $0.text.hasPrefix("good") ? .delivered : .down }
        }
        for user in ["ann", "bob", "cat"] { #expect(try transcript.isAside(user), "\(user)") }
    }

    @Test("Retry-After of one event makes only its user wait while others are accepted")
    func retryAfter() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "ann"])
        transcript.play(.milliseconds(100)) { _ in .retry(afterMs: 60_000, detail: "429") }
        try others(&transcript, from: 3, 10)
        let made = transcript.play(.seconds(9)) { _ in .delivered }
        #expect(
            made.count == 10 && !made.contains("ann1"), "it waits 10 s at most in the window, so that it is found out")
        #expect(transcript.play(.seconds(2)) { _ in .delivered } == ["ann1", "ann2"])
    }

    @Test("Of users set aside only the first event is tried, with 2 to 30 s between, in a quarter of the places")
    func asideRetries() throws {
        var transcript = DeliveryTranscript(inFlightMax: 8)
        let aside = try (1...10).flatMap { number in
            [try entry(number, "user\(number)"), try entry(number + 100, "user\(number)")]
        }
        try transcript.open([], aside: aside.sorted { $0.change?.version ?? 0 < $1.change?.version ?? 0 })
        #expect(transcript.start().isEmpty)
        transcript.pass(.seconds(2))
        let first = transcript.start()
        #expect(first.count == 2, "a quarter of 8")
        for attempt in first { transcript.end(attempt, .down) }
        let made = transcript.play(.seconds(120)) { _ in .down }
        for number in 1...10 {
            let own = made.filter { $0.hasPrefix("user\(number)@") }
            #expect(Set(own) == ["user\(number)@\(number)-0"] && 5...10 ~= own.count, "\(own)")
        }
        #expect(!transcript.state.receiver.isAtFault, "users known to fail say nothing about the receiver")
        transcript.play(.seconds(31)) { _ in .delivered }
        #expect(transcript.finished().count == 20, "the next one follows at once")
        #expect(try !transcript.isAside("user1"))
    }

    @Test("Users set aside are not tried while the receiver is at fault")
    func asideWaits() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["bob", "cat", "dan"], aside: [try entry(9, "ann", at: "900000-0")])
        let made = transcript.play(.seconds(60)) { _ in .down }
        #expect(transcript.state.receiver.isAtFault)
        #expect(made.filter { $0.hasPrefix("ann") }.isEmpty)
    }

    @Test("Dead when refused 5 times over 60 s with acceptances of others between; the next event has its own count")
    func dead() throws {
        var transcript = DeliveryTranscript()
        try transcript.open([], aside: [try entry(1, "ann", at: "900000-1"), try entry(2, "ann", at: "900000-2")])
        var number = 3
        let begin = transcript.now
        while transcript.finished().isEmpty, transcript.now - begin < .seconds(300) {
            transcript.read([try entry(number, number.isMultiple(of: 2) ? "bob" : "cat")])
            number += 1
            transcript.play(.seconds(1)) { $0.text.hasPrefix("ann") ? .no : .delivered }
        }
        #expect(transcript.finished().map(\.entry) == ["900000-1"])
        #expect(transcript.finished().first?.whyDead == "404" && transcript.finished().first?.attempts ?? 0 >= 5)
        #expect(transcript.now - begin >= .seconds(60) && transcript.news == ["dead"])
        #expect(try transcript.isAside("ann"))
        transcript.play(.seconds(50)) { _ in .no }
        #expect(transcript.finished().count == 1)
    }

    @Test("Refusals with no acceptance of others between count as one, and 5xx as none")
    func notDead() throws {
        var transcript = DeliveryTranscript()
        try transcript.open([], aside: [try entry(1, "ann", at: "900000-1"), try entry(2, "bob", at: "900000-2")])
        let made = transcript.play(.seconds(3_600)) { $0.text.hasPrefix("ann") ? .no : .down }
        #expect(made.count > 200 && transcript.finished().isEmpty)
    }

    @Test("Dead when it was set aside over 24 h ago, by Redis time")
    func tooOld() throws {
        var transcript = DeliveryTranscript()
        try transcript.open([], aside: [try entry(1, "ann", at: "900000-1")])
        transcript.play(.seconds(3), step: .seconds(1)) { _ in .down }
        transcript.pass(.seconds(86_400))
        #expect(transcript.start().isEmpty)
        #expect(
            transcript.finished() == [
                FinishedAside(entry: "900000-1", whyDead: "not accepted for too long", attempts: 1)
            ])
    }

    @Test("An event set aside that is there no more is finished; one that could not be read is tried again")
    func goneAside() throws {
        var transcript = DeliveryTranscript()
        try transcript.open([], aside: [try entry(1, "ann", at: "900000-1")])
        transcript.pass(.seconds(2))
        transcript.end(try transcript.startOne(), .untried)
        #expect(transcript.finished().isEmpty)
        transcript.pass(.seconds(2))
        transcript.end(try transcript.startOne(), .gone)
        #expect(transcript.finished().map(\.whyDead) == [nil])
    }

    @Test("What cannot be read is dead at once, in the outbox and among the set aside")
    func unreadable() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["", "ann"], aside: [OutboxEntry(position: "900000-1", change: nil)])
        transcript.play(.milliseconds(100)) { _ in .delivered }
        #expect(transcript.acknowledge()?.aside == ["1-0"])
        #expect(transcript.finished().map(\.entry) == ["900000-1", "9000001-0"])
        #expect(transcript.finished().allSatisfy { $0.whyDead != nil })
    }
}
