import PresenceCore
import PresenceStore

/// A place in the order of all shards' events.
package struct FeedPosition: Sendable, Hashable, Comparable {
    /// Of the event's position in its stream: Redis time, and a number among those of one millisecond.
    package var ms: Int
    package var sequence: UInt64
    /// Orders events of different shards that have the same.
    package var shard: Shard

    package init(ms: Int, sequence: UInt64 = 0, shard: Shard = 0) {
        self.ms = ms
        self.sequence = sequence
        self.shard = shard
    }

    /// - Parameter position: `<ms>-<sequence>`
    /// - Returns: nil for what is no position.
    package init?(_ position: String, of shard: Shard) {
        let parts = position.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let ms = StreamPosition.milliseconds(position), let sequence = UInt64(parts[1]) else {
            return nil
        }
        self.init(ms: ms, sequence: sequence, shard: shard)
    }

    /// As in the event's stream.
    package var inStream: String { "\(ms)-\(sequence)" }

    package static func < (one: Self, other: Self) -> Bool {
        (one.ms, one.sequence, one.shard) < (other.ms, other.sequence, other.shard)
    }

    /// The position in the stream of another shard behind which all its events come later in the order than this.
    func start(in shard: Shard) -> String {
        if shard <= self.shard { return "\(ms)-\(sequence)" }
        if sequence > 0 { return "\(ms)-\(sequence - 1)" }
        return ms > 0 ? "\(ms - 1)-\(UInt64.max)" : "0-0"
    }
}

/// Where somebody goes on to follow: every change up to there was told, or will not come any more.
package struct FeedCursor: Sendable, Hashable, CustomStringConvertible {
    /// Longer is none of ours.
    package static let bytesMax = 80

    package var position: FeedPosition
    /// Of the data it is a place in, see `PresenceStore.dataID`.
    package var dataID: String

    package init(_ position: FeedPosition, dataID: String) {
        self.position = position
        self.dataID = dataID
    }

    /// - Returns: nil for what no feed gave out.
    package init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count <= Self.bytesMax, parts.count == 4, let ms = Int(digits: parts[0]),
            ms <= StoredNumber.most, let sequence = UInt64(parts[1]), String(sequence) == parts[1],
            let shard = Int(digits: parts[2]), shard < KeySpace.shardsMax, !parts[3].isEmpty,
            parts[3].utf8.allSatisfy(\.isAlphanumeric)
        else { return nil }
        self.init(FeedPosition(ms: ms, sequence: sequence, shard: shard), dataID: String(parts[3]))
    }

    package var description: String { "\(position.ms)-\(position.sequence)-\(position.shard)-\(dataID)" }
}
