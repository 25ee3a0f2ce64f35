import NIOCore
import PresenceCore
import Testing

@testable import Gateway

@Suite("Ends that Redis could not be told of")
struct UnrecordedEndsTests {
    private let start = NIODeadline.now()

    private func end(_ link: Int, after seconds: Int64 = 60) throws -> SessionEnd {
        SessionEnd(
            user: try UserID("ann"), session: try SessionID("Web:default:one"), link: link,
            deadline: start + .seconds(seconds))
    }

    @Test("While Redis does not answer one of them tries; when it does, all are told")
    func outage() throws {
        var ends = UnrecordedEnds()
        #expect(!ends.isOutage)
        for link in 1...3 { ends.keep(try end(link), of: 0) }
        #expect(ends.isOutage(0))
        let first = ends.probe(now: start)
        let probe = try #require(first)
        #expect(probe.link == 1)
        ends.keep(probe, of: 0)
        let all = ends.takeAll(of: 0)
        #expect(all.map(\.link) == [2, 3, 1])
        let none = ends.takeAll(of: 0)
        #expect(!ends.isOutage && none.isEmpty)
    }

    @Test("A shard that is not served keeps nothing of another one waiting; each tries in turn")
    func shards() throws {
        var ends = UnrecordedEnds()
        for link in 1...2 { ends.keep(try end(link), of: 0) }
        #expect(ends.isOutage(0) && !ends.isOutage(1))
        ends.keep(try end(3), of: 1)
        let probes = (1...2).map { _ in ends.probe(now: start)?.link }
        #expect(probes == [1, 3])
        // The second succeeds.
        ends.keep(try end(1), of: 0)
        let left = ends.takeAll(of: 1)
        #expect(left.isEmpty && !ends.isOutage(1))
        let next = ends.probe(now: start)
        #expect(next?.link == 2)
        let all = ends.takeAll()
        #expect(all.map(\.link) == [1] && !ends.isOutage)
    }

    @Test("One that was settled without it is forgotten; when none is left the next end finds out itself")
    func deadline() throws {
        var ends = UnrecordedEnds()
        ends.keep(try end(1, after: 5), of: 0)
        ends.keep(try end(2, after: 9), of: 0)
        let probe = ends.probe(now: start + .seconds(5))
        #expect(probe?.link == 2)
        #expect(ends.isOutage)
        ends.keep(try end(3, after: 9), of: 0)
        let late = ends.probe(now: start + .seconds(9))
        #expect(late == nil)
        #expect(!ends.isOutage)
    }

    @Test("There is a limit, and the newest are kept")
    func limit() throws {
        var ends = UnrecordedEnds(countMax: 3)
        for link in 0...3 { ends.keep(try end(link), of: link % 2) }
        let kept = ends.takeAll()
        #expect(Set(kept.map(\.link)) == [1, 2, 3])
    }
}
