import PresenceCore
import RedisClient
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
        #expect(keys.recent(user) == "presence:{038}:recent:123456789")
        #expect(keys.deadlines(7) == "presence:{007}:deadlines")
        #expect(keys.alarm(7) == "presence:{007}:alarm")
        #expect(keys.events(127) == "presence:{127}:events")
        #expect(keys.rules == "presence:rules")
        #expect(keys.workers == "presence:workers")
        #expect(keys.meta == "presence:meta")
        #expect(keys.workerChannel("host-Ab3dE6") == "presence:worker:host-Ab3dE6")
    }

    @Test(
        "A key is known for a shard's and no other",
        arguments: [
            ("test:{001}:events", 1, "events"), ("test:{000}:lease:\u{301}:Web:1:g", 0, "lease:\u{301}:Web:1:g"),
            ("test:{002}:events", nil, nil), ("tests:{001}:events", nil, nil), ("test:{-1}:events", nil, nil),
            ("test:{1}:events", nil, nil), ("test:{x}:events", nil, nil), ("test:{001", nil, nil), ("", nil, nil),
        ] as [(String, Shard?, String?)])
    func shardKey(_ key: String, _ shard: Shard?, _ name: String?) {
        let found = KeySpace(prefix: "test", shards: 2).shardKey(key)
        #expect(found?.0 == shard)
        #expect(found?.1 == name)
    }

    @Test("Up to 255 shards a tag is the number; from 256 on it falls into the slot that is the shard's share of all")
    func tags() {
        #expect(ShardTags.all(255).last == "254")
        #expect(HashSlot.of("123456789") == 0x31C3 % 16_384)
        for shards in [256, 1_000, KeySpace.shardsMax] {
            let tags = ShardTags.all(shards)
            #expect(tags.enumerated().allSatisfy { HashSlot.of($1) == $0 * 16_384 / shards })
            #expect(tags.enumerated().allSatisfy { $1.hasPrefix("\($0).") })
        }
        let (tag, slot) = (ShardTags.all(4_096)[7], 28)
        let smallest = (0...).first { HashSlot.of("7.\($0)") == slot }
        #expect(tag == "7.\(smallest ?? -1)")
    }

    @Test(
        "On 100 masters the fullest has at most 1.2 times the mean of the shards",
        arguments: [256, 500, 512, 1_000, 1_024, 2_048, 3_000, KeySpace.shardsMax])
    func spread(_ shards: Int) {
        var held = [Int](repeating: 0, count: 100)
        for tag in ShardTags.all(shards) { held[HashSlot.of(tag) * 100 / 16_384] += 1 }
        #expect(Double(held.max() ?? 0) <= max(1.2 * Double(shards) / 100, (Double(shards) / 100).rounded(.up)))
    }
}
