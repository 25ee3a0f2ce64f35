import PresenceCore
import PresenceStore

/// Where an export goes on, and where its feed begins.
package struct ExportCursor: Sendable, Hashable, CustomStringConvertible {
    /// Longer is none of ours.
    package static let bytesMax = 512
    /// What is kept of the name of a place.
    private static let nameBytesMax = UserID.bytesMax

    /// What is to be done in the shard.
    enum Step: Sendable, Hashable {
        /// Its users are to be named from the first on.
        case begin
        /// They are named up to this place. Behind the last of them those are named again who changed since this event:
        /// their deadlines may have come earlier, behind our back.
        case users(UserPlace, since: String, lowered: String)
        /// Those who changed since this event are to be named.
        case changed(since: String)
    }

    /// Taken before the first page.
    package let feed: FeedCursor
    var shard: Shard
    var step = Step.begin

    init(feed: FeedCursor, shard: Shard = 0) {
        self.feed = feed
        self.shard = shard
    }

    mutating func nextShard() {
        shard += 1
        step = .begin
    }

    package var description: String {
        let parts: [String] =
            switch step {
            case .begin: ["b"]
            case .users(let place, let since, let lowered): Self.parts(Self.shortened(place)) + [since, lowered]
            case .changed(let since): ["c", since]
            }
        return ([feed.description, String(shard)] + parts).joined(separator: "_")
    }

    private static func parts(_ place: UserPlace) -> [String] { ["u", hex(place.deadline.utf8), hex(place.name)] }

    /// What is too long for a user was put there by hand; the place behind all that begin like it is near enough, though
    /// a user of just that name and deadline would be passed over.
    private static func shortened(_ place: UserPlace) -> UserPlace {
        guard place.name.count > nameBytesMax else { return place }
        var behind = Array(place.name.prefix(nameBytesMax))
        while let last = behind.popLast() {
            if last < .max { return UserPlace(deadline: place.deadline, name: behind + [last + 1]) }
        }
        // Nothing else of this deadline is behind these.
        return UserPlace(deadline: Double(place.deadline).map { "\($0.nextUp)" } ?? place.deadline, name: [])
    }

    /// - Returns: nil for what no export gave out.
    package init?(_ text: String) {
        let parts = text.split(separator: "_", omittingEmptySubsequences: false).map(String.init)
        guard text.utf8.count <= Self.bytesMax, parts.count >= 3, let feed = FeedCursor(parts[0]),
            let shard = Int(digits: parts[1]), shard < KeySpace.shardsMax
        else { return nil }
        self.init(feed: feed, shard: shard)
        func position(_ index: Int) -> String? { FeedPosition(parts[index], of: 0) == nil ? nil : parts[index] }
        switch (parts[2], parts.count) {
        case ("b", 3): break
        case ("u", 7):
            guard let deadline = unhex(parts[3]).flatMap({ String(validating: $0, as: UTF8.self) }),
                Double(deadline).map({ !$0.isNaN }) ?? false, let name = unhex(parts[4]), let since = position(5),
                parts[6].allSatisfy(\.isNumber)
            else { return nil }
            step = .users(UserPlace(deadline: deadline, name: name), since: since, lowered: parts[6])
        case ("c", 4):
            guard let since = position(3) else { return nil }
            step = .changed(since: since)
        default: return nil
        }
    }
}

private func hex(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func unhex(_ text: String) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) else {
            return nil
        }
        bytes.append(byte)
    }
    return bytes
}
