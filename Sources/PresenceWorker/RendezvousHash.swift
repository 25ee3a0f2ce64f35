import PresenceStore

/// Fair shares without talk: every worker computes the same owner for a shard from the list of live workers,
/// and a worker that comes or goes moves only its own share.
enum RendezvousHash {
    static func shards(of worker: String, among live: [String], shards: Int) -> Set<Shard> {
        Set(places(of: worker, among: live, shards: shards).filter { $0.value == 0 }.keys)
    }

    /// Where the worker stands in line for each shard: 0 for those of its share, 1 where it is next if their owner
    /// dies, and so on. None if it is not among the live.
    static func places(of worker: String, among live: [String], shards: Int) -> [Shard: Int] {
        guard live.contains(worker) else { return [:] }
        return (0..<shards).reduce(into: [:]) { places, shard in
            let own = (weight(worker, shard), worker)
            places[shard] = live.count { own < (weight($0, shard), $0) }
        }
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
