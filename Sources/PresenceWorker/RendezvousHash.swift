import PresenceStore

/// Fair shares without talk: every worker computes the same owner for a shard from the list of live workers,
/// and a worker that comes or goes moves only its own share.
enum RendezvousHash {
    static func shards(of worker: String, among live: [String], shards: Int) -> Set<Shard> {
        Set((0..<shards).filter { owner(of: $0, among: live) == worker })
    }

    static func owner(of shard: Shard, among live: [String]) -> String? {
        live.max { (weight($0, shard), $0) < (weight($1, shard), $1) }
    }

    /// FNV-1a over name and shard, its bits mixed once more: neighbouring shards must not go to one worker.
    private static func weight(_ worker: String, _ shard: Shard) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in worker.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        hash = (hash ^ UInt64(shard)) &* 0x9e37_79b9_7f4a_7c15
        hash = (hash ^ (hash >> 29)) &* 0xbf58_476d_1ce4_e5b9
        return hash ^ (hash >> 32)
    }
}
