import RedisClient

/// The hash tags of the shards.
///
/// Up to `numbersMost` shards it is the shard's number, `071`. From then on they have to spread evenly over the 16384
/// slots of a cluster, which plain numbers do not: the tag is the number, a dot, and the smallest number behind it with
/// which it falls into the slot `shard * 16384 / shards`. Any tool can compute it: the slot is the CRC-16 (XMODEM) of
/// the tag modulo 16384.
enum ShardTags {
    private static let numbersMost = 255

    static func all(_ shards: Int) -> [String] {
        let finder = shards > numbersMost ? SuffixFinder() : nil
        return (0..<shards).map { shard in
            guard let finder else {
                let digits = String(shard)
                return String(repeating: "0", count: max(0, 3 - digits.count)) + digits
            }
            let number = "\(shard)."
            return number + String(finder.suffix(behind: number, slot: shard * HashSlot.count / shards))
        }
    }

    /// Finds the smallest number behind a text that gives a slot. A CRC is linear: that of text and number is that of
    /// the text followed by as many zero bytes, XOR that of the number alone; so each number is looked at only once.
    private struct SuffixFinder {
        /// The smallest number of each slot, by number of digits.
        private var numbers: [[Int?]] = []
        private var tried = 0

        init() {
            // Few slots have no number of up to five digits.
            while numbers.count < 5 {
                var smallest = [Int?](repeating: nil, count: HashSlot.count)
                let next = max(10, tried * 10)
                for number in (tried..<next).reversed() { smallest[HashSlot.of(String(number))] = number }
                numbers.append(smallest)
                tried = next
            }
        }

        func suffix(behind text: String, slot: Int) -> Int {
            var start = CRC16.checksum(text.utf8)
            for smallest in numbers {
                start = CRC16.checksum([0], from: start)
                if let number = smallest[(Int(start) ^ slot) % HashSlot.count] { return number }
            }
            return (tried...).first { HashSlot.of(text + String($0)) == slot } ?? tried
        }
    }
}
