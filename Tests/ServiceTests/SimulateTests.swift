import Crypto
import Foundation
import NIOCore
import PresenceClient
import Testing
import UserSig

@testable import presence

@Suite("The parts of presence simulate")
struct SimulateTests {
    @Test("A platform mix is followed by the first hundred clients already")
    func mix() throws {
        let mix = try #require(PlatformMix(argument: "Web=50,Android=30,Windows=20"))
        let counts = Dictionary(grouping: (0..<100).map { mix[$0] }, by: \.self).mapValues(\.count)
        for (platform, part) in ["Web": 50, "Android": 30, "Windows": 20] {
            #expect(abs((counts[platform] ?? 0) - part) <= 2, "\(counts)")
        }
        #expect(mix.description == "Web=50,Android=30,Windows=20")
    }

    @Test(
        "A mix that makes no sense is refused", arguments: ["", "Web", "Web=", "Web=0", "=5", "Web=1,,Mac=1", "Web=-1"])
    func badMix(argument: String) {
        #expect(PlatformMix(argument: argument) == nil)
    }

    @Test("On loopback no source address has more than 200 clients; elsewhere the kernel chooses")
    func sources() throws {
        let addresses = (0..<60_000).map { SourceAddress.of(client: $0, to: "ws://127.0.0.1:8080")?.ipAddress }
        #expect(addresses[0] == "127.0.0.1" && addresses[200] == "127.0.0.2" && addresses[59_999] == "127.0.1.44")
        let crowds = Dictionary(grouping: addresses, by: \.self).mapValues(\.count)
        #expect(crowds.count == 300 && crowds.values.allSatisfy { $0 == 200 })
        #expect(SourceAddress.of(client: 0, to: "ws://presence.example:80") == nil)
    }

    @Test("Percentiles are at most an eighth too high, and never above the highest duration")
    func histogram() {
        var histogram = LatencyHistogram()
        #expect(histogram.percentile(0.99) == .zero)
        for us in 1...10_000 { histogram.record(.microseconds(us)) }
        for part in [0.1, 0.5, 0.9, 0.99] {
            let us = histogram.percentile(part) / .microseconds(1)
            #expect(us >= 10_000 * part && us <= 10_000 * part * 1.125)
        }
        #expect(histogram.percentile(1) == .milliseconds(10) && histogram.max == .milliseconds(10))
        histogram.record(.seconds(1_000_000))
        #expect(histogram.max == .seconds(1_000_000) && histogram.count == 10_001)
    }

    @Test("A pace loses no fractions")
    func pace() {
        var pace = Pace(perSecond: 333)
        let due = (0..<500).map { _ in pace.due(after: .milliseconds(20)) }
        #expect((3329...3330).contains(due.reduce(0, +)) && due.allSatisfy { (6...7).contains($0) })
    }

    @Test("The tally counts clients once, whatever they go through")
    func tally() {
        var tally = SimulationTally(clients: 2)
        let lost = PresenceClient.Event.disconnected(code: 1006, reason: "", retryIn: .seconds(1))
        tally.record(lost, of: 0, at: .seconds(1))
        tally.record(.connected(session: "a", resumed: false), of: 0, at: .seconds(2))
        tally.record(lost, of: 0, at: .seconds(3))
        tally.record(.connected(session: "a", resumed: true), of: 0, at: .seconds(4))
        tally.record(.heartbeat(latency: .milliseconds(2)), of: 0, at: .seconds(5))
        tally.record(.connected(session: "b", resumed: false), of: 1, at: .seconds(6))
        tally.record(.kicked(by: .operator(reason: nil)), of: 1, at: .seconds(7))
        tally.record(.closed, of: 0, at: .seconds(7))
        #expect(!tally.isConnected(0) && !tally.isConnected(1))
        let summary = tally.summary(at: .seconds(8))
        #expect(summary.connectedMax == 2 && summary.connects == 3 && summary.resumed == 1)
        #expect(summary.disconnects == 1 && summary.kicked == 1 && summary.errors == ["1006": 2])
        #expect(summary.allConnectedAfterSeconds == 6 && summary.heartbeats == 1)
        #expect(tally.line(at: .seconds(8)).hasPrefix("8 s: 0 of 2 connected"))
    }

    @Test("The tokens are usersigs, or JWTs signed with the secret")
    func tokens() throws {
        let key = UserSigKey(sdkAppID: 1, secretKey: "secret")
        let now = Int(Date.now.timeIntervalSince1970)
        #expect(throws: Never.self) { try key.verify(TokenIssuer.userSig(key).token(of: "ann"), of: "ann", at: now) }
        let parts = try TokenIssuer.jwt(secret: "secret").token(of: "ann").split(separator: ".").map(String.init)
        let code = HMAC<SHA256>.authenticationCode(
            for: Data("\(parts[0]).\(parts[1])".utf8), using: SymmetricKey(data: Data("secret".utf8)))
        #expect(bytes(parts[2]) == Data(code))
        #expect(String(decoding: bytes(parts[1]) ?? Data(), as: UTF8.self).contains(#""sub":"ann""#))
    }

    private func bytes(_ base64URL: String) -> Data? {
        let base64 = base64URL.replacing("-", with: "+").replacing("_", with: "/")
        return Data(base64Encoded: base64 + String(repeating: "=", count: (4 - base64.count % 4) % 4))
    }
}
