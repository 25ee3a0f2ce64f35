import PresenceCore
import PresenceStore
import Testing

@testable import PresenceWorker

@Suite("Races of delivery, as transcripts")
struct DeliveryRaceTests {
    @Test("After a takeover the users of the events set aside are aside from the start")
    func takeover() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "bob"], aside: [try entry(9, "ann", at: "900000-1")])
        #expect(transcript.start().map(\.text) == ["bob2"])
        #expect(transcript.acknowledge()?.aside == ["1-0"])
    }

    @Test(
        "A replayed letter makes its user aside: what waits is marked, what is under way is not tried again beside it")
    func replayed() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "ann", "ann"])
        let started = try transcript.startOne()
        let serial = try #require(transcript.state.shards[0]?.serial)
        transcript.state.takeAside(0, serial: serial, [try entry(0, "ann", at: "900000-1")], transcript.now)
        transcript.pass(.seconds(2))
        #expect(transcript.start().isEmpty, "one event of a user at a time")
        transcript.end(started, .down)
        #expect(transcript.acknowledge()?.aside == ["1-0", "2-0", "3-0"])
        let made = transcript.play(.seconds(60)) { _ in .delivered }
        #expect(
            made == ["ann@900000-1", "ann@9000001-0", "ann@9000002-0", "ann@9000003-0"], "in the order of versions")
    }

    @Test("A letter replayed behind later events of its user is delivered before them")
    func replayedLate() throws {
        var transcript = DeliveryTranscript()
        let aside = [try entry(5, "ann", at: "900000-1"), try entry(7, "ann", at: "900000-2")]
        try transcript.open([], aside: aside + [try entry(3, "ann", at: "900000-3")])
        let made = transcript.play(.seconds(10)) { _ in .delivered }
        #expect(made == ["ann@900000-3", "ann@900000-1", "ann@900000-2"])
    }

    @Test("What this worker copied is not taken twice when it is read, and a letter replayed in between is not missed")
    func copiedThenRead() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann"], aside: [try entry(9, "bob", at: "100-0")])
        let serial = try #require(transcript.state.shards[0]?.serial)
        let ann = try UserID("ann")
        transcript.state.shards[0]?.window.setAside(ann)
        #expect(transcript.acknowledge()?.aside == ["1-0"])
        let read = [try entry(2, "cat", at: "200-0"), try entry(1, "ann", at: "9000001-0")]
        transcript.state.takeAside(0, serial: serial, read, transcript.now)
        #expect(transcript.state.shards[0]?.aside.count == 3)
        #expect(transcript.state.shards[0]?.aside.lastRead == "9000001-0")
    }

    @Test("Where what was read last is not there any more, or is another event, the shard is read anew")
    func movedWhileReading() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "bob"])
        let serial = try #require(transcript.state.shards[0]?.serial)
        var other = try entry(2, "bob")
        other.change?.id = "other-2"
        for read in [[other, try entry(3, "cat")], [try entry(3, "cat")], []] {
            #expect(transcript.take(read, serial: serial) == .moved)
        }
        #expect(transcript.take([try entry(2, "bob"), try entry(3, "cat")], serial: serial) == .caughtUp)
        #expect(transcript.start().count == 3)
    }

    @Test("An acknowledgement that came through before, without copies, is good; with copies the shard is read anew")
    func already() throws {
        for isAside in [false, true] {
            var transcript = DeliveryTranscript()
            try transcript.open(["ann", "bob"])
            for attempt in transcript.start() { transcript.end(attempt, .delivered) }
            let third = try isAside ? OutboxEntry(position: "3-0", change: nil) : entry(3, "ann")
            transcript.read([third])
            for attempt in transcript.start() { transcript.end(attempt, .delivered) }
            let serial = try #require(transcript.state.shards[0]?.serial)
            let front = try some(transcript.state.fronts(of: [0])[0])
            let next = transcript.state.acknowledged(0, serial: serial, front, .already, transcript.now)
            #expect(next == (isAside ? .moved : .done))
        }
    }

    @Test("An answer with fewer copies than were asked for, moved and lost end the window")
    func endings() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["", "ann"])
        let serial = try #require(transcript.state.shards[0]?.serial)
        let front = try some(transcript.state.fronts(of: [0])[0])
        for (answer, next) in [
            (Acknowledgement.acknowledged(aside: []), DeliveryState.Writing.moved), (.moved, .moved), (.lost, .lost),
        ] { #expect(transcript.state.acknowledged(0, serial: serial, front, answer, transcript.now) == next) }
    }

    @Test("The end of an attempt from before the shard was read anew changes nothing but what it says of the receiver")
    func lateEnd() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann"])
        let late = try transcript.startOne()
        #expect(transcript.state.inFlight[0] == 1)
        transcript.state.shards[0] = nil
        try transcript.open(["ann"])
        transcript.end(late, .delivered)
        #expect(transcript.acknowledge() == nil && transcript.state.inFlight[0] == nil)
        #expect(transcript.start().map(\.text) == ["ann1"])
    }

    @Test("A shard that is not owned any more by this worker's clock is dropped")
    func notOwned() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann", "ann"])
        transcript.end(try transcript.startOne(), .notOwned)
        #expect(transcript.state.shards[0] == nil && transcript.start().isEmpty)
    }

    @Test("In shards to be given up nothing is started, neither of the window nor of the set aside")
    func leaving() throws {
        var transcript = DeliveryTranscript()
        try transcript.open(["ann"], aside: [try entry(9, "bob", at: "900000-1")])
        try transcript.open(["cat"], shard: 1)
        transcript.state.leaving = [0]
        #expect(transcript.play(.seconds(5)) { _ in .delivered } == ["cat1"])
    }

    @Test("Shards take turns, so that one with much to do does not hold up the others")
    func turns() throws {
        var transcript = DeliveryTranscript(inFlightMax: 1)
        try transcript.open((1...50).map { "busy\($0)" })
        try transcript.open(["ann", "bob"], shard: 1)
        let first = transcript.start().prefix(4).map(\.shard)
        #expect(Array(first) == [0, 1, 0, 1])
    }

    @Test("What a user or a shard has aside beyond the limits is dead, the oldest first, but not what is under way")
    func excess() throws {
        var aside = AsideUsers(paces: DeliveryPaces())
        let most = StoreLimits.asidePerUserMax
        let ann = try UserID("ann")
        _ = aside.read(try (1...most).map { try entry($0, "ann") })
        #expect(aside.removeExcess(of: [ann]).isEmpty)
        #expect(aside.start(ann) == "1-0")
        _ = aside.read([try entry(most + 1, "ann")])
        #expect(aside.removeExcess(of: [ann]).map(\.entry) == ["2-0"])
        let shardMost = StoreLimits.asidePerShardMax
        _ = aside.read(try (1...(shardMost - most + 3)).map { try entry(most + 1 + $0, "user\($0)") })
        #expect(aside.removeExcess().map(\.entry) == ["3-0", "4-0", "5-0"])
        #expect(aside.count == shardMost)
    }

    @Test("A receiver that is down does not fill the memory: open events are bounded, and every shard has some")
    func room() throws {
        var transcript = DeliveryTranscript()
        let users = (1...WorkerLimits.windowOpenMax).map { "user\($0)" }
        for shard in 0..<8 { try transcript.open(users, shard: shard) }
        try transcript.open(Array(users.prefix(100)), shard: 8)
        let open = transcript.state.shards.values.map(\.window.openCount)
        #expect(open.reduce(0, +) == WorkerLimits.openEventsMax + WorkerLimits.windowOpenLeast)
        #expect(transcript.state.shards[8]?.isShort == true)
        #expect(transcript.state.readable(0..<9).isEmpty)
    }
}
