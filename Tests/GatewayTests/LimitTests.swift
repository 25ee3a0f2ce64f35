import NIOCore
import Testing

@testable import Gateway

@Suite("What clients may take")
struct LimitTests {
    static let start = NIODeadline.now()

    @Test("A bucket gives its burst at once, then its rate, and never saves up more than the burst")
    func bucket() {
        var bucket = TokenBucket(perSecond: 10, burst: 3, now: Self.start)
        func taken(at milliseconds: Int64, of tries: Int) -> Int {
            (0..<tries).count { _ in bucket.take(now: Self.start + .milliseconds(milliseconds)) }
        }
        #expect(taken(at: 0, of: 10) == 3)
        #expect(taken(at: 99, of: 10) == 0)
        #expect(taken(at: 100, of: 10) == 1)
        #expect(taken(at: 1_100, of: 100) == 3)
    }

    @Test(
        "Of IPv6 all of a network of 64 bits counts as one address",
        arguments: [
            ("2001:db8::1", "2001:db8:0:0:ffff::2", true), ("2001:db8:0:1::1", "2001:db8::1", false),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.2", false), ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
        ])
    func networks(one: String, other: String, isSame: Bool) {
        var options = GatewayOptions()
        options.socketsPerAddressMax = 1
        let admission = Admission(options)
        #expect(admission.enter(one) == .admitted)
        #expect(admission.enter(other) == (isSame ? .tooManyOfAddress : .admitted))
        admission.leave(one)
        #expect(admission.enter(one) == .admitted, "leaving makes room in the same network")
    }

    @Test("Sockets of one address, of the worker and per second have a limit each, and leaving makes room")
    func admission() {
        var options = GatewayOptions()
        options.socketsPerAddressMax = 2
        options.socketsMax = 3
        options.acceptRateMax = 5
        let admission = Admission(options)
        func enter(_ address: String, at second: Int64 = 0) -> Admission.Answer {
            admission.enter(address, now: NIODeadline.now() + .seconds(second))
        }
        #expect([enter("a"), enter("a")] == [.admitted, .admitted])
        #expect(enter("a") == .tooManyOfAddress)
        #expect(enter("b") == .admitted)
        #expect(enter("c") == .overloaded, "the worker is full")
        admission.leave("a")
        #expect(enter("c") == .admitted)
        for address in ["a", "b", "c"] { admission.leave(address) }
        #expect(enter("d") == .admitted)
        admission.leave("d")
        #expect(enter("d") == .overloaded, "five were accepted this second")
        #expect(enter("d", at: 1) == .admitted)
    }
}
