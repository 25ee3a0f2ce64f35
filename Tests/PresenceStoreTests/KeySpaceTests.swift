import PresenceCore
import Testing

@testable import PresenceStore

@Suite struct KeySpaceTests {
    @Test(
        "The shard of a user is the CRC-32 anyone can compute",
        arguments: [("123456789", 0xCBF4_3926), ("", 0), ("a", 0xE8B7_BE43), ("abc", 0x3524_41C2)] as [(String, UInt32)]
    )
    func checksum(_ text: String, _ expected: UInt32) throws {
        #expect(CRC32.checksum(text.utf8) == expected)
        guard !text.isEmpty else { return }
        #expect(KeySpace(prefix: "p", shards: 128).shard(of: try UserID(text)) == Int(expected % 128))
    }

    @Test("Keys are named as documented")
    func names() throws {
        let keys = KeySpace(prefix: "presence", shards: 128)
        let user = try UserID("123456789")
        let session = try SessionID("iPhone:default:k3J9")
        #expect(keys.shard(of: user) == 38)
        #expect(keys.user(user) == "presence:{038}:user:123456789")
        #expect(keys.lease(user, session) == "presence:{038}:lease:123456789:iPhone:default:k3J9")
        #expect(keys.push(user, session) == "presence:{038}:push:123456789:iPhone:default:k3J9")
        #expect(keys.revoked(user) == "presence:{038}:revoked:123456789")
        #expect(keys.deadlines(7) == "presence:{007}:deadlines")
        #expect(keys.events(127) == "presence:{127}:events")
        #expect(keys.workers == "presence:workers")
        #expect(keys.meta == "presence:meta")
        #expect(keys.workerChannel("host-Ab3dE6") == "presence:worker:host-Ab3dE6")
    }

    static let wakeUps: [(String, WakeUp?)] = [
        ("test:{001}:lease:ann:Web:1:g", .sweep(1)), ("test:{000}:push:ann:Web:1:g", .sweep(0)),
        ("test:{001}:events", .delivery(1)), ("test:{001}:deadlines", nil), ("test:{002}:events", nil),
        ("tests:{001}:events", nil), ("test:{-1}:events", nil), ("test:{x}:events", nil), ("test:{001", nil),
        ("other", nil), ("", nil),
    ]

    @Test("A notification wakes the shard its key belongs to, and nobody for keys of others", arguments: wakeUps)
    func wakeUp(_ key: String, _ expected: WakeUp?) {
        #expect(KeySpace(prefix: "test", shards: 2).wakeUp(forKey: key) == expected)
    }

    @Test("A notification wakes the shard whatever the user's id begins with", arguments: ["\u{301}", "}", "{", "👩"])
    func wakeUpOddUser(_ id: String) throws {
        let keys = KeySpace(prefix: "test", shards: 2)
        let user = try UserID(id)
        #expect(keys.wakeUp(forKey: keys.lease(user, .never("Web:1"))) == .sweep(keys.shard(of: user)))
    }
}
