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
        for link in 1...3 { ends.keep(try end(link)) }
        #expect(ends.isOutage)
        let first = ends.probe(now: start)
        let probe = try #require(first)
        #expect(probe.link == 1)
        ends.keep(probe)
        let all = ends.takeAll()
        #expect(all.map(\.link) == [2, 3, 1])
        let none = ends.takeAll()
        #expect(!ends.isOutage && none.isEmpty)
    }

    @Test("One that was settled without it is forgotten; when none is left the next end finds out itself")
    func deadline() throws {
        var ends = UnrecordedEnds()
        ends.keep(try end(1, after: 5))
        ends.keep(try end(2, after: 9))
        let probe = ends.probe(now: start + .seconds(5))
        #expect(probe?.link == 2)
        #expect(ends.isOutage)
        ends.keep(try end(3, after: 9))
        let late = ends.probe(now: start + .seconds(9))
        #expect(late == nil)
        #expect(!ends.isOutage)
    }

    @Test("There is a limit, and the newest are kept")
    func limit() throws {
        var ends = UnrecordedEnds()
        for link in 0...GatewayLimits.unrecordedPerLoopMax { ends.keep(try end(link)) }
        let kept = ends.takeAll()
        #expect(kept.count == GatewayLimits.unrecordedPerLoopMax && kept.first?.link == 1)
    }
}
