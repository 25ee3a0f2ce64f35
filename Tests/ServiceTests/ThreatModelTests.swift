import HTTPServer
import JSON
import NIOCore
import PresenceCore
import PresenceProtocol
import PresenceStore
import RedisClient
import Support
import Testing
import UserSig

@testable import Gateway

@Suite("The limits of the threat model are those of the code:")
struct ThreatModelTests {
    private let rows: [String]

    init() throws {
        rows = try DocumentationPage.named("ThreatModel").prose.filter { $0.hasPrefix("| ") }
    }

    private func expectRow(_ beginning: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(rows.contains { $0.hasPrefix("| \(beginning) |") }, "\(beginning)", sourceLocation: sourceLocation)
    }

    /// With a blank between thousands.
    private func spaced(_ number: Int) -> String {
        number < 10_000 ? "\(number)" : "\(number / 1_000) \(String("\(1_000 + number % 1_000)".dropFirst()))"
    }

    @Test("Of everybody who reaches the port")
    func http() {
        let limits = HTTPServerLimits()
        func seconds(_ time: TimeAmount) -> String { "\(time.nanoseconds / 1_000_000_000) s" }
        let times = [
            limits.firstHeadTimeout, limits.headTimeout, limits.bodyTimeout, limits.writeTimeout, limits.idleTimeout,
        ]
        expectRow("a head; header fields | \(limits.headBytesMax >> 10) kB; \(limits.headerFieldsMax)")
        expectRow(
            "time to the first head; later heads; a body; reading an answer; between requests | "
                + times.map(seconds).joined(separator: "; "))
        expectRow("requests sent ahead on one connection | \(limits.requestsAheadMax), and 1 MiB of their bodies")
        expectRow("JSON: levels; fields of an object | \(JSONLimits.depthMax); \(JSONLimits.membersMax)")
    }

    @Test("Of clients")
    func gateway() {
        expectRow("time to the token | \(GatewayLimits.handshakeTimeout.nanoseconds / 1_000_000_000) s")
        expectRow(
            "bad tokens of one address | \(GatewayLimits.badTokensPerSecondMax) a second, "
                + "\(GatewayLimits.badTokensBurstMax) at once")
        expectRow(
            "a usersig; what it inflates to | \(UserSigLimits.textBytesMax >> 10) kB; "
                + "\(UserSigLimits.inflatedBytesMax >> 10) kB")
        expectRow(
            "frames of a client | \(GatewayLimits.framesPerSecondMax) a second, \(GatewayLimits.framesBurstMax) at once"
        )
        expectRow("a message | \(ProtocolLimits.clientMessageBytesMax) bytes")
        expectRow("bytes that wait for a client that does not read | \(GatewayLimits.queuedBytesMax >> 10) kB")
    }

    @Test("Of backends")
    func backends() {
        expectRow(
            "a user's id; a platform's name; an instance | "
                + "\(UserID.bytesMax) bytes; \(Platform.bytesMax); \(InstanceID.bytesMax)")
        expectRow("sessions of a user | `login.limits`, \(LoginLimits.instancesMax) of a platform at most")
        expectRow("events set aside: of a user; of a shard | 1 000; \(spaced(StoreLimits.asidePerShardMax))")
        #expect(StoreLimits.asidePerUserMax == 1_000)
        expectRow("dead letters of a shard | \(spaced(StoreLimits.deadLettersPerShardMax))")
        let queued = spaced(RedisClientOptions().commandsQueuedMax)
        expectRow("commands that wait for one Redis server | \(queued) of each event loop")
    }
}
