import Logging
import NIOCore
import Support
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
    func networks(one: String, other: String, isSame: Bool) throws {
        var options = GatewayOptions()
        options.socketsPerAddressMax = 1
        let admission = Admission(options, logger: .silent)
        let place = try admission.enter(one, isVerified: true)
        if isSame {
            #expect(throws: Refusal.tooManyOfAddress) { try admission.enter(other, isVerified: true) }
        } else {
            _ = try admission.enter(other, isVerified: true)
        }
        admission.leave(place)
        _ = try admission.enter(one, isVerified: true)
    }

    @Test("Sockets of one address and of the worker have a limit each, and leaving makes room")
    func sockets() throws {
        var options = GatewayOptions()
        options.socketsPerAddressMax = 2
        options.socketsMax = 3
        let admission = Admission(options, logger: .silent)
        let place = try admission.enter("a", isVerified: true)
        _ = try admission.enter("a", isVerified: true)
        #expect(throws: Refusal.tooManyOfAddress) { try admission.enter("a", isVerified: true) }
        _ = try admission.enter("b", isVerified: true)
        #expect(throws: Refusal.overloaded) { try admission.enter("c", isVerified: true) }
        admission.leave(place)
        _ = try admission.enter("c", isVerified: true)
    }

    @Test(
        "Sockets without a good token yet have half of the places, one address a tenth of that; a good one makes room")
    func unverifiedSockets() throws {
        var options = GatewayOptions()
        options.socketsMax = 40
        let admission = Admission(options, logger: .silent)
        var first = try admission.enter("a", isVerified: false)
        _ = try admission.enter("a", isVerified: false)
        #expect(throws: Refusal.tooManyOfAddress) { try admission.enter("a", isVerified: false) }
        for number in 0..<18 { _ = try admission.enter("b\(number)", isVerified: false) }
        #expect(throws: Refusal.overloaded) { try admission.enter("c", isVerified: false) }
        try admission.login(&first) {}
        var second = try admission.enter("a", isVerified: false)
        #expect(throws: Refusal.overloaded) { try admission.enter("c", isVerified: false) }
        admission.leave(first)
        #expect(throws: Refusal.overloaded) { try admission.enter("c", isVerified: false) }
        #expect(throws: Refusal.revoked) { try admission.login(&second) { () throws(Refusal) in throw .revoked } }
        admission.leave(second)
        _ = try admission.enter("c", isVerified: false)
    }

    @Test("So many clients log in per second, and no token is looked at for more; bad ones take nothing of it")
    func logins() throws {
        var options = GatewayOptions()
        options.loginRateMax = 2
        let admission = Admission(options, logger: .silent, now: Self.start)
        func login(at second: Int64 = 0, _ verify: () throws(Refusal) -> Void = {}) throws {
            let now = Self.start + .seconds(second)
            var place = try admission.enter("a", isVerified: false, now: now)
            defer { admission.leave(place, now: now) }
            try admission.login(&place, now: now, verify: verify)
        }
        for _ in 0..<10 { #expect(throws: Refusal.revoked) { try login { () throws(Refusal) in throw .revoked } } }
        for _ in 0..<2 { try login() }
        var isVerified = false
        #expect(throws: Refusal.tooManyLogins) { try login { isVerified = true } }
        #expect(!isVerified)
        try login(at: 1)
    }

    @Test("Of an address that has shown too many bad tokens no other is looked at for a while, also after it has left")
    func badTokens() throws {
        let admission = Admission(GatewayOptions(), logger: .silent, now: Self.start)
        func login(_ address: String, at milliseconds: Int64 = 0, isGood: Bool) throws {
            let now = Self.start + .milliseconds(milliseconds)
            var place = try admission.enter(address, isVerified: false, now: now)
            defer { admission.leave(place, now: now) }
            try admission.login(&place, now: now) { () throws(Refusal) in if !isGood { throw .revoked } }
        }
        for _ in 0..<GatewayLimits.badTokensBurstMax {
            #expect(throws: Refusal.revoked) { try login("2001:db8::1", isGood: false) }
        }
        #expect(throws: Refusal.tooManyBadTokens) { try login("2001:db8::2", isGood: true) }
        try login("2001:db8:0:1::1", isGood: true)
        #expect(throws: Refusal.tooManyBadTokens) { try login("2001:db8::2", at: 99, isGood: true) }
        try login("2001:db8::2", at: 100, isGood: true)
    }

    @Test(
        "The operator is told of clients that are not let in: each kind apart, with the address, but not while stopping"
    )
    func told() {
        let log = LogRecorder(level: .warning)
        let admission = Admission(GatewayOptions(), logger: log.logger)
        admission.tell(of: .tooManyOfAddress, from: "2001:db8::1")
        admission.tell(of: .tooManyOfAddress, from: "10.0.0.1")
        admission.tell(of: .tooManyBadTokens, from: "10.0.0.1")
        admission.tell(of: .stopping, from: "10.0.0.1")
        #expect(log.lines.count == 2, "\(log.lines)")
        #expect(log.has("address=2001:db8::/64 count=1 detail=Too many connections of this address"))
        #expect(log.has("address=10.0.0.1 count=1 detail=Too many tokens of this address"))
    }

    @Test("Addresses are forgotten that have no socket and no bad token of late")
    func addresses() throws {
        let admission = Admission(GatewayOptions(), logger: .silent, now: Self.start)
        func showBadToken(_ address: String, at second: Int64) {
            let now = Self.start + .seconds(second)
            guard var place = try? admission.enter(address, isVerified: false, now: now) else { return }
            try? admission.login(&place, now: now) { () throws(Refusal) in throw .revoked }
            admission.leave(place, now: now)
        }
        for number in 0..<GatewayLimits.idleAddressesMax { showBadToken("a\(number)", at: 0) }
        #expect(admission.addressCount == GatewayLimits.idleAddressesMax)
        showBadToken("b", at: 1)
        #expect(admission.addressCount == 1)
    }
}
